/** Form editor: questions as cards, synchronised with their JSON and the preview. */

import { isComposing } from "../shared/pressed.js";
import { announce } from "../shared/shell.js";
import { FieldCard } from "./field_card.js";
import { bindDragging } from "./dragging.js";
import { KeptDraft } from "./kept_draft.js";
import { Preview } from "./preview.js";
import { SectionCard } from "./section_card.js";
import { t } from "../shared/texts.js";

const editor = document.getElementById("editor");
const text = document.getElementById("form");
const list = document.getElementById("fields");
const unsaved = document.getElementById("unsaved");
const vocabulary = JSON.parse(editor.dataset.vocabulary);
const saved = "refused" in editor.dataset ? null : text.defaultValue;

const sectionCards = () => [...list.children].map((item) => item.section).filter(Boolean);
const cards = () => [...list.children].map((item) => item.card).filter(Boolean);
const kept = new KeptDraft(editor.elements.version.value);

/** The form as the cards have it: questions below a section's card belong to it. */
function read() {
  const [fields, sections] = [[], []];
  for (const { card, section } of list.children) {
    if (section) sections.push(section.read());
    else fields.push(sections.length ? { ...card.read(), section: sections.at(-1).key } : card.read());
  }
  return sections.length ? { fields, sections } : { fields };
}

let current = null;
const preview = new Preview(
  editor.dataset.preview,
  () => ({ form: current, responses: Number(document.getElementById("responses").value) }),
  show,
);

let live = null;
let lastDrawn = null;
/** Let questions of the preview be answered; the script for it is loaded once one depends on another. */
preview.onDrawn = async (drawn) => {
  lastDrawn = drawn;
  if (live === null && !current.fields.some((field) => field.ask_if)) return;
  const { LiveQuestions } = await import("./live_questions.js");
  live ??= new LiveQuestions(document.getElementById("preview"), document.getElementById("preview-asks"));
  if (drawn === lastDrawn) await live.bind(drawn);
};

/** Show an error at its control; `pointer` is a JSON pointer into the form. */
function show(pointer, message, isFirst = false) {
  const [, name, number, part] = pointer.split("/");
  const card = name === "fields" && number !== undefined ? cards()[Number(number)] : undefined;
  const section = name === "sections" && number !== undefined ? sectionCards()[Number(number)] : undefined;
  for (const other of sectionCards()) other.say(other === section ? message : "");
  for (const other of cards()) other.say(part ?? "", other === card ? message : "");
  const line = document.getElementById("form-wrong");
  const isGeneral = message !== "" && card === undefined && section === undefined && current?.fields?.length !== 0;
  line.hidden = !isGeneral;
  line.textContent = isGeneral ? message : "";
  if (card && isFirst) {
    card.open(true);
    (card.find(part ?? "") ?? card.toggle).focus();
  }
}

function renumber() {
  const before = [];
  cards().forEach((card, number) => {
    card.place(number + 1);
    card.nameCondition(before);
    before.push(card.read());
  });
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
  if (text.value === saved) kept.drop();
  else kept.keep(text.value);
  preview.touch();
}

function moved(card, by, focused) {
  const other = by < 0 ? card.element.previousElementSibling : card.element.nextElementSibling;
  if (other === null) return;
  if (by < 0) other.before(card.element);
  else other.after(card.element);
  focused?.focus();
  changed();
  tellPlace(card);
}

function tellPlace(card) {
  const place = t("Question %(number)s of %(count)s", { number: cards().indexOf(card) + 1, count: cards().length });
  const [section] = sectionsBefore(card.element).slice(-1);
  announce(section ? `${place}, ${section.title}` : place);
}

const sectionsBefore = (item) =>
  [...list.children].slice(0, [...list.children].indexOf(item)).map((one) => one.section).filter(Boolean);

/** Questions whose condition names this one; none while another one has its key. */
const dependentsOf = (card) => {
  const { key, level } = card.read();
  if (cards().some((one) => one !== card && one.read().key === key && one.read().level === level)) return [];
  return cards().filter((one) => {
    const condition = one.askIf;
    return condition?.key === key && (condition.level ?? one.read().level) === level;
  });
};

function removed(card) {
  const dependents = dependentsOf(card);
  const names = dependents.map((one) => one.read().title || one.read().key).join(", ");
  if (dependents.length && !window.confirm(t("Asked only if this question is answered so: %(names)s. Remove it, and ask them always?", { names }))) return;
  for (const one of dependents) one.askIf = undefined;
  const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
  card.element.remove();
  changed();
  (next?.card?.toggle ?? next?.section?.find("title") ?? document.getElementById("add-field")).focus();
  announce(t("Question removed"));
}

