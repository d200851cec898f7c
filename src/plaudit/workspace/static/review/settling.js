/** Settling what people disagree on: one person's answer or the most given one is taken over, and why
 * they disagree is said in a word. */

import { withoutAddress } from "../annotate/store.js";
import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

const OPEN = ["unresolved", "disputed"];
export const WHYS = { l: "guideline", y: "ambiguous", o: "error" };

export const isOpen = (card) => OPEN.includes(card.dataset.state);

/** `kept` is the name in the tab's storage under which reasons are kept. */
export class Settling {
  #root;
  #store;
  #kept;
  #reasons;

  constructor(root, store, kept) {
    this.#root = root;
    this.#store = store;
    this.#kept = kept;
    this.#reasons = new Map(JSON.parse(sessionStorage.getItem(kept) ?? "[]"));
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-take]");
      if (button) this.#take(button);
    });
    root.addEventListener("change", (event) => {
      if (event.target.closest("[data-why]")) this.#say(event.target.closest("[data-card]"), event.target.value);
    });
    this.add(root);
  }

  /** Show what was said before in a part of the page that is drawn now. */
  add(part) {
    for (const input of part.querySelectorAll("[data-why] input")) {
      input.checked = this.#reasons.get(input.closest("[data-card]").dataset.card)?.why === input.value;
    }
  }

  /** Mark whose answer is the one to be delivered. */
  draw() {
    for (const button of this.#root.querySelectorAll("[data-take]")) {
      const given = JSON.parse(button.dataset.take);
      button.setAttribute("aria-pressed", String(said(given) === said(this.#store.get(given))));
    }
  }

  /** Take the answer that more people gave than any other; false where nobody's can be taken. */
  takeMost(card) {
    const buttons = this.#buttons(card);
    const counts = new Map();
    for (const button of buttons) {
      const text = said(JSON.parse(button.dataset.take));
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const ordered = [...counts.entries()].sort(([, one], [, other]) => other - one);
    if (!ordered.length) return false;
    if (ordered.length > 1 && ordered[0][1] === ordered[1][1]) announce(t("No answer was given most often."));
    else this.#take(buttons.find((button) => said(JSON.parse(button.dataset.take)) === ordered[0][0]));
    return true;
  }

  /** Take the answer of the person after the one whose answer stands; false where there is none. */
  takeNext(card) {
    const buttons = this.#buttons(card);
    if (!buttons.length) return false;
    const at = Number(card.dataset.taken ?? -1);
    card.dataset.taken = String((at + 1) % buttons.length);
    this.#take(buttons[(at + 1) % buttons.length]);
    return true;
  }

  /** Say why people disagree; false where they do not. */
  why(card, why) {
    const input = card?.querySelector(`[data-why] input[value="${why}"]`);
    if (!input) return false;
    input.checked = true;
    this.#say(card, why);
    announce(input.parentElement.firstChild.nextSibling.textContent.trim());
    return true;
  }

  /** What the server is told: the number and key of each question, with the word. */
  reasons() {
    return [...this.#reasons].map(([id, { key, why }]) => ({ question: Number(id.slice(1)), key, why }));
  }

  forget() {
    sessionStorage.removeItem(this.#kept);
  }

  #buttons(card) {
    return [...(card?.querySelectorAll("[data-take]") ?? [])];
  }

  #take(button) {
    const { value, not_applicable, cannot_assess, ...address } = JSON.parse(button.dataset.take);
    this.#store.set(address, { value, not_applicable, cannot_assess, justification: undefined });
    const row = button.closest("dd").previousElementSibling;
    announce(`${row.textContent}: ${button.parentElement.querySelector(".said-text").textContent}`);
  }

  #say(card, why) {
    const { key } = card.querySelector("[data-key]").dataset;
    this.#reasons.set(card.dataset.card, { key, why });
    sessionStorage.setItem(this.#kept, JSON.stringify([...this.#reasons]));
  }
}

/** An answer as a text for comparison, without the reason for it. */
function said(answer) {
  const { value, not_applicable, cannot_assess } = withoutAddress(answer);
  return JSON.stringify([value, not_applicable, cannot_assess]);
}
