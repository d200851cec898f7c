/** A whole number, typed. */

import { bindOffers } from "../offers.js";

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const field = element.querySelector("input[type=number]");
  const showOffers = bindOffers(element, store, address);

  field.addEventListener("input", () => store.set(address, { value: typedNumber(field) }));

  return function show() {
    const { value } = store.get(address);
    if (typedNumber(field) !== value) field.value = value ?? "";
    showOffers();
  };
}

/** The number in a field; undefined while it is none, such as "-" on the way to "-2". */
export function typedNumber(field) {
  return field.value === "" ? undefined : Number(field.value);
}
