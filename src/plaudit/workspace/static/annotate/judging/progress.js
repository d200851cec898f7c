/** The bar at the bottom: how many of the required answers are given, and what is missing, a click away. */

import { keyOf } from "../store.js";
import { t, tn } from "../../shared/texts.js";

/** "Turn 5", by the path of a turn; of several conversations with the number of its own. */
export function turnName(at, isOne) {
  const [, thread, turn] = /^t(\d+)(?:u(\d+))?$/.exec(at);
  const conversation = isOne ? t("The whole conversation") : t("Conversation %(number)s", { number: Number(thread) + 1 });
  if (turn === undefined) return conversation;
  return isOne
    ? t("Turn %(number)s", { number: Number(turn) + 1 })
    : t("%(conversation)s, turn %(number)s", { conversation, number: Number(turn) + 1 });
}

export class Progress {
  #store;
  #index;
  #drawn;
  #current;
  #isAsked = false;

  constructor(store, index, drawn, current) {
    this.#store = store;
    this.#index = index;
    this.#drawn = drawn;
    this.#current = current;
    document.getElementById("next-open").addEventListener("click", () => current.goToOpen());
    document.getElementById("missing").addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) current.goToAddress(JSON.parse(button.dataset.goTo));
    });
    store.subscribe(() => this.#show());
    this.#show();
  }

  #all = null;

  /** Keys of the required questions that are asked. */
  #needed() {
    this.#all ??= new Set(this.#index.required.map(keyOf));
    if (!this.#store.hasConditions) return this.#all;
    return new Set(this.#index.required.filter((address) => this.#store.isAsked(address)).map(keyOf));
  }

  #show() {
    const needed = this.#needed();
    const count = needed.size;
    const done = this.#store.countAnswered(needed);
    const bar = document.getElementById("done");
    bar.hidden = !count;
    bar.max = count || 1;
    bar.value = done;
    document.getElementById("progress").textContent = count ? tn("%(done)s of %(count)s required answers", "%(done)s of %(count)s required answers", count, { done }) : "";
    document.getElementById("next-open").hidden = done === count;
    if (this.#isAsked) return;
    this.#isAsked = true; // many answers may change at once
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#list();
    });
  }

  /** What is missing: questions by their title, or, where several turns are asked about, turns. */
  #list() {
    const { required, sections } = this.#index;
    const missing = required.filter((address) => this.#store.isMissing(address));
    const isByTurn = new Set(sections.values()).size > 1;
    const isOne = ![...sections.keys()].some((at) => at.startsWith("t1"));
    const titles = isByTurn ? new Map() : this.#drawn.titles();
    const order = [...titles.keys()];
    const placeOf = (address) => order.indexOf(keyOf(address));
    if (!isByTurn) missing.sort((one, other) => placeOf(one) - placeOf(other));
    const groups = new Map();
    for (const address of missing) {
      const name = isByTurn ? turnName(address.at, isOne) : titles.get(keyOf(address)) ?? address.key;
      groups.set(name, [...(groups.get(name) ?? []), address]);
    }
    const list = document.getElementById("missing");
    const hadFocus = list.contains(document.activeElement);
    list.hidden = !groups.size;
    list.replaceChildren(...[...groups].map(([name, addresses]) => item(name, addresses)));
    if (hadFocus) list.querySelector("button")?.focus();
  }
}

function item(name, addresses) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small quiet";
  button.textContent = name;
  button.dataset.goTo = JSON.stringify(addresses[0]);
  if (addresses.length > 1) {
    const count = document.createElement("span");
    count.className = "soft";
    count.textContent = ` ${addresses.length}`;
    button.append(count);
  }
  const line = document.createElement("li");
  line.append(button);
  return line;
}
