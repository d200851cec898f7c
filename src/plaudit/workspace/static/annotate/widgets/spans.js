/** Pieces of a text with a label: selected in the exact text, listed, commented, taken away.
 *
 * `start` and `end` count characters as the server does (code points); the browser counts UTF-16. */

import { digitOf, isComposing } from "../pressed.js";

const points = (text) => [...text].length;

export function bind(element, store, text) {
  const address = JSON.parse(element.dataset.address);
  const source = element.querySelector("[data-source]");
  const list = element.querySelector("[data-marks]");
  const shown = element.querySelector("[data-shown]");
  // A text area holds line ends as LF alone; offsets must be those of the text itself.
  const isExact = !text.includes("\r");
  source.value = text;

  const marks = () => store.get(address).value ?? [];
  const keep = (value) => { store.set(address, { value }); show(); };

  function add(label) {
    const [from, to] = [source.selectionStart, source.selectionEnd];
    if (from === to) { source.focus(); return; }
    const picked = source.value.slice(from, to);
    const place = isExact
      ? { start: points(source.value.slice(0, from)), end: points(source.value.slice(0, to)) }
      : {};
    keep([...marks(), { label, text: picked, ...place }]);
    source.focus();
  }

  for (const button of element.querySelectorAll("[data-label]")) {
    button.addEventListener("click", () => add(button.dataset.label));
  }
  source.addEventListener("keydown", (event) => {
    const digit = isComposing(event) ? null : digitOf(event);
    const button = digit === null ? null : element.querySelector(`[data-label][data-digit="${digit}"]`);
    if (button === null) return;
    add(button.dataset.label);
    event.preventDefault();
    event.stopPropagation();
  });

  function line(mark, number) {
    const item = document.createElement("li");
    const go = document.createElement("button");
    go.type = "button";
    go.className = "small quiet";
    go.textContent = `${mark.label}: “${mark.text.length > 60 ? `${mark.text.slice(0, 60)}…` : mark.text}”`;
    go.addEventListener("click", () => {
      const at = mark.start === undefined ? source.value.indexOf(mark.text) : [...text].slice(0, mark.start).join("").length;
      source.focus();
      source.setSelectionRange(at, at + mark.text.length);
    });
    const comment = document.createElement("input");
    comment.type = "text";
    comment.placeholder = "Comment";
    comment.setAttribute("aria-label", `Comment on mark ${number + 1}`);
    comment.value = mark.comment ?? "";
    comment.addEventListener("input", () => {
      const all = marks().map((one) => ({ ...one }));
      if (comment.value) all[number].comment = comment.value;
      else delete all[number].comment;
      store.set(address, { value: all });
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "small";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove mark ${number + 1}`);
    remove.addEventListener("click", () => { keep(marks().filter((_, at) => at !== number)); source.focus(); });
    item.append(go, comment, remove);
    return item;
  }

  function show() {
    const all = marks();
    if (all.length) element.open = true;
    if (!list.contains(document.activeElement) || list.children.length !== all.length) {
      list.replaceChildren(...all.map(line));
    }
    shown.hidden = !all.length || !isExact;
    if (!shown.hidden) shown.replaceChildren(...pieces(text, all));
  }
  return show;
}

/** The text with its marks; where they overlap, every label is named. */
function pieces(text, marks) {
  const all = [...text];
  const edges = [...new Set([0, all.length, ...marks.flatMap((one) => [one.start ?? 0, one.end ?? 0])])].sort((a, b) => a - b);
  const found = [];
  for (let n = 0; n + 1 < edges.length; n += 1) {
    const piece = all.slice(edges[n], edges[n + 1]).join("");
    const over = marks.filter((one) => one.start < edges[n + 1] && one.end > edges[n]);
    if (!over.length) { found.push(document.createTextNode(piece)); continue; }
    const mark = document.createElement("mark");
    mark.textContent = piece;
    mark.title = over.map((one) => one.label).join(", ");
    found.push(mark);
  }
  return found;
}
