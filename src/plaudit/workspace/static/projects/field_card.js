/** Card of a question in the form editor: converts between its controls and the API's JSON. */

import { conditionWords, ruleWords, sentenceOf, sourceOf } from "./form_words.js";
import { isComposing } from "../shared/pressed.js";
import { t } from "../shared/texts.js";

const BOXES = ["required", "not_applicable", "cannot_assess", "names_responses"];
const WORDS = ["title", "description", "applies_to", "scale", "consolidate", "use"];
let cardCount = 0;

/** Optional controls by name: true where a level and type use them. */
function fitting(level, type, valued) {
  const isText = type === "text";
  return {
    applies_to: level === "message" || level === "chunk",
    scale: level === "turn" && type === "integer",
    use: isText && (level === "message" || level === "turn"),
    chars_min: isText,
    names_responses: isText && (level === "message" || level === "turn"),
    values: valued.includes(type) || type === "labeled_text",
  };
}

export class FieldCard {
  /** Callbacks: `changed()` after every change, `moved(card, by)`, `copied(card)` and `removed(card)` by
   * buttons, `opened(card)` before its body is shown; `dependentsOf(card)` are those whose condition names it. */
  constructor(field, vocabulary, { changed, moved, copied, removed, opened, dependentsOf }) {
    this.vocabulary = vocabulary;
    this.changed = changed;
    this.element = document.getElementById("field-card").content.firstElementChild.cloneNode(true);
    this.element.card = this;
    this.number = (cardCount += 1);
    this.opened = opened;
    /** Condition in the API's shape, undefined where there is none. */
    this.askIf = undefined;
    this.conditionBox = null;
    this.label();
    this.listen({ moved, copied, removed, dependentsOf });
    this.fill(field);
  }

  find(name) {
    return this.element.querySelector(`[data-field="${name}"]`);
  }

  /** Give every control an id, for its label and its error message. */
  label() {
    for (const control of this.element.querySelectorAll("[data-field]")) {
      control.id = `field-${this.number}-${control.dataset.field}`;
      const label = control.closest(".field")?.querySelector("label");
      if (label && !label.contains(control)) label.htmlFor = control.id;
    }
    const body = this.element.querySelector("[data-body]");
    body.id = `field-${this.number}`;
    this.toggle = this.element.querySelector("[data-toggle]");
    this.toggle.setAttribute("aria-controls", body.id);
    this.body = body;
  }

  listen({ moved, copied, removed, dependentsOf }) {
    this.toggle.addEventListener("click", () => this.open(this.body.hidden));
    for (const button of this.element.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => moved(this, Number(button.dataset.move), button));
    }
    this.element.querySelector("[data-copy]").addEventListener("click", () => copied(this));
    // Conditions follow to the new key, which on its way may be another question's for a moment.
    let followers = [];
    this.find("key").addEventListener("focus", () => { followers = dependentsOf(this); });
    this.find("key").addEventListener("input", () => {
      for (const one of followers) if (one.askIf) one.askIf.key = this.find("key").value;
    });
    this.element.querySelector("[data-remove]").addEventListener("click", () => removed(this));
    this.element.querySelector("[data-add-value]").addEventListener("click", () => {
      const rows = this.rows();
      const last = rows.at(-1)?.value;
      const row = this.addValue(/^-?\d+$/.test(last ?? "") ? String(Number(last) + 1) : "", "");
      row.querySelector("input:not([hidden])").focus();
      this.update();
    });
    this.element.addEventListener("input", () => this.update());
    this.element.addEventListener("keydown", (event) => {
      if (isComposing(event) || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      moved(this, event.key === "ArrowUp" ? -1 : 1, document.activeElement);
    });
  }

  open(isOpen) {
    if (isOpen) this.opened(this);
    this.body.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
  }

  fill(field) {
    this.rest = {};
    this.askIf = field.ask_if && structuredClone(field.ask_if);
    for (const [name, value] of Object.entries(field)) {
      if (["ask_if", "section"].includes(name)) continue;
      const control = this.find(name);
      if (control === null) this.rest[name] = value;
      else if (!BOXES.includes(name) && name !== "consolidate") control.value = value ?? "";
    }
    for (const name of BOXES) this.find(name).checked = Boolean(field[name]);
    const { possible_values: possible, labels = [] } = field;
    delete this.rest.possible_values;
    delete this.rest.labels;
    const values = possible ?? (field.scale && labels.length ? this.vocabulary.likert : []);
    const rows = field.type === "labeled_text" ? labels.map((label) => ["", label])
      : values.map((value, number) => [String(value), labels[number] ?? ""]);
    for (const [value, label] of rows) this.addValue(value, label);
    this.adapt();
    this.find("consolidate").value = field.consolidate ?? "";
    this.name();
  }

