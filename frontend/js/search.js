// The search box: what is found while typing stands below it as a listbox; arrow keys, Enter, Escape.
const box = document.getElementById("topsearch");
const list = document.getElementById("search-options");

if (box && list) {
  const said = document.querySelector("[data-options-said]");
  const options = () => [...list.querySelectorAll("[role=option]")];
  let at = -1;

  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");

  const show = (open) => {
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    if (!open) choose(-1);
  };
  const choose = (index) => {
    at = index;
    options().forEach((option, number) => option.setAttribute("aria-selected", String(number === index)));
    const chosen = options()[index];
    if (chosen) {
      box.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else box.removeAttribute("aria-activedescendant");
  };

  show(false);
  list.addEventListener("htmx:afterSwap", () => {
    show(options().length > 0 && document.activeElement === box);
    choose(-1);
    said.textContent = list.querySelector("[data-said]")?.innerHTML ?? "";
  });
  box.addEventListener("input", () => { if (box.value.trim().length < 2) show(false); });
  box.addEventListener("focus", () => { if (options().length) show(true); });
  box.addEventListener("keydown", (event) => {
    const all = options();
    if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // the first Escape closes the list, the next one empties the box
      show(false);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length) {
      event.preventDefault();
      if (list.hidden) show(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length);
    } else if (event.key === "Enter" && at >= 0 && !list.hidden) {
      event.preventDefault();
      window.location.assign(all[at].href);
    }
  });
  document.addEventListener("focusin", (event) => { if (!box.form.contains(event.target)) show(false); });
  document.addEventListener("click", (event) => { if (!box.form.contains(event.target)) show(false); });
}
