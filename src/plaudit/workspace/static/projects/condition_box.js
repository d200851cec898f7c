/** Controls of a question's condition in the form editor: an earlier question, how it is compared, values. */

import { sourceOf, valueWords, valuesOf } from "./form_words.js";
import { t } from "../shared/texts.js";

/** Levels of the questions that a condition may name: core/tasks/condition_checks.py. */
const AROUND = {
  thread: ["thread"], turn: ["turn"], message: ["message", "turn"],
  chunk: ["chunk", "message", "turn"], criterion: ["criterion", "message", "turn"],
};
const UNASKED = ["file", "rubric_criteria", "workspace_container"];
const WORDS = {
  is: t("is"), is_not: t("is not"), at_least: t("is at least"), at_most: t("is at most"), answered: t("is answered"),
};

/** Operators of conditions on a question. */
export function operatorsOf(source) {
  const { type, scale, possible_values: possible } = source;
  if (UNASKED.includes(type)) return [];
  if (type === "boolean" || scale) return ["is", "is_not", "answered"];
  if (type === "integer" || type === "rubric_rating") return ["is", "is_not", "at_least", "at_most", "answered"];
  if (["category", "category_multiple"].includes(type) && possible?.length) return ["is", "is_not", "answered"];
  return ["answered"];
}

/** Whether a question may depend on an earlier one. */
export function mayName(field, source) {
  const role = (one) => one.applies_to || "assistant";
  if (!AROUND[field.level].includes(source.level) || !operatorsOf(source).length) return false;
  return !["message", "chunk"].includes(source.level) || role(source) === role(field);
}

const idOf = ({ level, key }) => JSON.stringify([level, key]);

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

export class ConditionBox {
  #card;

  /** The condition is the `askIf` of the card, which is told by `update()` of every change by hand. */
  constructor(box, card) {
    this.find = (name) => box.querySelector(`[data-if="${name}"]`);
    this.#card = card;
    this.sources = [];
    this.find("source").addEventListener("input", (event) => this.#on(event, () => this.#choose()));
    this.find("operator").addEventListener("input", (event) => this.#on(event, () => this.#compare(this.find("operator").value)));
    this.find("number").addEventListener("input", (event) => this.#on(event, () => this.#number()));
    this.find("values").addEventListener("input", (event) => this.#on(event, () => this.#tick(event.target)));
  }

  get condition() {
    return this.#card.askIf;
  }

  set condition(condition) {
    this.#card.askIf = condition;
  }

  #on(event, act) {
    event.stopPropagation(); // the card hears of it by `update`
    act();
    this.draw();
    this.#card.update();
  }

  /** Offer the questions before this one, and show the condition. */
  offer(field, before) {
    this.field = field;
    this.sources = before.filter((source) => mayName(field, source));
    this.draw();
  }

  draw() {
    const { condition, field } = this;
    const list = this.find("source");
    const source = condition && sourceOf(condition, field, this.sources);
    list.replaceChildren(option("", t("always")), ...this.sources.map((one) => option(idOf(one), t("only if “%(title)s”", { title: one.title || one.key }))));
    if (condition && !source) list.append(option("?", t("only if “%(title)s” (no earlier question)", { title: condition.key })));
    list.value = source ? idOf(source) : condition ? "?" : "";
    list.disabled = list.options.length < 2;
    const operator = this.find("operator");
    operator.hidden = !source;
    operator.replaceChildren(...(source ? operatorsOf(source) : []).map((name) => option(name, WORDS[name])));
    if (source) operator.value = condition.operator;
    this.#drawValues(source);
  }

  #drawValues(source) {
    const isCompared = Boolean(source) && this.condition.operator !== "answered";
    const values = isCompared ? valuesOf(source) : [];
    const isListed = values.length > 0 && ["is", "is_not"].includes(this.condition.operator);
    const number = this.find("number");
    number.hidden = !isCompared || isListed;
    const shown = typeof this.condition?.value === "number" ? this.condition.value : undefined;
    // What is on the way to a number, such as "1.", stays as it is typed.
    if (number.hidden) number.value = "";
    else if (shown !== undefined && Number(number.value || NaN) !== shown) number.value = shown;
    this.#drawTicks(isListed ? values.map((value) => [value, valueWords(source, value)]) : []);
    this.find("mirrored").hidden = !isListed || !source.scale;
  }

  /** Boxes of values, each with its words; those that stand there already keep the focus. */
  #drawTicks(wanted) {
    const ticks = this.find("values");
    ticks.hidden = !wanted.length;
    const labels = [...ticks.children];
    if (labels.map((one) => one.textContent.trim()).join("\n") !== wanted.map(([, words]) => words.trim()).join("\n")) {
      ticks.replaceChildren(...wanted.map(([, words], place) => {
        const label = document.createElement("label");
        label.className = "ticked";
        const box = document.createElement("input");
        box.type = "checkbox";
        box.value = place;
        label.append(box, ` ${words}`);
        return label;
      }));
    }
    const chosen = [this.condition?.value].flat();
    [...ticks.querySelectorAll("input")].forEach((box, place) => { box.checked = chosen.includes(wanted[place][0]); });
  }

  #choose() {
    const source = this.sources.find((one) => idOf(one) === this.find("source").value);
    if (!source) {
      this.condition = undefined;
      return;
    }
    this.condition = { key: source.key };
    if (source.level !== this.field.level) this.condition.level = source.level;
    const operators = operatorsOf(source);
    this.#compare(operators.includes("at_most") ? "at_most" : operators[0]);
  }

  /** Take another operator, with a value that it can have. */
  #compare(operator) {
    const source = sourceOf(this.condition, this.field, this.sources);
    const { value, ...rest } = this.condition;
    const values = valuesOf(source);
    const middle = values[Math.floor((values.length - 1) / 2)];
    this.condition = { ...rest, operator };
    if (operator === "answered") return;
    if (operator.startsWith("at_")) this.condition.value = typeof value === "number" ? value : middle ?? 0;
    else this.condition.value = Array.isArray(value) || (value !== undefined && !values.length) ? value : [source.scale ? middle : value ?? values[0] ?? 0];
    if (!values.length) this.condition.value = [this.condition.value].flat()[0];
  }

  #number() {
    const { value } = this.find("number");
    this.condition.value = value === "" ? "" : Number(value);
  }

  #tick(box) {
    const source = sourceOf(this.condition, this.field, this.sources);
    const boxes = [...this.find("values").querySelectorAll("input")];
    if (source.scale) boxes[boxes.length - 1 - boxes.indexOf(box)].checked = box.checked;
    this.condition.value = boxes.filter((one) => one.checked).map((one) => valuesOf(source)[Number(one.value)]);
  }
}
