/** A text on the page in which pieces are marked, for one question or more.
 *
 * Whatever is selected in it, by mouse, finger or keyboard, shows a bar with the labels. The text is the
 * one beside the question, rendered and raw; where there is none, the question shows the text itself. */

import { digitOf, isComposing } from "../../shared/pressed.js";
import { Cursor } from "./cursor.js";
import { drawMarks } from "./marks.js";
import { View } from "./places.js";
import { t } from "../../shared/texts.js";

const surfaces = new Map();

/** The surface of a question's text. */
export function surfaceOf(element, text) {
  const rendered = element.parentElement.querySelector(":scope > .as-rendered > .rendered[data-map]");
  const place = rendered ? element.parentElement : element;
  if (!surfaces.has(place)) surfaces.set(place, new Surface(place, rendered, element, text));
  return surfaces.get(place);
}

document.addEventListener("selectionchange", () => {
  for (const [place, surface] of surfaces) {
    if (place.isConnected) surface.look();
    else surfaces.delete(place);
  }
});

class Surface {
  #place;
  #views = [];
  #questions = [];
  #active = null;
  #cursor = null;
  /** The view and visible range that were selected last; null where nothing is. */
  #chosen = null;
  #bar = document.createElement("div");
  #drawn = "";

  constructor(place, rendered, element, text) {
    this.#place = place;
    if (rendered) this.#views.push(new View(rendered, text, rendered.dataset.map));
    let raw = place.querySelector(":scope > .as-raw");
    if (!rendered) {
      raw = element.querySelector("[data-source]");
      raw.textContent = text;
      raw.hidden = false;
    }
    if (raw) this.#views.push(new View(raw, text, ""));
    this.#bar.className = "mark-bar";
    this.#bar.hidden = true;
    this.#bar.setAttribute("role", "toolbar");
    this.#bar.setAttribute("aria-label", t("Labels for the selection"));
    // A press must not take the selection away.
    this.#bar.addEventListener("pointerdown", (event) => event.preventDefault());
    place.classList.add("is-markable");
    place.append(this.#bar);
    for (const view of this.#views) this.#bindView(view);
  }

  /** `question` has `add(label, start, end)`, `remove(number)`, `marks()`, `go(number)`, `labels` (an element that
   * goes into the bar), `element` and `isReadOnly()`. */
  join(question) {
    this.#questions.push(question);
    this.#active ??= question;
    this.#bar.append(question.labels);
    question.labels.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-label]");
      if (button) this.#label(question, button.dataset.label);
    });
  }

  /** Go into the text by keyboard, to a part of the delivered text or to where it was left. */
  begin(question, start, end) {
    this.#active = question;
    const view = this.#views.find(({ element }) => element.checkVisibility()) ?? this.#views[0];
    view.element.tabIndex = -1;
    // Readers that go through a text by its arrows are to leave these to us.
    view.element.setAttribute("role", "application");
    view.element.setAttribute("aria-label", t("%(title)s: arrows choose words, Shift extends, digits name a label, Escape leaves", { title: question.element.dataset.title }));
    view.element.focus({ preventScroll: true });
    const ranges = start === undefined ? [] : view.visibleOf(start, end);
    const last = this.#cursor?.view === view ? this.#cursor.cursor.range : [0, 0];
    this.#cursor = { view, cursor: new Cursor(view) };
    this.#cursor.cursor.begin(ranges.length ? [ranges[0][0], ranges.at(-1)[1]] : [last[0], last[0]]);
    this.look();
  }

  /** Draw the marks of all questions, if they are not. */
  draw() {
    const marks = this.#questions.flatMap((question, which) => question.marks()
      .map((mark, number) => ({ ...mark, id: `${which}.${number}` })).filter(({ start }) => start !== undefined));
    const said = JSON.stringify(marks.map(({ start, end, label, id }) => [start, end, label, id]));
    if (said === this.#drawn) return;
    this.#drawn = said;
    const isHere = this.#cursor !== null && this.#cursor.view.element === document.activeElement;
    for (const view of this.#views) {
      drawMarks(view, marks.map(({ start, end, label, id }) => ({ label, id, ranges: view.visibleOf(start, end) })));
    }
    if (isHere) this.#cursor.view.select(...this.#cursor.cursor.range);
  }

  /** Show the bar where something is selected. */
  look() {
    const view = this.#views.find((one) => one.selected() !== null);
    const isFrozen = this.#questions.every((question) => question.isReadOnly());
    this.#chosen = view && !isFrozen ? { view, range: view.selected() } : null;
    this.#bar.hidden = this.#chosen === null;
    if (this.#chosen === null) return;
    const [rect, box] = [getSelection().getRangeAt(0).getBoundingClientRect(), this.#place.getBoundingClientRect()];
    const below = rect.bottom - box.top + this.#place.scrollTop + 4;
    this.#bar.style.top = `${below}px`;
    this.#bar.style.left = `${Math.max(0, Math.min(rect.left - box.left, box.width - this.#bar.offsetWidth - 16))}px`;
  }

  #label(question, label) {
    const { view, range } = this.#chosen ?? {};
    const place = view?.sourceOf(...range);
    if (!place || question.isReadOnly()) return;
    question.add(label, ...place);
    if (document.activeElement !== view.element) getSelection().removeAllRanges();
    this.look();
  }

  /** Take away the shortest mark over the selection. */
  #erase() {
    const place = this.#chosen?.view.sourceOf(...this.#chosen.range);
    const over = this.#active.marks().map((mark, number) => ({ ...mark, number }))
      .filter(({ start, end }) => place && start < place[1] && end > place[0])
      .sort((one, other) => (one.end - one.start) - (other.end - other.start));
    if (over.length && !this.#active.isReadOnly()) this.#active.remove(over[0].number);
  }

  #bindView({ element }) {
    element.addEventListener("blur", () => element.removeAttribute("role"));
    element.addEventListener("click", ({ target }) => {
      const [which, number] = (target.closest("mark[data-marks]")?.dataset.marks.split(" ").at(-1) ?? "").split(".");
      if (number !== undefined && getSelection().isCollapsed && !target.closest("a")) this.#questions[which].go(Number(number));
    });
    element.addEventListener("keydown", (event) => {
      if (event.target !== element || this.#cursor?.view.element !== element) return;
      if (isComposing(event) || event.ctrlKey || event.metaKey || !this.#press(event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  #press(event) {
    const { key } = event;
    this.look(); // the browser tells of a selection later than of the next key
    const digit = event.altKey ? null : digitOf(event);
    if (digit !== null || key === "Enter") {
      const button = this.#active.labels.querySelector(digit === null ? "[data-label]" : `[data-label][data-digit="${digit}"]`);
      if (button) this.#label(this.#active, button.dataset.label);
    } else if (key === "Escape") {
      getSelection().removeAllRanges();
      this.#active.leave();
    } else if (key === "Delete" || key === "Backspace") this.#erase();
    else if (key === "m" && this.#questions.length > 1) {
      this.begin(this.#questions[(this.#questions.indexOf(this.#active) + 1) % this.#questions.length]);
    } else return this.#cursor.cursor.press(event);
    return true;
  }
}
