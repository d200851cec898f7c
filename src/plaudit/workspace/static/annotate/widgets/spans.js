/** Pieces of a text with a label: marked in the text beside the question, listed, commented, taken away.
 *
 * `start` and `end` count code points of the text as it is delivered, as the server does. */

import { announce } from "../../shared/shell.js";
import { t } from "../../shared/texts.js";
import { surfaceOf } from "../marking/surface.js";

const SHOWN_MAX = 60;

export function bind(element, store, text) {
  const address = JSON.parse(element.dataset.address);
  const list = element.querySelector("[data-marks]");
  const begin = element.querySelector("[data-begin]");
  const surface = surfaceOf(element, text);
  const characters = [...text];

  const marks = () => store.get(address).value ?? [];
  const keep = (value) => store.set(address, { value: value.length ? value : undefined });

  const question = {
    element,
    labels: element.querySelector("[data-labels]"),
    marks,
    isReadOnly: () => store.isReadOnly,
    leave: () => begin.focus(),
    go: (number) => list.children[number]?.querySelector("input").focus(),
    add(label, start, end) {
      const said = characters.slice(start, end).join("");
      if (marks().some((one) => one.label === label && one.start === start && one.end === end)) return;
      keep([...marks(), { label, text: said, start, end }]);
      announce(`${label}: ${said}`);
    },
    remove(number) {
      announce(t("Removed: %(label)s", { label: marks()[number].label }));
      keep(marks().filter((_, at) => at !== number));
    },
  };
  surface.join(question);
  begin.addEventListener("click", () => surface.begin(question));

  function line(mark, number) {
    const item = document.createElement("li");
    const go = document.createElement("button");
    go.type = "button";
    go.className = "small quiet";
    go.textContent = `${mark.label}: “${mark.text.length > SHOWN_MAX ? `${mark.text.slice(0, SHOWN_MAX)}…` : mark.text}”`;
    go.addEventListener("click", () => {
      const at = mark.start ?? [...text.slice(0, Math.max(0, text.indexOf(mark.text)))].length;
      surface.begin(question, at, mark.end ?? at + [...mark.text].length);
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
    remove.addEventListener("click", () => { question.remove(number); begin.focus(); });
    item.append(go, comment, remove);
    return item;
  }

  return function show() {
    const all = marks();
    if (!list.contains(document.activeElement) || list.children.length !== all.length) {
      list.replaceChildren(...all.map(line));
    }
    surface.draw();
  };
}