function copied(card) {
  const field = card.read();
  const copy = make({ ...field, key: freeKey(field.key.replace(/_\d+$/, "") || "question", 2), title: field.title && t("%(title)s (copy)", { title: field.title }) });
  card.element.after(copy.element);
  copy.open(true);
  changed();
  copy.find("title").focus();
  copy.find("title").select();
  announce(t("Question copied"));
}

/** Offer a card that is about to open the questions before it. */
function opened(card) {
  const all = cards();
  card.offer(all.slice(0, all.indexOf(card)).map((one) => one.read()));
}

const make = (field) => new FieldCard(field, vocabulary, { changed, moved, copied, removed, opened, dependentsOf });

function add(field) {
  const card = make(field);
  list.append(card.element);
  return card;
}

function addSection(section) {
  const card = new SectionCard(section, { changed, moved: movedSection, removed: removedSection });
  list.append(card.element);
  return card;
}

/** Move a section with its questions past the one before or after it. */
function movedSection(section, by, button) {
  const all = sectionCards();
  const at = all.indexOf(section);
  const other = all[at + by];
  if (other === undefined) return;
  const [first, second] = by < 0 ? [other, section] : [section, other];
  const items = [...list.children];
  const endOf = (one) => all[all.indexOf(one) + 1]?.element ?? null;
  const block = items.slice(items.indexOf(second.element), endOf(second) === null ? undefined : items.indexOf(endOf(second)));
  first.element.before(...block);
  button.focus();
  changed();
  announce(t("Section %(number)s of %(count)s", { number: sectionCards().indexOf(section) + 1, count: all.length }));
}

function removedSection(section) {
  const next = section.element.nextElementSibling ?? section.element.previousElementSibling;
  section.element.remove();
  changed();
  (next?.card?.toggle ?? next?.section?.find("title") ?? document.getElementById("add-section")).focus();
  announce(t("Section removed; its questions stay"));
}

function fill(form) {
  list.replaceChildren();
  const sections = Array.isArray(form.sections) ? form.sections : [];
  const known = new Set(sections.map(({ key }) => key));
  for (const field of form.fields) if (!known.has(field.section)) add(field);
  for (const section of sections) {
    addSection(section);
    for (const field of form.fields) if (field.section === section.key) add(field);
  }
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

function freeKey(stem, number) {
  const taken = new Set(cards().map((card) => card.find("key").value).concat(sectionCards().map((one) => one.key)));
  let free = number;
  while (taken.has(`${stem}_${free}`)) free += 1;
  return `${stem}_${free}`;
}

const addField = document.getElementById("add-field");
const kinds = document.getElementById("kinds");

function showKinds(isShown) {
  kinds.hidden = !isShown;
  addField.setAttribute("aria-expanded", String(isShown));
}

addField.addEventListener("click", () => {
  showKinds(kinds.hidden);
  if (!kinds.hidden) kinds.querySelector("button").focus();
});

kinds.addEventListener("keydown", (event) => {
  const buttons = [...kinds.querySelectorAll("button")];
  const by = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "Escape") {
    showKinds(false);
    addField.focus();
  } else if (by) buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length].focus();
  else return;
  event.preventDefault();
});

kinds.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add]");
  if (!button) return;
  const card = add({ key: freeKey("question", cards().length + 1), ...JSON.parse(button.dataset.add) });
  showKinds(false);
  card.open(true);
  changed();
  card.find("title").focus();
});

document.getElementById("add-section").addEventListener("click", () => {
  const card = addSection({ key: freeKey("section", sectionCards().length + 1), title: t("New section") });
  changed();
  card.find("title").focus();
  card.find("title").select();
});

bindDragging(list, {
  onDropped: (item) => {
    changed();
    tellPlace(item.card);
  },
  onMoved: (item, by, handle) => moved(item.card, by, handle),
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

/** Offer what was made here before and is not stored; what the server has just refused is shown already. */
function offerKept() {
  const found = "refused" in editor.dataset ? null : kept.find(saved);
  if (found === null) return;
  const place = document.getElementById("kept");
  place.querySelector("p").textContent = found.isOlder
    ? t("You changed questions here and did not save them. Others were saved since.")
    : t("You changed questions here and did not save them.");
  place.hidden = false;
  place.querySelector("[data-use-kept]").addEventListener("click", () => {
    place.hidden = true;
    text.value = found.text;
    text.dispatchEvent(new Event("input"));
    document.getElementById("questions-title").focus();
  });
  place.querySelector("[data-drop-kept]").addEventListener("click", () => {
    place.hidden = true;
    kept.drop();
    document.getElementById("questions-title").focus();
  });
}

let isSaving = false;
editor.addEventListener("submit", () => {
  isSaving = true;
  kept.keep(text.value, true);
});
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
  offerKept();
}
editor.dataset.ready = "";
