// The board: news of the others every two seconds, drag and drop beside the buttons, keys.
// Everything it does goes through the cards' own forms, so that the server decides the same way.
const EVERY = 2000;
const board = () => document.querySelector("[data-board]");
const dialog = document.getElementById("board-dialog");
const words = document.querySelector("[data-live-words]")?.dataset;
const cards = () => [...document.querySelectorAll("#board-columns [data-card]")];
const current = () => document.activeElement?.closest("#board-columns [data-card]");
let seen = Number(document.getElementById("board-after")?.value ?? 0);

// ---------------------------------------------------------------------------------- toasts
const toast = (element) => document.querySelector(".toasts")?.append(element);
const complain = (text, key) => {
  document.getElementById(key)?.remove();
  const box = document.createElement("div");
  box.className = "toast bad";
  box.id = key;
  const line = document.createElement("p");
  line.textContent = text;
  box.append(line);
  toast(box);
};

// ------------------------------------------------------------------------------- what is new
const lay = (card) => {
  const old = document.getElementById(card.id);
  const list = document.getElementById(`list-${card.dataset.list}`);
  const focused = old?.contains(document.activeElement) ? document.activeElement : null;
  const act = focused?.dataset.act;
  if (old) {
    if (old.querySelector("details.more")?.open) card.querySelector("details.more").open = true;
    old.remove();
  }
  if (!list) {
    card.remove();
    return;
  }
  const order = Number(card.dataset.order);
  const after = [...list.children].find((other) => Number(other.dataset.order) > order);
  list.insertBefore(card, after ?? null);
  card.classList.add("fresh");
  if (focused) (act && card.querySelector(`[data-act="${act}"]`) || card).focus({ preventScroll: true });
};

const take = (news) => {
  if ("whole" in news.dataset) board()?.dispatchEvent(new CustomEvent("board:reload"));
  for (const gone of news.querySelectorAll("[data-gone]")) document.getElementById(gone.dataset.gone)?.remove();
  for (const card of [...news.querySelectorAll("[data-card]")]) {
    card.remove(); // else two elements have its id
    lay(card);
  }
  for (const count of news.querySelectorAll("[data-count-of]")) {
    for (const place of document.querySelectorAll(`[data-count="${count.dataset.countOf}"]`)) place.textContent = count.textContent;
  }
  for (const line of [...news.querySelectorAll(".toast")]) {
    const number = Number(line.dataset.number);
    if (number > seen) toast(line);
    seen = Math.max(seen, number);
  }
  while (document.querySelectorAll(".toasts .toast").length > 4) document.querySelector(".toasts .toast").remove();
  news.remove();
};

document.addEventListener("htmx:afterSettle", (event) => {
  const news = document.querySelector("#board-live [data-news]");
  if (news) take(news);
  if (event.target.id === "board-form" && event.target.firstElementChild && dialog && !dialog.open) {
    dialog.showModal();
    (event.target.querySelector(".errorsummary, .alert + .field textarea") ?? event.target.querySelector("h2"))?.focus();
  }
});
document.addEventListener("board:done", () => dialog?.close());
dialog?.addEventListener("close", () => { document.getElementById("board-form").replaceChildren(); });
document.addEventListener("htmx:sendError", () => { if (board()) complain(words.failed, "board-offline"); });
document.addEventListener("htmx:responseError", (event) => {
  if (board() && event.detail.xhr.status !== 401) complain(words.refused, "board-refused");
});
document.addEventListener("htmx:afterOnLoad", () => document.getElementById("board-offline")?.remove());

const ask = () => {
  const live = document.querySelector("#board-live[data-live]");
  if (live && !document.hidden) live.dispatchEvent(new CustomEvent("board:poll"));
};
if (board()) {
  setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);
}

// --------------------------------------------------------------------------------- dragging
let dragged = null;
const target = (event) => event.target.closest?.("[data-drop], [data-drop-week]");
const mark = (list) => {
  for (const marked of document.querySelectorAll(".dropping")) if (marked !== list) marked.classList.remove("dropping");
  list?.classList.add("dropping");
};
document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-card][draggable]");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.id);
  dragged.classList.add("dragged");
});
document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  mark(null);
});
document.addEventListener("dragover", (event) => {
  const list = dragged && target(event);
  mark(list || null);
  if (list) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  const list = dragged && target(event);
  if (!list) return;
  event.preventDefault();
  const card = dragged;
  if (list.contains(card)) return;
  if ("dropWeek" in list.dataset) {
    const form = card.querySelector("[data-week-form]");
    form.elements.week.value = list.dataset.dropWeek;
    form.requestSubmit();
  } else card.querySelector(`[data-act="${list.dataset.drop}"]`)?.click();
});

// ------------------------------------------------------------------------------------- keys
const step = (by) => {
  const all = cards();
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
};
const act = (name) => {
  const card = current();
  const control = card?.querySelector(`[data-act="${name}"]`);
  if (!control) return;
  // The card leaves its list: go on with the one after it.
  const next = card.nextElementSibling ?? card.previousElementSibling;
  if (name !== "team") next?.focus({ preventScroll: true });
  control.click();
};
const keys = {
  j: () => step(1), k: () => step(-1),
  s: () => act("picked"), d: () => act("dropped"), n: () => act("undecided"), t: () => act("team"),
  p: () => current()?.querySelector("details.more > summary")?.click(),
  o: () => current()?.querySelector("h3 a")?.click(),
  u: () => document.querySelector("[data-undo-last]")?.click(),
};
document.addEventListener("keydown", (event) => {
  if (!board() || document.body.dataset.shortcuts !== "on" || document.querySelector("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
const help = document.getElementById("board-keys");
if (help) document.querySelector("#shortcuts dl")?.append(help.content.cloneNode(true));
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]") && dialog?.open) {
    event.preventDefault();
    dialog.close();
  }
});
