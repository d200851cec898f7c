/** A score, typed, and the reason for it. */

import { bindOffers } from "../offers.js";
import { typedNumber } from "./number.js";

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const field = element.querySelector("input[type=number]");
  const why = element.querySelector('[data-part="justification"]');
  const showOffers = bindOffers(element, store, address);

  /** A reason is kept while there is no score, which the server then asks for. */
  function rating() {
    const score = typedNumber(field);
    const value = {};
    if (score !== undefined) value.score = score;
    if (why.value) value.justification = why.value;
    return Object.keys(value).length ? value : undefined;
  }

  for (const box of [field, why]) box.addEventListener("input", () => store.set(address, { value: rating() }));

  return function show() {
    const { score, justification = "" } = store.get(address).value ?? {};
    if (typedNumber(field) !== score) field.value = score ?? "";
    if (why.value !== justification) why.value = justification;
    showOffers();
  };
}
