/** The answers on the page: the one place that widgets read from and write to.
 *
 * The contract for widgets:
 *
 * - The server draws each question as an element with `data-widget` (the name of its script in widgets/),
 *   `data-question` (the variant of the widget), `data-address` (JSON: what an answer to it carries) and
 *   `data-key`. Addresses are made by the server alone and go
 *   back untouched: {at, key} and, as the case may be, position, message, chunk, criterion.
 * - A widget is a module with a function `bind(element, store, text)`, see widgets.js. It calls `store.set(address, {value})` when the person
 *   changes something, never reads another widget's element, and returns `show()`, which draws what
 *   `store.get(address)` holds. `show` must not move the focus or the caret of a field that holds the
 *   same text already.
 * - An answer is {value, not_applicable, cannot_assess, justification}. Setting `value` clears the two
 *   flags, and setting a flag clears `value`. undefined, "" and [] are no value. An answer that says
 *   nothing is gone.
 * - Values speak of responses by their place on the screen, 1 being the leftmost or topmost (see
 *   core/labeling/answers.py for the values of each type).
 * - Nobody but `sync.js` sends answers, and nobody but `journal.js` keeps them.
 */

import { isBlank } from "./blank.js";
import { meets } from "./meets.js";

const PARTS = ["at", "position", "message", "chunk", "criterion", "key"];
const FLAGS = ["not_applicable", "cannot_assess"];

/** The text under which an address is known in this page. */
export const keyOf = (address) => JSON.stringify(PARTS.map((part) => address[part] ?? null));

const isNothing = (value) =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && !value.length);

/** A text that shows nothing, or a rating of which only the reason is given. */
const isHalf = (value) =>
  typeof value === "string" ? isBlank(value)
    : typeof value === "object" && !Array.isArray(value) && value.score === undefined;

/** An answer as the store holds it. */
export function withoutAddress(given) {
  const answer = {};
  for (const part of ["value", "justification", ...FLAGS]) {
    if (!isNothing(given[part]) && given[part] !== false) answer[part] = given[part];
    if (part === "value" && given[part] === false) answer[part] = false;
  }
  return answer;
}

export class Store {
  #answers = new Map();
  #addresses = new Map();
  #conditions;
  #listeners = [];

  /** `isReadOnly` stands for itself: while true, `set` does nothing. */
  isReadOnly = false;

  /** `conditions` are those of readQuestions(). */
  constructor(addresses, conditions = new Map()) {
    this.#conditions = conditions;
    for (const address of addresses) this.#addresses.set(keyOf(address), address);
  }

  get(address) {
    return this.#answers.get(keyOf(address)) ?? {};
  }

  set(address, patch) {
    if (this.isReadOnly) return;
    const key = keyOf(address);
    const was = this.#answers.get(key) ?? {};
    const next = { ...was, ...patch };
    if (!isNothing(patch.value)) for (const flag of FLAGS) delete next[flag];
    for (const flag of FLAGS) {
      if (patch[flag]) {
        delete next.value;
        for (const other of FLAGS) if (other !== flag) delete next[other];
      }
      if (!next[flag]) delete next[flag];
    }
    if (isNothing(next.value)) delete next.value;
    if (isNothing(next.justification)) delete next.justification;
    if (JSON.stringify(was) === JSON.stringify(next)) return;
    if (Object.keys(next).length) this.#answers.set(key, next);
    else this.#answers.delete(key);
    this.#tell({ key, address, isOwn: true });
  }

  get hasConditions() {
    return this.#conditions.size > 0;
  }

  /** Whether a question is asked, as others are answered. */
  isAsked(address) {
    const condition = this.#conditions.get(keyOf(address));
    return !condition || (this.isAsked(condition.source) && meets(condition, this.get(condition.source)));
  }

  /** Keys of the questions with a condition that are asked. */
  askedKeys() {
    return new Set([...this.#conditions.keys()].filter((key) => this.isAsked(this.#addresses.get(key))));
  }

  /** Whether there is an answer to the question with a key. */
  holds(key) {
    return this.#answers.has(key);
  }

  /** The answers to what is asked; `list()` has those that are set aside as well. */
  listAsked() {
    return this.list().filter((answer) => this.isAsked(answer));
  }

  /** All answers as the server takes them, in the order of the questions. */
  list() {
    const found = [];
    for (const [key, address] of this.#addresses) {
      const answer = this.#answers.get(key);
      if (answer) found.push({ ...address, ...answer });
    }
    return found;
  }

  /** Put these answers in place of all others; what nobody asks any more is left out. */
  load(answers) {
    this.#answers.clear();
    this.add(answers ?? []);
  }

  /** Put in answers to questions that have none. */
  add(answers) {
    for (const given of answers) {
      const key = keyOf(given);
      if (!this.#addresses.has(key) || this.#answers.has(key)) continue;
      this.#answers.set(key, withoutAddress(given));
    }
    this.#tell({ key: null, address: null, isOwn: false });
  }

  /** Whether a question is asked and has no answer. */
  isMissing(address) {
    return this.isAsked(address) && !this.isAnswered(address);
  }

  /** Whether an answer has a value or says why it has none. */
  isAnswered(address) {
    const answer = this.get(address);
    return (answer.value !== undefined && !isHalf(answer.value)) || FLAGS.some((flag) => answer[flag]);
  }

  /** How many of the questions with these keys are answered. */
  countAnswered(keys) {
    let count = 0;
    for (const key of this.#answers.keys()) {
      if (keys.has(key) && this.isAnswered(this.#addresses.get(key))) count += 1;
    }
    return count;
  }

  /** The turns and threads with an answer for which `isWanted(answer)`. */
  findTurns(isWanted) {
    const found = new Set();
    for (const [key, answer] of this.#answers) if (isWanted(answer)) found.add(this.#addresses.get(key).at);
    return found;
  }

  /** Call `listener({key, address, isOwn})` after each change; key is null after `load`. */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  #tell(change) {
    for (const listener of this.#listeners) listener(change);
  }
}
