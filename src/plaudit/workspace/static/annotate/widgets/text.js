/** Questions that are answered by writing, with their length and the mentions of responses. */

import { isBlank, visibleLength } from "../blank.js";
import { bindMentions } from "../mentions.js";
import { tn } from "../../shared/texts.js";

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const field = element.querySelector("textarea");
  const count = element.querySelector(".count");
  const isLines = element.dataset.question === "lines";
  const least = Number(element.dataset.charsMin ?? 0);
  const lines = () => [...new Set(field.value.split("\n").map((one) => one.trim()))].filter((one) => !isBlank(one));
  const write = () => {
    store.set(address, { value: isLines ? lines() : field.value });
    tell();
  };
  const showMentions = element.dataset.mentions ? bindMentions(element, field, write) : () => {};
  field.addEventListener("input", write);

  function tell() {
    const length = visibleLength(field.value);
    count.textContent = least ? tn("%(length)s of at least %(count)s character", "%(length)s of at least %(count)s characters", least, { length }) : "";
    showMentions();
  }

  return function show() {
    const value = store.get(address).value ?? "";
    const text = isLines && value ? value.join("\n") : value;
    // Lines that come to the same list stay as they are typed: half a word may be one of them already.
    const isSame = isLines ? lines().join("\n") === text : field.value === text;
    if (!isSame) field.value = text;
    tell();
  };
}
