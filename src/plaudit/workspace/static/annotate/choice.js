/** Questions that are answered by choosing: radio buttons, boxes, a list, or a number. */

const BOOLEANS = { true: true, false: false };

/** What a control's text means to the server. */
function valueOf(element, text) {
  const kind = element.dataset.question;
  if (kind === "boolean") return BOOLEANS[text];
  if (kind === "scale" || kind === "pick" || kind === "pick_several") return Number(text);
  return element.dataset.number === undefined ? text : Number(text);
}

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const isSeveral = ["several", "pick_several"].includes(element.dataset.question);
  const boxes = [...element.querySelectorAll("input[type=radio], input[type=checkbox]")];
  const list = element.querySelector("select[data-select]");
  const number = element.querySelector("input[type=number]");
  const note = element.querySelector('[data-part="note"]');

  for (const box of boxes) {
    box.addEventListener("change", () => {
      if (box.dataset.offer) store.set(address, { [box.dataset.offer]: box.checked });
      else if (isSeveral) store.set(address, { value: checked() });
      else store.set(address, { value: valueOf(element, box.value) });
    });
    // A radio button that is chosen is taken back by a second click, as nothing else could.
    box.addEventListener("pointerdown", () => { box.wasChecked = box.checked; });
    box.addEventListener("click", (event) => {
      if (box.type !== "radio" || !box.wasChecked || event.detail === 0) return;
      box.checked = false;
      box.wasChecked = false;
      store.set(address, { value: undefined, not_applicable: false, cannot_assess: false });
    });
  }
  list?.addEventListener("change", () =>
    store.set(address, { value: list.value === "" ? undefined : valueOf(element, list.value) }));
  const isRating = element.dataset.question === "rating";
  number?.addEventListener("input", () => store.set(address, { value: isRating ? rating() : typed() }));
  const why = element.querySelector('[data-part="justification"]');
  why?.addEventListener("input", () => store.set(address, { value: rating() }));
  note?.addEventListener("input", () => store.set(address, { justification: note.value }));

  function checked() {
    return boxes.filter((box) => box.checked && !box.dataset.offer).map((box) => valueOf(element, box.value));
  }

  /** The number that is typed; undefined while it is none, such as "-" on the way to "-2". */
  function typed() {
    return number.value === "" ? undefined : Number(number.value);
  }

  /** A reason is kept while there is no score, which the server then asks for. */
  function rating() {
    const found = {};
    if (typed() !== undefined) found.score = typed();
    if (why.value) found.justification = why.value;
    return Object.keys(found).length ? found : undefined;
  }

  return function show() {
    const answer = store.get(address);
    const values = isSeveral ? answer.value ?? [] : [answer.value];
    for (const box of boxes) {
      box.checked = box.dataset.offer
        ? answer[box.dataset.offer] === true
        : values.includes(valueOf(element, box.value));
    }
    if (list) list.value = answer.value === undefined ? "" : String(answer.value);
    const score = isRating ? answer.value?.score : answer.value;
    if (number && typed() !== score) number.value = score ?? "";
    if (why && why.value !== (answer.value?.justification ?? "")) why.value = answer.value?.justification ?? "";
    if (note) {
      if (note.value !== (answer.justification ?? "")) note.value = answer.justification ?? "";
      note.closest("[data-note]").hidden =
        !(answer.not_applicable || answer.cannot_assess || answer.justification);
    }
  };
}
