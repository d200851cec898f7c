/** What widgets share beside their values: the answers that there is no value, and the note on them. */

/** Bind them in a question; returns what draws them. */
export function bindOffers(element, store, address) {
  const offers = [...element.querySelectorAll("input[data-offer]")];
  const note = element.querySelector('[data-part="note"]');

  for (const box of offers) {
    box.addEventListener("change", () => store.set(address, { [box.dataset.offer]: box.checked }));
    takeBackOnClick(box, store, address);
  }
  note?.addEventListener("input", () => store.set(address, { justification: note.value }));

  return function show() {
    const answer = store.get(address);
    for (const box of offers) box.checked = answer[box.dataset.offer] === true;
    if (!note) return;
    if (note.value !== (answer.justification ?? "")) note.value = answer.justification ?? "";
    note.closest("[data-note]").hidden =
      !(answer.not_applicable || answer.cannot_assess || answer.justification);
  };
}

/** A radio button that is chosen is taken back by a second click, as nothing else could. */
export function takeBackOnClick(box, store, address) {
  box.addEventListener("pointerdown", () => { box.wasChecked = box.checked; });
  box.addEventListener("click", (event) => {
    if (!box.wasChecked || event.detail === 0) return;
    box.checked = false;
    box.wasChecked = false;
    store.set(address, { value: undefined, not_applicable: false, cannot_assess: false });
  });
}
