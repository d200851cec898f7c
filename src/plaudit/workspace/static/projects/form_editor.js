/** Form editor: questions as cards, synchronised with their JSON and the preview. */

import { isComposing } from "../shared/pressed.js";
import { announce } from "../shared/shell.js";
import { FieldCard } from "./field_card.js";
import { Preview } from "./preview.js";
import { t } from "../shared/texts.js";

const editor = document.getElementById("editor");
const text = document.getElementById("form");
const list = document.getElementById("fields");
const unsaved = document.getElementById("unsaved");
const vocabulary = JSON.parse(editor.dataset.vocabulary);
const saved = text.defaultValue;

const cards = () => [...list.children].map((item) => item.card);
const read = () => ({ fields: cards().map((card) => card.read()) });

let current = null;
const preview = new Preview(
  editor.dataset.preview,
  () => ({ form: current, responses: Number(document.getElementById("responses").value) }),
  show,
);

/** Show an error at its control; `pointer` is a JSON pointer into the form. */
function show(pointer, message, isFirst = false) {
  const [, name, number, part] = pointer.split("/");
  const card = name === "fields" && number !== undefined ? cards()[Number(number)] : undefined;
  for (const other of cards()) other.say(part ?? "", other === card ? message : "");
  const line = document.getElementById("form-wrong");
  const isGeneral = message !== "" && card === undefined && current?.fields?.length !== 0;
  line.hidden = !isGeneral;
  line.textContent = isGeneral ? message : "";
  if (card && isFirst) {
    card.open(true);
    (card.find(part ?? "") ?? card.toggle).focus();
  }
}

function renumber() {
  cards().forEach((card, number) => card.place(number + 1));
  document.getElementById("no-fields").hidden = list.children.length > 0;
}

/** Update the JSON and the preview after a change of a card. */
function changed() {
  current = read();
  text.value = JSON.stringify(current, null, 2);
  document.getElementById("form-json-wrong")?.remove();
  follow();
}

function follow() {
  renumber();
  unsaved.textContent = text.value === saved ? "" : t("Not saved yet");
  preview.touch();
}

function moved(card, by, focused) {
  const other = by < 0 ? card.element.previousElementSibling : card.element.nextElementSibling;
  if (other === null) return;
  if (by < 0) other.before(card.element);
  else other.after(card.element);
  focused?.focus();
  changed();
  announce(t("Question %(number)s of %(count)s", { number: cards().indexOf(card) + 1, count: list.children.length }));
}

function removed(card) {
  const next = (card.element.nextElementSibling ?? card.element.previousElementSibling)?.card;
  card.element.remove();
  changed();
  (next?.toggle ?? document.getElementById("add-field")).focus();
  announce(t("Question removed"));
}

function add(field) {
  const card = new FieldCard(field, vocabulary, { changed, moved, removed });
  list.append(card.element);
  return card;
}

function fill(form) {
  list.replaceChildren();
  for (const field of form.fields) add(field);
  current = form;
  renumber();
}

/** Form of a JSON text, null if it is not one. */
function parsed(json) {
  try {
    const form = JSON.parse(json);
    const isForm = Array.isArray(form?.fields) && form.fields.every((one) => one && typeof one === "object");
    return isForm ? form : null;
  } catch {
    return null;
  }
}

function newKey() {
  const taken = new Set(cards().map((card) => card.find("key").value));
  let number = list.children.length + 1;
  while (taken.has(`question_${number}`)) number += 1;
  return `question_${number}`;
}

document.getElementById("add-field").addEventListener("click", () => {
  const card = add({ key: newKey(), level: "message", type: "integer", possible_values: [1, 2, 3, 4, 5] });
  card.open(true);
  changed();
  card.find("title").focus();
});

document.getElementById("start-from").addEventListener("change", (event) => {
  const chosen = event.target.value;
  event.target.value = "";
  if (list.children.length && !window.confirm(t("Replace the questions below? Nothing is saved before you save."))) return;
  fill(chosen === "empty" ? { fields: [] } : structuredClone(vocabulary.presets[chosen.replace("preset:", "")]));
  changed();
});

document.getElementById("responses").addEventListener("change", () => preview.touch());

text.addEventListener("input", () => {
  const form = parsed(text.value);
  if (form === null) {
    show("", t("The JSON below is not a form at the moment."));
    return;
  }
  fill(form);
  follow();
});

// Enter would submit the whole form; in a list of values it adds a value instead.
list.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || isComposing(event) || !event.target.matches("input")) return;
  event.preventDefault();
  if (event.target.closest(".value-row")) event.target.closest(".values").querySelector("[data-add-value]").click();
});

let isSaving = false;
editor.addEventListener("submit", () => { isSaving = true; });
window.addEventListener("beforeunload", (event) => {
  if (!isSaving && text.value !== saved) event.preventDefault();
});

const first = parsed(text.value);
if (first !== null) {
  fill(first);
  document.getElementById("builder").hidden = false;
  document.getElementById("as-json").open = false;
  const writes = first.fields.some((one) => one.use === "response");
  if (writes) document.getElementById("responses").value = "0";
  const { pointer = "", message = "" } = editor.dataset;
  if (message) show(pointer.replace(/^\/form/, ""), message, true);
  preview.show();
}
editor.dataset.ready = "";