  addValue(value, label) {
    const row = document.getElementById("value-row").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-value]").value = value;
    row.querySelector("[data-label]").value = label;
    row.querySelector("[data-remove-value]").addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector("[data-remove-value]") ?? this.element.querySelector("[data-add-value]")).focus();
      this.update();
    });
    this.element.querySelector("[data-values]").append(row);
    this.adaptRow(row, this.find("type").value, row.parentElement.children.length);
    return row;
  }

  rows() {
    return [...this.element.querySelectorAll(".value-row")].map((row) => ({
      value: row.querySelector("[data-value]").value.trim(),
      label: row.querySelector("[data-label]").value.trim(),
    }));
  }

  adaptRow(row, type, number) {
    for (const one of row.querySelectorAll("[data-called]")) one.setAttribute("aria-label", `${one.dataset.called} ${number}`);
    row.querySelector("[data-value]").hidden = type === "labeled_text";
    row.querySelector("[data-value]").placeholder = type === "integer" ? "1" : type === "boolean" ? "true" : "value";
    row.querySelector("[data-label]").placeholder = type === "labeled_text" ? t("label") : t("label (optional)");
  }

  /** Show the controls and consolidation rules that fit level and type. */
  adapt() {
    const type = this.find("type").value;
    const shown = fitting(this.find("level").value, type, this.vocabulary.valued);
    for (const part of this.element.querySelectorAll("[data-when]")) part.hidden = !shown[part.dataset.when];
    this.element.querySelectorAll(".value-row").forEach((row, at) => this.adaptRow(row, type, at + 1));
    this.element.querySelector("[data-values-legend]").textContent =
      type === "labeled_text" ? t("Labels of marks") : t("Possible values, and what they are called");
    const rule = this.find("consolidate");
    const chosen = rule.value;
    const rules = this.vocabulary.rules[type];
    rule.replaceChildren(...["", ...rules].map((name) => {
      const option = document.createElement("option");
      option.value = name;
      option.textContent = name ? ruleWords(name) : t("the usual rule (%(rule)s)", { rule: ruleWords(rules[0]) });
      return option;
    }));
    rule.value = rules.includes(chosen) ? chosen : "";
    this.shown = shown;
  }

  update() {
    this.adapt();
    this.name();
    this.changed();
  }

  name() {
    const field = this.read();
    const called = field.title || field.key || t("New question");
    this.element.querySelector("[data-name]").textContent = called;
    this.body.setAttribute("aria-label", called);
    this.element.querySelector("[data-kind]").textContent = field.required ? t("%(sentence)s · required", { sentence: sentenceOf(field) }) : sentenceOf(field);
    for (const said of this.element.querySelectorAll("[data-says]")) said.textContent = said.dataset.says + called;
  }

  /** Say when it is asked; `fields` are those before it. */
  nameCondition(fields) {
    const line = this.element.querySelector("[data-condition-words]");
    const condition = this.askIf;
    line.hidden = !condition;
    line.textContent = condition ? conditionWords(condition, sourceOf(condition, this.read(), fields)) : "";
    if (!this.body.hidden) this.offer(fields);
  }

  /** Show the controls of the condition, with the questions before this one; their script is loaded for the first. */
  async offer(fields) {
    const { ConditionBox } = await import("./condition_box.js");
    this.conditionBox ??= new ConditionBox(this.element.querySelector("[data-condition]"), this);
    this.conditionBox.offer(this.read(), fields);
  }

  place(number) {
    this.element.querySelector("[data-number]").textContent = `${number}.`;
  }

  /** Return the question in the API's shape. */
  read() {
    const field = { ...this.rest, key: this.find("key").value, level: this.find("level").value, type: this.find("type").value };
    for (const name of WORDS) {
      if (this.find(name).value !== "" && this.shown[name] !== false) field[name] = this.find(name).value;
    }
    for (const name of BOXES) {
      if (this.find(name).checked && this.shown[name] !== false) field[name] = true;
    }
    const least = this.find("chars_min").value;
    if (this.shown.chars_min && least !== "") field.chars_min = Number(least);
    if (this.shown.values) this.readValues(field);
    if (this.askIf) field.ask_if = this.askIf;
    return field;
  }

  readValues(field) {
    const rows = this.rows();
    if (rows.length === 0) return;
    if (field.type === "labeled_text") {
      field.labels = rows.map((row) => row.label);
      return;
    }
    field.possible_values = rows.map(({ value }) => {
      if (field.type === "integer" && /^-?\d{1,15}$/.test(value)) return Number(value);
      if (field.type === "boolean" && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
      return value;
    });
    if (rows.some((row) => row.label !== "")) field.labels = rows.map((row) => row.label || row.value);
  }

  /** Show an error beside the control `name`; an empty message removes all errors of the card. */
  say(name, message) {
    for (const line of this.element.querySelectorAll("[data-said]")) line.remove();
    for (const line of this.element.querySelectorAll("[data-wrong]")) line.hidden = true;
    for (const control of this.element.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid");
      control.removeAttribute("aria-describedby");
    }
    this.element.classList.toggle("is-wrong", message !== "");
    if (message === "") return;
    const line = this.element.querySelector(`[data-wrong="${name}"]`);
    if (line) {
      line.textContent = message;
      line.hidden = false;
      return;
    }
    const control = this.find(name) ?? this.toggle;
    const hint = document.createElement("p");
    hint.className = "wrong";
    hint.id = `field-${this.number}-wrong`;
    hint.dataset.said = "";
    hint.textContent = message;
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", hint.id);
    (control === this.toggle ? this.toggle.parentElement : control).after(hint);
  }
}
