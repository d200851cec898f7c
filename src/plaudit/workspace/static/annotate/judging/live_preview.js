/** Live preview: what is written, as it will be read, drawn by the server shortly after the last key. */

import { draw } from "../../shared/drawn.js";
import { isBlank } from "../blank.js";
import { t } from "../../shared/texts.js";

const WAIT_MS = 300;
const HIDDEN = "plaudit-preview-hidden";

/** Put a preview below a text; returns what is to be called when the text has changed. `isWanted()` tells
 * whether there is anything to show. Where the page names no path to ask, there is none. */
export function bindPreview(element, field, isWanted = () => true) {
  const path = document.getElementById("task")?.dataset.preview;
  if (!path) return () => {};
  const button = document.createElement("button");
  const place = document.createElement("div");
  const told = document.createElement("p");
  let timer = 0;
  let drawn = null;
  let stop = () => {};

  let isOn = localStorage.getItem(HIDDEN) === null;
  button.type = "button";
  button.className = "small quiet preview-switch";
  button.textContent = t("Preview");
  button.setAttribute("aria-pressed", String(isOn));
  place.className = "preview";
  place.tabIndex = 0;
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", t("Preview: %(title)s", { title: element.dataset.title }));
  told.className = "soft small";
  told.hidden = true;
  (element.querySelector(".actions") ?? element.querySelector(".count")).after(button, place, told);

  button.addEventListener("click", () => {
    isOn = !isOn;
    button.setAttribute("aria-pressed", String(isOn));
    if (isOn) localStorage.removeItem(HIDDEN);
    else localStorage.setItem(HIDDEN, "yes");
    touch();
  });

  function say(text) {
    told.textContent = text;
    told.hidden = !text;
  }

  async function show() {
    const text = field.value;
    if (text === drawn) return;
    stop();
    try {
      const found = await draw(path, { text }, (given) => { stop = given; });
      const scrolled = place.scrollTop;
      place.replaceChildren(...document.importNode(found, true).childNodes);
      place.scrollTop = scrolled;
      drawn = text;
      say("");
    } catch (error) {
      say(error.message);
    }
  }

  function touch() {
    const isShown = isOn && isWanted() && !isBlank(field.value);
    place.hidden = !isShown;
    element.classList.toggle("has-preview", isShown);
    clearTimeout(timer);
    if (isShown) timer = setTimeout(show, WAIT_MS);
    else say("");
  }

  return touch;
}
