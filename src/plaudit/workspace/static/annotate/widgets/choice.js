/** One of several values, or a response: radio buttons, or a list of many. */

import { bindOffers, takeBackOnClick } from "../offers.js";

const BOOLEANS = { true: true, false: false };

/** What a control's text means to the server. */
function valueOf(element, text) {
  const kind = element.dataset.question;
  if (kind === "boolean") return BOOLEANS[text];
  return kind === "pick" || element.dataset.number !== undefined ? Number(text) : text;
}

/** In the rating grid: below the buttons stand the names of their ends, or the one that was chosen. */
function bindEnds(element, boxes) {
  const ends = element.matches(".cell") ? element.querySelector(".ends") : null;
  if (ends === null) return () => {};
  const [first] = ends.children;
  const name = first.textContent;
  return () => {
    const chosen = boxes.find((box) => box.checked);
    ends.classList.toggle("is-said", chosen !== undefined);
    first.textContent = chosen?.closest("label").title ?? name;
  };
}

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const boxes = [...element.querySelectorAll("input[type=radio]:not([data-offer])")];
  const list = element.querySelector("select[data-select]");
  const showOffers = bindOffers(element, store, address);
  const showEnds = bindEnds(element, boxes);

  for (const box of boxes) {
    box.addEventListener("change", () => store.set(address, { value: valueOf(element, box.value) }));
    takeBackOnClick(box, store, address);
  }
  list?.addEventListener("change", () =>
    store.set(address, { value: list.value === "" ? undefined : valueOf(element, list.value) }));

  return function show() {
    const { value } = store.get(address);
    for (const box of boxes) box.checked = value === valueOf(element, box.value);
    if (list) list.value = value === undefined ? "" : String(value);
    showOffers();
    showEnds();
  };
}
