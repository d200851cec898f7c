/** Pieces of a text with a label: selected in the exact text, listed, commented, taken away.
 *
 * `start` and `end` count characters of the text as it is delivered, as the server does (code points);
 * the browser counts UTF-16, and its text area holds each line end as one LF. */

import { asTyped, exactIndex } from "../../shared/line_ends.js";

import { digitOf, isComposing } from "../../shared/pressed.js";
import { t } from "../../shared/texts.js";

const points = (text) => [...text].length;

export function bind(element, store, text) {
  const address = JSON.parse(element.dataset.address);
  const source = element.querySelector("[data-source]");
  const list = element.querySelector("[data-marks]");
  const shown = element.querySelector("[data-shown]");
  source.value = text;

  const marks = () => store.get(address).value ?? [];
  const keep = (value) => { store.set(address, { value }); show(); };

  function add(label) {
    if (source.selectionStart === source.selectionEnd) { source.focus(); return; }
    const from = exactIndex(text, source.selectionStart);
    const to = exactIndex(text, source.selectionEnd);
    const span = { start: points(text.slice(0, from)), end: points(text.slice(0, to)) };
    keep([...marks(), { label, text: text.slice(from, to), ...span }]);
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
      const said = asTyped(mark.text);
      const at = mark.start === undefined
        ? source.value.indexOf(said)
        : asTyped([...text].slice(0, mark.start).join("")).length;
      source.focus();
      source.setSelectionRange(at, at + said.length);
    });
    const comment = document.createElement("input");
    comment.type = "text";
    comment.placeholder = t("Comment");
    comment.setAttribute("aria-label", t("Comment on mark %(number)s", { number: number + 1 }));
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
    remove.textContent = t("Remove");
    remove.setAttribute("aria-label", t("Remove mark %(number)s", { number: number + 1 }));
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
    shown.hidden = !all.length;
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
    const piece = asTyped(all.slice(edges[n], edges[n + 1]).join(""));
    const over = marks.filter((one) => one.start < edges[n + 1] && one.end > edges[n]);
    if (!over.length) { found.push(document.createTextNode(piece)); continue; }
    const mark = document.createElement("mark");
    mark.textContent = piece;
    mark.title = over.map((one) => one.label).join(", ");
    found.push(mark);
  }
  return found;
}
