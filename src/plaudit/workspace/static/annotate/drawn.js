/** The questions that are drawn, and what draws the stored answer of each. */

import { keyOf } from "./store.js";
import { bindWidgets } from "./widgets.js";

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

  /** Draw one question by its key, wherever the change came from. */
  draw(key) {
    for (const show of this.#shows.get(key) ?? []) show();
  }

  drawAll() {
    for (const shows of this.#shows.values()) for (const show of shows) show();
  }
}
