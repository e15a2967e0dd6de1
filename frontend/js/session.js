// Warns before the session ends, in every tab, and lets the person stay without losing typing.
const body = document.body;
const dialog = document.getElementById("session-dialog");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("tarkka-session") : null;
let ends = 0;
let warned = false;

const restart = (seconds) => {
  ends = Date.now() + seconds * 1000;
  warned = false;
  if (dialog?.open) dialog.close();
};

export const sessionEnded = () => {
  if (!dialog) return;
  dialog.querySelector("[data-warning]").hidden = true;
  dialog.querySelector("[data-ended]").hidden = false;
  if (!dialog.open) dialog.showModal();
};

const extend = async () => {
  const answer = await fetch(body.dataset.extendUrl, {
    method: "POST", redirect: "error", headers: { "X-CSRFToken": body.dataset.csrf, Accept: "application/json" },
  }).catch(() => null);
  if (!answer?.ok) return sessionEnded();
  const { expires_in: seconds } = await answer.json();
  restart(seconds);
  channel?.postMessage(seconds);
};

if (dialog && body.dataset.sessionSeconds) {
  restart(Number(body.dataset.sessionSeconds));
  channel?.addEventListener("message", (event) => restart(event.data));
  channel?.postMessage(Number(body.dataset.sessionSeconds));
  dialog.querySelector("[data-extend]")?.addEventListener("click", extend);
  setInterval(() => {
    const left = (ends - Date.now()) / 1000;
    if (left <= 0) sessionEnded();
    else if (left <= 150 && !warned) {
      warned = true;
      const minutes = dialog.querySelector("[data-minutes]");
      if (minutes) minutes.textContent = String(Math.max(1, Math.round(left / 60)));
      dialog.showModal();
    }
  }, 5000);
}
