/** Settling what people disagree on: one person's answer, the most given one or the median is taken over,
 * one of several texts is chosen, and why they disagree is said in a word. */

import { isBlank } from "../annotate/blank.js";
import { keyOf, withoutAddress } from "../annotate/store.js";
import { announce } from "../shared/shell.js";
import { t, tn } from "../shared/texts.js";

const OPEN = ["unresolved", "disputed"];
export const WHYS = { l: "guideline", y: "ambiguous", o: "error" };

export const isOpen = (card) => OPEN.includes(card.dataset.state);

/** `kept` is the name in the tab's storage under which reasons are kept. */
export class Settling {
  #root;
  #store;
  #kept;
  #reasons;
  /** By the keys of answers with a reason: what they said when it was given. */
  #reasoned = new Map();

  constructor(root, store, kept) {
    this.#root = root;
    this.#store = store;
    this.#kept = kept;
    this.#reasons = new Map(JSON.parse(sessionStorage.getItem(kept) ?? "[]"));
    store.subscribe(({ key, address }) => this.#follow(key, address));
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-take]");
      if (button) this.#take(button);
      const choice = event.target.closest("[data-choose-text]");
      if (choice) this.#choose(choice);
    });
    root.addEventListener("input", ({ target }) => {
      if (target.matches("[data-own-reason]")) this.#reason(target.closest("[data-card]"), target.value);
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

  /** Mark whose answer is the one to be delivered, and which text. */
  draw() {
    for (const button of this.#root.querySelectorAll("[data-take]")) {
      const given = JSON.parse(button.dataset.take);
      button.setAttribute("aria-pressed", String(said(given) === said(this.#store.get(given))));
    }
    for (const button of this.#root.querySelectorAll("[data-choose-text]")) {
      const given = JSON.parse(button.dataset.chooseText);
      const { reason } = button.closest(".texts").dataset;
      const now = this.#store.get(given);
      const isIt = reason === undefined ? said(given) === said(now) : given.justification === (now.justification ?? reason);
      button.setAttribute("aria-pressed", String(isIt));
      button.closest(".text-choice").classList.toggle("is-chosen", isIt);
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

  /** Take the median of the answers; false where there is none. */
  takeMiddle(card) {
    const button = card?.querySelector("[data-middle]");
    if (button) this.#take(button);
    return Boolean(button);
  }

  /** Choose the text after the one that is chosen; false where nobody wrote a different one. */
  chooseNext(card) {
    const buttons = [...(card?.querySelectorAll("[data-choose-text]") ?? [])];
    if (!buttons.length) return false;
    const at = buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    this.#choose(buttons[(at + 1) % buttons.length]);
    return true;
  }

  /** Take all answers that a person gave otherwise than others, as far as they are drawn. */
  takeAll(person, name) {
    let taken = 0;
    let left = 0;
    for (const card of this.#root.querySelectorAll("[data-card]")) {
      const all = this.#buttons(card);
      const own = all.find((button) => button.closest("[data-person]").dataset.person === person);
      if (own) {
        this.#store.set(...patchOf(own.dataset.take));
        taken += 1;
      } else if (all.length) left += 1;
    }
    const told = [t("%(name)s's answers are taken.", { name })];
    if (left) told.push(tn("%(count)s question has no answer of this person.", "%(count)s questions have no answer of this person.", left));
    announce(told.join(" "));
    return taken;
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

  /** Buttons by which people's answers to a question are taken. */
  #buttons(card) {
    return [...(card?.querySelectorAll("[data-take]:not([data-middle])") ?? [])];
  }

  #take(button) {
    this.#store.set(...patchOf(button.dataset.take));
    const row = button.closest("dd").previousElementSibling;
    announce(`${row.firstElementChild.textContent}: ${button.parentElement.querySelector(".said-text").textContent}`);
  }

  #choose(button) {
    const given = JSON.parse(button.dataset.chooseText);
    const choice = button.closest(".text-choice");
    if (choice.parentElement.dataset.reason === undefined) this.#store.set(...patchOf(button.dataset.chooseText));
    else {
      this.#reason(button.closest("[data-card]"), given.justification);
      const own = button.closest("[data-card]").querySelector("[data-own-reason]");
      if (own) own.value = given.justification;
    }
    announce(t("Chosen: %(name)s", { name: choice.querySelector("h4").textContent }));
  }

  /** Deliver an answer with this reason. */
  #reason(card, text) {
    const address = JSON.parse(card.querySelector("[data-question]").dataset.address);
    this.#store.set(address, { justification: isBlank(text) ? undefined : text });
  }

  /** The reason for an answer goes when another answer is given. */
  #follow(key, address) {
    if (key === null) {
      for (const one of this.#store.list()) if (one.justification) this.#reasoned.set(keyOf(one), one);
      return;
    }
    const now = this.#store.get(address);
    const before = this.#reasoned.get(key);
    if (before && before.justification === now.justification && said(before) !== said(now)) {
      this.#store.set(address, { justification: undefined });
    } else this.#reasoned.set(key, now);
  }

  #say(card, why) {
    const { key } = card.querySelector("[data-key]").dataset;
    this.#reasons.set(card.dataset.card, { key, why });
    sessionStorage.setItem(this.#kept, JSON.stringify([...this.#reasons]));
  }
}

/** The address of an answer, and what it says. */
function patchOf(text) {
  const { value, not_applicable, cannot_assess, justification, ...address } = JSON.parse(text);
  return [address, { value, not_applicable, cannot_assess, justification }];
}

/** An answer as a text for comparison, without the reason for it. */
function said(answer) {
  const { value, not_applicable, cannot_assess } = withoutAddress(answer);
  return JSON.stringify([value, not_applicable, cannot_assess]);
}
