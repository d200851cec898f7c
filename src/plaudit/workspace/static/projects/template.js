/** Opening conversation as cards, synchronised with their JSON, and the preview of what it makes of values. */

import { KeptDraft } from "./kept_draft.js";
import { MessageCards } from "./message_cards.js";
import { Preview } from "./preview.js";
import { t } from "../shared/texts.js";

const form = document.getElementById("opening");
const template = document.getElementById("template");
const variables = document.getElementById("variables");
const builder = document.getElementById("builder");
const responses = document.getElementById("responses-name");
const optional = document.getElementById("optional");
const saved = "refused" in form.dataset ? null : template.defaultValue;
const kept = new KeptDraft(form.elements.version.value);
const USUAL = "responses";

/** Show an error beneath a field; an empty message removes it. */
function say(field, message) {
  const id = `${field.id}-wrong-here`;
  let line = document.getElementById(id);
  field.parentElement.classList.toggle("is-wrong", message !== "");
  if (message === "") {
    line?.remove();
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", `${field.id}-hint`);
    return;
  }
  if (line === null) {
    line = document.createElement("p");
    line.id = id;
    line.className = "wrong";
    field.after(line);
  }
  line.textContent = message;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${id} ${field.id}-hint`);
}

const cards = new MessageCards(document.getElementById("messages"), () => write());

/** Names of the variables in the messages, in order. */
const namesIn = (messages) =>
  [...new Set(messages.flatMap(({ text }) => [...text.matchAll(/\{\{\s*([A-Za-z_][\w.-]{0,63})\s*\}\}/g)].map(([, name]) => name)))];

/** Messages of one role are told apart by a name of their own. */
function told(messages) {
  const taken = new Set(messages.map(({ source_id: source }) => source).filter(Boolean));
  return messages.map((message) => {
    if (message.source_id) return message;
    let [source, number] = [message.role, 1];
    while (taken.has(source)) source = `${message.role}_${(number += 1)}`;
    taken.add(source);
    return source === message.role ? message : { ...message, source_id: source };
  });
}

/** Write the JSON from the cards. */
function write() {
  const messages = told(cards.read());
  const names = namesIn(messages);
  const missing = [...optional.querySelectorAll("input")].filter((box) => box.checked).map((box) => box.value);
  const value = { messages };
  const kept = missing.filter((name) => names.includes(name));
  if (kept.length) value.optional = kept;
  if (responses.value && responses.value !== USUAL) value.responses = responses.value;
  template.value = JSON.stringify(value, null, 2);
  offer(names, kept);
  give(names);
  changed();
}

/** Give new variables a value for the preview, as far as the values are JSON. */
function give(names) {
  let values;
  try {
    values = JSON.parse(variables.value);
  } catch {
    return;
  }
  const without = names.filter((name) => !(name in Object(values)));
  if (!without.length || typeof values !== "object" || values === null || Array.isArray(values)) return;
  for (const name of without) values[name] = t("(a value for %(name)s)", { name });
  variables.value = JSON.stringify(values, null, 2);
}

/** Offer each variable as one that may be missing. */
function offer(names, chosen) {
  document.getElementById("variables-box").hidden = !names.length;
  document.getElementById("no-messages").hidden = cards.items.length > 0;
  const shown = [...optional.querySelectorAll("input")].map((box) => box.value);
  if (shown.join("\n") === names.join("\n")) return;
  optional.replaceChildren(...names.map((name) => {
    const label = document.createElement("label");
    label.className = "ticked";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = name;
    box.checked = chosen.includes(name);
    label.append(box, ` ${name}`);
    return label;
  }));
}

/** Show the JSON as cards; false where it is no template. */
function read() {
  let value;
  try {
    value = JSON.parse(template.value);
  } catch {
    return false;
  }
  const isOne = Array.isArray(value?.messages) && value.messages.every((one) => typeof one?.text === "string" && typeof one.role === "string");
  if (!isOne) return false;
  cards.fill(value.messages);
  responses.value = value.responses ?? USUAL;
  optional.replaceChildren();
  offer(namesIn(value.messages), Array.isArray(value.optional) ? value.optional : []);
  return true;
}

function changed() {
  document.getElementById("unsaved").textContent = template.value === saved ? "" : t("Not saved yet");
  if (template.value === saved) kept.drop();
  else kept.keep(template.value);
  document.getElementById("template-wrong")?.remove();
  preview.touch();
}

const preview = new Preview(
  form.dataset.preview,
  () => ({ template: template.value, variables: variables.value }),
  (pointer, message) => {
    const where = pointer.replace(/^\/template/, "");
    const isTemplate = pointer.startsWith("/template");
    const number = Number(/^\/messages\/(\d+)/.exec(where)?.[1] ?? -1);
    cards.say(isTemplate ? number : -1, message);
    const general = document.getElementById("template-wrong-now");
    general.hidden = !isTemplate || number >= 0;
    general.textContent = general.hidden ? "" : message;
    say(template, isTemplate ? `${where ? `${where}: ` : ""}${message}` : "");
    say(variables, isTemplate ? "" : message);
  },
);

template.addEventListener("input", () => {
  read();
  changed();
});
variables.addEventListener("input", () => {
  document.getElementById("variables-wrong")?.remove();
  preview.touch();
});
for (const field of [optional, responses]) field.addEventListener("input", () => write());
for (const button of document.querySelectorAll("[data-add-message]")) {
  button.addEventListener("click", () => cards.add(button.dataset.addMessage));
}

let isSaving = false;
form.addEventListener("submit", () => {
  isSaving = true;
  kept.keep(template.value, true);
});
addEventListener("beforeunload", (event) => {
  if (!isSaving && template.value !== (saved ?? "")) event.preventDefault();
});

/** Offer what was written here before and is not stored. */
function offerKept() {
  const found = "refused" in form.dataset ? null : kept.find(saved);
  if (found === null) return;
  const place = document.getElementById("kept");
  place.querySelector("p").textContent = t("You changed the opening conversation here and did not save it.");
  place.hidden = false;
  for (const button of place.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      place.hidden = true;
      if ("dropKept" in button.dataset) kept.drop();
      else {
        template.value = found.text;
        template.dispatchEvent(new Event("input"));
      }
      document.getElementById("messages-title").focus();
    });
  }
}

if (read()) {
  builder.hidden = false;
  document.getElementById("as-json").open = false;
  offerKept();
}
form.dataset.ready = "";
preview.show();
