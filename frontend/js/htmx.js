// The only file that knows htmx's events, so that a later version is a change in one place.
import htmx from "htmx.org";
import { sessionEnded } from "./session.js";

// 422 and 409 carry a form with what was refused: show it. 401 means signed out: ask, never swap a sign-in page.
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "[23]..", swap: true },
  { code: "422", swap: true },
  { code: "409", swap: true },
  { code: "[45]..", swap: false, error: true },
];
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0;
// Going back loads the page anew: scripts hold on to elements that a swap of the body would lose.
htmx.config.refreshOnHistoryMiss = true;

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.body.dataset.csrf;
  if (token) event.detail.headers["X-CSRFToken"] = token;
});
// A page that nobody looks at does not ask for news.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt?.getAttribute("hx-trigger")?.startsWith("every")) event.preventDefault();
});
document.addEventListener("htmx:beforeRequest", (event) => event.detail.target?.setAttribute("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", (event) => event.detail.target?.removeAttribute("aria-busy"));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) sessionEnded();
});
document.addEventListener("htmx:afterSwap", (event) => {
  const summary = event.detail.target?.querySelector?.(".errorsummary");
  if (summary) summary.focus();
});
// Fields that follow another field are fetched anew: what is typed on the way is newer than the answer.
const typed = new Map();
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.target?.hasAttribute("data-keep-typed")) return;
  typed.clear();
  for (const field of event.detail.target.querySelectorAll("input[type=text], input[type=number], input[type=date], textarea")) typed.set(field.name, field.value);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [name, value] of typed) {
    const field = document.querySelector(`[data-keep-typed] [name="${CSS.escape(name)}"]`);
    if (field && field.value !== value) field.value = value;
  }
  typed.clear();
});
export default htmx;
