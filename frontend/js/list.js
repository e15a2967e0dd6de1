// Lists: filters apply at once on wide screens; ticked rows are counted in the bar below.
const wide = window.matchMedia("(min-width: 1051px)");

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filters]");
  if (form && wide.matches && event.target.type !== "search" && event.target.type !== "text") form.requestSubmit();
  if (event.target.matches("[data-pick-all]")) {
    for (const box of document.querySelectorAll("[data-pick]")) box.checked = event.target.checked;
  }
  const counter = document.querySelector("[data-picked]");
  if (counter) counter.textContent = String(document.querySelectorAll("[data-pick]:checked").length);
});

const filters = document.querySelector("details.filters");
if (filters && !wide.matches) filters.open = false;
