/** All questions of a page, and those of them that are drawn. */

import { keyOf } from "./store.js";
import { bindWidgets } from "./widgets.js";

/** Read the index of question_index.py: `addresses` in order, those that are `required`, by a turn's or
 * thread's path the number of the section in which it is drawn, and by the key of a question its condition. */
export function readQuestions({ shapes, places }) {
  const addresses = [];
  const required = [];
  const sections = new Map();
  const conditions = new Map();
  for (const [at, shape, section] of places) {
    sections.set(at, section);
    const first = addresses.length;
    for (const { required: isRequired, ask_if: condition, ...rest } of shapes[shape]) {
      const address = { at, ...rest };
      if (condition) conditions.set(keyOf(address), condition);
      addresses.push(address);
      if (isRequired) required.push(address);
    }
    for (const address of addresses.slice(first)) {
      const [number, operator, values] = conditions.get(keyOf(address)) ?? [];
      if (values) conditions.set(keyOf(address), { source: addresses[first + number], operator, values });
    }
  }
  return { addresses, required, sections, conditions };
}

/** The questions that are drawn. */
export class Drawn {
  /** [element, address] of each question, in the order in which they came. */
  questions = [];

  #store;
  #shows = new Map();

  constructor(store) {
    this.#store = store;
  }

  /** Bind the questions of a part of the page. `texts` are by name what is marked or rewritten. */
  async add(part, texts) {
    const elements = [...part.querySelectorAll("[data-question]")];
    const shows = await bindWidgets(elements, this.#store, texts);
    for (const [number, element] of elements.entries()) {
      const address = JSON.parse(element.dataset.address);
      const key = keyOf(address);
      this.questions.push([element, address]);
      this.#shows.set(key, [...(this.#shows.get(key) ?? []), shows[number]]);
    }
    for (const show of shows) show();
  }

  /** The titles of the questions by their keys. */
  titles() {
    return new Map(this.questions.map(([element, address]) => [keyOf(address), element.dataset.title]));
  }

  /** Draw one question by its key, wherever the change came from. */
  draw(key) {
    for (const show of this.#shows.get(key) ?? []) show();
  }

  drawAll() {
    for (const shows of this.#shows.values()) for (const show of shows) show();
  }
}
