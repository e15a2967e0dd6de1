// Menu on phones, closing menus, toasts, keyboard shortcuts.
// Of tabs that do not fit, the present one is shown without moving the page.
for (const tabs of document.querySelectorAll(".tabs")) {
  const now = tabs.querySelector("[aria-current]");
  if (now && tabs.scrollWidth > tabs.clientWidth) tabs.scrollLeft = now.offsetLeft - tabs.offsetLeft - 16;
}

const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-navtoggle]");
  if (toggle) {
    const open = document.querySelector(".frame").classList.toggle("open");
    toggle.setAttribute("aria-expanded", String(open));
  }
  if (event.target.closest("[data-dismiss]")) event.target.closest(".toast")?.remove();
  if (event.target.closest("[data-print]")) window.print();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
  if (document.body.dataset.shortcuts !== "on" || typing(event.target)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll("table.list tbody tr")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const focusRow = (index) => rows[index]?.querySelector("th a, a")?.focus();
  const keys = {
    "/": () => document.querySelector(".topsearch input")?.focus(),
    "?": () => document.getElementById("shortcuts")?.showModal(),
    j: () => focusRow(Math.min(at + 1, rows.length - 1)),
    k: () => focusRow(Math.max(at - 1, 0)),
    x: () => rows[at]?.querySelector("input[type=checkbox]")?.click(),
    o: () => rows[at]?.querySelector("th a, a")?.click(),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

// After a refused form the summary gets the focus, as after a swap.
document.querySelector(".errorsummary")?.focus();
