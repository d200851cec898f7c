/** A response made better: starts as the original, shows what changed, keeps the original as it is. */

import { bindPreview } from "../judging/live_preview.js";
import { asTyped, inLineEndsOf } from "../../shared/line_ends.js";
import { changes, draw, ratio } from "../words.js";

const DRAWN_AFTER_MS = 150;

export function bind(element, store, original) {
  const address = JSON.parse(element.dataset.address);
  const field = element.querySelector("textarea");
  const shown = element.querySelector("[data-diff]");
  const told = element.querySelector("[data-ratio]");
  const plain = asTyped(original);
  const showPreview = bindPreview(element, field, () => field.value !== plain);
  let timer = 0;

  function write() {
    // The same text is no rewrite.
    store.set(address, { value: field.value === plain ? undefined : inLineEndsOf(original, field.value) });
    clearTimeout(timer);
    timer = setTimeout(compare, DRAWN_AFTER_MS);
    showPreview();
  }

  function compare() {
    const found = changes(plain, field.value);
    const isChanged = field.value !== plain && field.value !== "";
    shown.hidden = !isChanged;
    if (isChanged) draw(shown, found);
    told.textContent = isChanged ? `${Math.round(ratio(found) * 100)} % changed` : "";
  }

  field.value = plain;
  field.addEventListener("input", write);
  element.querySelector("[data-empty]").addEventListener("click", () => {
    field.value = "";
    field.focus();
    write();
  });
  element.querySelector("[data-restore]").addEventListener("click", () => {
    field.value = plain;
    field.focus();
    write();
  });

  return function show() {
    const value = store.get(address).value;
    if (value === undefined) {
      if (field.value !== "" && field.value !== plain) field.value = plain;
    } else if (field.value !== asTyped(value)) field.value = value;
    if (value !== undefined) element.open = true;
    compare();
    showPreview();
  };
}
