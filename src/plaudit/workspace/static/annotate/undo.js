/** For ten seconds after a submission: take it back. It is offered on whatever page comes next. */

import { send } from "../shared/net.js";
import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

const NAME = "plaudit-undo";
const SHOWN_MS = 10_000;

/** Remember a submission for the next page. */
export function remember(path) {
  sessionStorage.setItem(NAME, JSON.stringify({ path, untilMs: Date.now() + SHOWN_MS }));
}

/** Offer to take the last submission back, if it was just now. `before` runs first. */
export function offer(before = async () => {}) {
  const found = JSON.parse(sessionStorage.getItem(NAME) ?? "null");
  if (found === null || found.untilMs < Date.now()) return;
  const bar = document.createElement("div");
  bar.className = "undo-bar";
  bar.setAttribute("role", "region");
  bar.setAttribute("aria-label", t("Last submission"));
  const text = document.createElement("span");
  text.textContent = t("Submitted.");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.id = "undo";
  button.textContent = t("Undo");
  bar.append(text, button);
  document.querySelector("main").append(bar);
  announce(t("Submitted. You can undo this for ten seconds."));
  const close = () => { sessionStorage.removeItem(NAME); bar.remove(); };
  const timer = setTimeout(close, found.untilMs - Date.now());
  button.addEventListener("click", async () => {
    clearTimeout(timer);
    button.disabled = true;
    try {
      await before();
      const { next } = await send("POST", `${found.path}/undo`, {});
      sessionStorage.removeItem(NAME);
      location.assign(next);
    } catch (refused) {
      text.textContent = refused.message;
      button.remove();
      setTimeout(close, SHOWN_MS);
    }
  });
}
