/** An answer written from nothing: a text in a wide box, and how it will be read. */

import { bindPreview } from "../judging/live_preview.js";
import { bind as bindText } from "./text.js";

export function bind(element, store) {
  const showText = bindText(element, store);
  const field = element.querySelector("textarea");
  const showPreview = bindPreview(element, field);
  field.addEventListener("input", showPreview);

  return function show() {
    showText();
    showPreview();
  };
}
