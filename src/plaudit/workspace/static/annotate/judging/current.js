/** The current question: marked, in sight, and where the keys go on from. It is the one that holds the
 * focus, or held it last. */

import { announce } from "../../shared/shell.js";
import { firstField } from "../faults.js";
import { unfold } from "./fold.js";
import { keyOf } from "../store.js";
import { isTurnFolded, unfoldTurn } from "./turn_fold.js";
import { t } from "../../shared/texts.js";

const WRITTEN = '[data-widget="text"], [data-widget="response"], details';
const MARKED = '[data-widget="spans"]';

/** In a section that is folded a question is out of sight, and not out of reach. */
const isShown = (one) => one.getClientRects().length > 0
  || (one.closest("details.form-section:not([open])") !== null && one.closest("[data-unasked], [hidden]") === null);
const addressOf = (question) => JSON.parse(question.dataset.address);

export class Current {
  /** Called when somebody goes from a question, null for none, to another one, before that has the focus. */
  onMove = () => {};

  #root;
  #store;
  #turns;
  #index;
  #marked = null;

  /** `index` is what readQuestions() returns. */
  constructor(root, store, turns, index) {
    this.#root = root;
    this.#store = store;
    this.#turns = turns;
    this.#index = index;
    root.addEventListener("focusin", ({ target }) => {
      const question = target.closest("[data-question]");
      if (question) this.#mark(question);
    });
  }

