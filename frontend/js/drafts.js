// Keeps what was typed in a form of this tab until it is sent, so that a lost session loses nothing.
const person = document.body.dataset.person;
const forms = [...document.querySelectorAll("form[data-draft]")];
const keyOf = (form) => `draft:${person}:${form.dataset.draft}`;

const save = (form) => {
  const values = [];
  for (const field of form.elements) {
    if (!field.name || field.type === "password" || field.type === "file" || field.type === "hidden") continue;
    if (field.type === "checkbox" || field.type === "radio") values.push([field.name, field.value, field.checked]);
    else values.push([field.name, field.value]);
  }
  sessionStorage.setItem(keyOf(form), JSON.stringify(values));
};

const restore = (form) => {
  const stored = sessionStorage.getItem(keyOf(form));
  if (!stored || form.querySelector(".field.error")) return;
  let changed = false;
  for (const [name, value, checked] of JSON.parse(stored)) {
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (checked !== undefined) {
        if (field.value === value && field.checked !== checked) { field.checked = checked; changed = true; }
      } else if (field.value !== value) { field.value = value; changed = true; }
    }
  }
  const notice = form.querySelector("[data-draft-notice]");
  if (changed && notice) notice.hidden = false;
};

if (person) {
  for (const form of forms) {
    restore(form);
    form.addEventListener("input", () => save(form));
    form.addEventListener("submit", () => sessionStorage.setItem("draft-sent", keyOf(form)));
  }
  // A form that was sent and did not come back with errors is done with.
  const sent = sessionStorage.getItem("draft-sent");
  if (sent && !document.querySelector(".errorsummary, #session-dialog[open]") && document.body.dataset.signedIn) {
    if (!forms.some((form) => keyOf(form) === sent)) sessionStorage.removeItem(sent);
    sessionStorage.removeItem("draft-sent");
  }
}
