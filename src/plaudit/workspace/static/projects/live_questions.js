/** Questions of a preview that can be answered, as far as others depend on them. */

import { Store, keyOf } from "../annotate/store.js";
import { readQuestions } from "../annotate/questions.js";
import { showAsked } from "../annotate/judging/asked.js";
import { bindWidgets } from "../annotate/widgets.js";

export class LiveQuestions {
  #root;
  #hint;
  #answers = [];

  /** `hint` says that answers show what is asked then. */
  constructor(root, hint) {
    this.#root = root;
    this.#hint = hint;
  }

  /** Bind what was drawn; `drawn` carries the index of its questions. */
  async bind({ dataset }) {
    const index = readQuestions(JSON.parse(dataset.index ?? '{"shapes": [], "places": []}'));
    const store = new Store(index.addresses, index.conditions);
    if (!store.hasConditions) {
      this.#hint.hidden = true;
      return;
    }
    const sources = new Set([...index.conditions.values()].map(({ source }) => keyOf(source)));
    const wanted = [...this.#root.querySelectorAll("[data-question]")]
      .filter((one) => sources.has(keyOf(JSON.parse(one.dataset.address))));
    store.load(this.#answers);
    showAsked(this.#root, store);
    const shows = await bindWidgets(wanted, store, JSON.parse(dataset.texts ?? "{}"));
    for (const show of shows) show();
    store.subscribe(() => {
      this.#answers = store.list();
      for (const show of shows) show();
      showAsked(this.#root, store);
    });
    this.#hint.hidden = false; // an answer before this moment would be lost
  }
}
