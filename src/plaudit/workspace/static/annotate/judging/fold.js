/** Answered questions folded to one line with their answer, once somebody has gone on from them by key.
 *
 * What the mouse has answered stays as it is: nothing is to move below a pointer. A question of the rating
 * grid folds with its row. */

import { foldTurn, unfoldTurn } from "./turn_fold.js";
import { turnName } from "./progress.js";
import { t } from "../../shared/texts.js";

const isShown = (one) => one.getClientRects().length > 0;
const addressOf = (question) => JSON.parse(question.dataset.address);

/** What folds with a question; null for one that does not fold, such as those beside a text. */
function unitOf(question) {
  if (!question?.closest(".judge") || question.matches("details, .why")) return null;
  return question.closest(".row") ?? question;
}

const questionsOf = (unit) =>
  (unit.matches(".row") ? [...unit.querySelectorAll("[data-question]")].filter(isShown) : [unit]);

/** Open what an element is folded in. */
export function unfold(element) {
  unfoldTurn(element);
  const section = element?.closest("details.form-section");
  if (section) section.open = true;
  element?.closest(".is-folded")?.classList.remove("is-folded");
}

export class Folding {
  #store;
  #current;
  #isWanted;
  #index;

  /** `isWanted()` tells whether this person wants questions folded; `index` is what readQuestions() returns. */
  constructor(root, store, current, index, isWanted) {
    this.#store = store;
    this.#current = current;
    this.#index = index;
    this.#isWanted = isWanted;
    current.onMove = (from, to) => {
      const unit = unitOf(from);
      const turn = from?.closest(".asked") ?? null;
      if (turn !== null && turn !== to.closest(".asked")) this.#foldTurn(turn);
      if (unit !== null && unit !== unitOf(to)) this.#fold(unit);
      unfold(to);
    };
    store.subscribe(() => {
      for (const unit of root.querySelectorAll(".is-folded")) this.#say(unit);
    });
  }

  #fold(unit) {
    if (!this.#isWanted() || unit.querySelector(".is-wrong, .row-texts .why:not([hidden], [data-unasked])")) return;
    if (unit.matches(".is-wrong") || !this.#say(unit)) return;
    for (const about of unit.querySelectorAll(".about")) about.open = false;
    unit.classList.add("is-folded");
  }

  /** Fold a turn in which nothing is missing. */
  #foldTurn(section) {
    const { turn } = section.dataset;
    const { required, sections } = this.#index;
    const needed = required.filter((address) => sections.get(address.at) === sections.get(turn) && this.#store.isAsked(address));
    const isDone = needed.every((address) => this.#store.isAnswered(address));
    if (!needed.length || !isDone || !this.#isWanted() || section.querySelector(".is-wrong")) return;
    const isOne = ![...sections.keys()].some((at) => at.startsWith("t1"));
    foldTurn(section, turnName(turn, isOne), needed.length);
  }

  /** Write the answers into their lines; a question without one opens again. Returns whether all have one. */
  #say(unit) {
    const questions = questionsOf(unit);
    const isAnswered = questions.every((one) => this.#store.isAnswered(addressOf(one)));
    if (!isAnswered) unit.classList.remove("is-folded");
    for (const question of isAnswered ? questions : []) {
      const line = question.querySelector(":scope > .folded") ?? this.#makeLine(question);
      const { title, about } = question.dataset;
      line.textContent = wordsOf(question);
      line.setAttribute("aria-label", t("%(answer)s. Change %(question)s", { answer: line.textContent, question: [title, about].filter(Boolean).join(", ") }));
    }
    return isAnswered;
  }

  #makeLine(question) {
    const line = document.createElement("button");
    line.type = "button";
    line.className = "folded";
    line.dir = "auto";
    line.addEventListener("click", () => this.#current.enter(question));
    question.append(line);
    return line;
  }
}

/** An answer as its question's own controls say it. */
function wordsOf(question) {
  const named = [...question.querySelectorAll("input:checked")].map((box) => {
    const label = box.closest("label");
    const mark = label.querySelector(".mark")?.textContent ?? "";
    const name = label.title || label.querySelector("span:not(.sr-only)").firstChild.textContent.trim();
    return mark && mark !== name ? `${mark} ${name}` : name;
  });
  if (named.length) return named.join(", ");
  const summary = question.querySelector("[data-summary]");
  if (summary) return summary.textContent;
  const list = question.querySelector("select[data-select]");
  if (list) return list.selectedOptions[0]?.textContent ?? "";
  return [...question.querySelectorAll("input, textarea")].map((one) => one.value).filter(Boolean).join(": ");
}
