/** Any of several values, or responses: checkboxes. */

import { bindOffers } from "../offers.js";

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const boxes = [...element.querySelectorAll("input[type=checkbox]")];
  const valueOf = (box) => (element.dataset.question === "pick_several" ? Number(box.value) : box.value);
  const showOffers = bindOffers(element, store, address);

  for (const box of boxes) {
    box.addEventListener("change", () =>
      store.set(address, { value: boxes.filter((one) => one.checked).map(valueOf) }));
  }

  return function show() {
    const values = store.get(address).value ?? [];
    for (const box of boxes) box.checked = values.includes(valueOf(box));
    showOffers();
  };
}