  /** The questions that can be seen, in order. */
  get all() {
    return [...this.#root.querySelectorAll("[data-question]")].filter(isShown);
  }

  /** The question that holds the focus; null if none does. */
  get focused() {
    return document.activeElement?.closest?.("[data-question]") ?? null;
  }

  /** The current question; null where the focus is beside the task, in the guidelines for instance. */
  get element() {
    const { activeElement } = document;
    const isBeside = activeElement && activeElement !== document.body && !this.#root.contains(activeElement);
    if (isBeside) return null;
    return this.focused ?? (this.#marked?.isConnected && isShown(this.#marked) ? this.#marked : null);
  }

  /** Make the first open question the current one. Nobody has touched a key yet: what they press next
   * is not to land in a text, and where the page scrolls as a whole it stays at its beginning. */
  begin(isScrolled) {
    if (document.activeElement && document.activeElement !== document.body) return;
    const { all } = this;
    const first = all.find((one) => this.#isOpen(one)) ?? all[0];
    if (!first) return;
    unfold(first);
    if (first.matches(`${WRITTEN}, ${MARKED}`)) this.stand(first, isScrolled);
    else firstField(first)?.focus({ preventScroll: !isScrolled });
  }

  /** Put the focus into a question. */
  enter(question) {
    const from = this.element;
    this.onMove(from, question);
    this.#mark(question);
    const section = question.closest(".asked");
    const isOther = from !== null && from.closest(".asked") !== section;
    // A turn that fits into the window comes into focus as a whole.
    if (isOther && section?.offsetHeight <= innerHeight) section.scrollIntoView({ block: "start" });
    const field = question.tagName === "DETAILS" && !question.open ? question.querySelector("summary") : firstField(question);
    field?.focus();
    (question.closest(".row") ?? question).scrollIntoView({ block: "nearest" });
  }

  /** Put the focus on a question as a whole, where letters are keys and not yet a text. */
  stand(question, isScrolled = true) {
    this.onMove(this.element, question);
    question.tabIndex = -1;
    question.focus({ preventScroll: !isScrolled });
  }

  /** Go to the question before or after the one with the focus. */
  async go(by) {
    const { all, focused } = this;
    const at = all.indexOf(focused);
    const next = at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[at + by];
    const beside = this.#besides(focused, by);
    if (isTurnFolded(beside) && next?.closest(".asked") !== focused.closest(".asked")) {
      unfoldTurn(beside);
      this.go(by);
      return;
    }
    if (at >= 0 && await this.#turns.fill(all[at], next ?? null, by)) {
      if (this.focused === all[at]) this.go(by);
      return;
    }
    if (next) this.enter(next);
  }

  /** Go on to the next question that is open, after an answer. Texts and marks that nobody has to give
   * are passed over; after the last one, what was left out before it is next. */
  async goOn() {
    const { all, element } = this;
    const at = all.indexOf(element);
    const next = all.slice(at + 1).find((one) => this.#isOpen(one));
    if (at >= 0 && await this.#turns.fill(element, next ?? null, 1)) {
      if (this.element === element) this.goOn();
      return;
    }
    if (next) this.enter(next);
    else if (this.#openPlaces().length) this.goToOpen();
  }

  /** Go to the next required question without an answer, around the task; its turn is drawn if it is not.
   * Where nothing is required any more, to what else is open. False if nothing is. */
  goToOpen() {
    const { all, element } = this;
    const here = element === null ? -1 : this.#sectionOf(element);
    const at = all.indexOf(element);
    const places = this.#openPlaces();
    const isAfter = ([section, one]) => section > here || (section === here && all.indexOf(one) > at);
    const found = places.find(isAfter) ?? places[0];
    if (found) {
      this.#reach(...found);
      return true;
    }
    const other = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((one) => !this.#store.isAnswered(addressOf(one)));
    if (!other) announce(t("No question is open."));
    else this.enter(other);
    return other !== undefined;
  }

  /** Go to a question by its address; its turn is drawn if it is not. */
  goToAddress(address) {
    const key = keyOf(address);
    const isWanted = (one) => keyOf(addressOf(one)) === key;
    this.#reach(this.#index.sections.get(address.at), this.all.find(isWanted) ?? null, isWanted);
  }

  /** Go to the first open question of the turn before or after this one, or to its first. */
  async goToTurn(by) {
    const sections = [...this.#root.querySelectorAll(".asked")];
    const here = (document.activeElement?.closest?.(".asked") ?? this.element?.closest(".asked")) ?? sections[0];
    const next = sections[sections.indexOf(here) + by];
    if (await this.#turns.fill(here, next ?? null, by)) {
      this.goToTurn(by);
      return;
    }
    if (next) this.showTurn(next);
  }

  /** Bring a turn into sight, at the first of its questions that is open. */
  showTurn(section) {
    unfoldTurn(section);
    const inside = this.all.filter((one) => section.contains(one));
    const question = inside.find((one) => this.#isOpen(one)) ?? inside[0];
    if (question) this.enter(question);
    section.scrollIntoView({ block: "start" });
  }

  /** The turn before or after that of a question; null for none. */
  #besides(question, by) {
    const sections = [...this.#root.querySelectorAll(".asked")];
    return sections[sections.indexOf(question?.closest(".asked")) + by] ?? null;
  }

  #isOpen(question) {
    if (!this.#store.isMissing(addressOf(question))) return false;
    if ("required" in question.dataset) return true;
    return !question.matches(`details, ${MARKED}`) && question.querySelector("[data-digit]") !== null;
  }

  #sectionOf(question) {
    return this.#index.sections.get(addressOf(question).at) ?? 0;
  }

  /** [section, question] of what is required and open, in order; the question is null where its turn is
   * not drawn. */
  #openPlaces() {
    const isDrawn = this.#turns.drawnSections();
    const open = this.all
      .filter((one) => "required" in one.dataset && this.#isOpen(one))
      .map((one) => [this.#sectionOf(one), one]);
    const undrawn = new Set(this.#index.required
      .filter((address) => !isDrawn(this.#index.sections.get(address.at)) && this.#store.isMissing(address))
      .map(({ at }) => this.#index.sections.get(at)));
    return [...open, ...[...undrawn].map((section) => [section, null])].sort(([one], [other]) => one - other);
  }

  async #reach(section, question, isWanted = (one) => this.#isOpen(one)) {
    if (question === null) {
      try {
        await this.#turns.reach(section);
      } catch {
        return; // what is wrong is told at the gap
      }
    }
    const found = question ?? this.all.find((one) => this.#sectionOf(one) === section && isWanted(one));
    if (found) this.enter(found);
  }

  #mark(question) {
    if (question === this.#marked) return;
    this.#marked?.removeAttribute("aria-current");
    this.#marked = question;
    question.setAttribute("aria-current", "true");
  }
}
