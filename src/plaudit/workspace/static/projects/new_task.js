/** Form of a new task: what was said before, further responses, and the same conversation as JSON. */

import { fieldsOf, threadsOf } from "./conversation_json.js";
import { MessageCards } from "./message_cards.js";
import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

const form = document.getElementById("new-task");
const list = document.getElementById("responses");
const add = document.getElementById("add-response");
const remove = document.getElementById("remove-response");
const json = document.getElementById("content");
const details = document.getElementById("as-json");
const { prompt, system } = form.elements;
const most = Number(form.dataset.most);
const fields = () => [...list.querySelectorAll(".response-field")];
const areas = () => fields().map((field) => field.querySelector("textarea"));

/** The JSON counts where it is open, where it says more than the fields, and where the fields are more
 * than a server reads: messages from before. */
let isMore = false;
const cards = new MessageCards(document.getElementById("earlier"), () => write());

function show() {
  add.hidden = fields().length >= most;
  remove.hidden = fields().length <= 1;
  document.getElementById("more-in-json").hidden = !isMore;
  document.getElementById("as-fields").hidden = isMore;
}

function addField() {
  const number = fields().length + 1;
  const field = fields().at(-1).cloneNode(true);
  const [label, area] = [field.querySelector("label"), field.querySelector("textarea")];
  area.id = `response-${number}`;
  area.value = "";
  area.removeAttribute("aria-invalid");
  area.removeAttribute("aria-describedby");
  label.htmlFor = area.id;
  label.firstChild.textContent = `${t("Response %(number)s", { number })} `;
  fields().at(-1).after(field);
  show();
  return area;
}

function write() {
  if (isMore || !details.open) return;
  json.value = JSON.stringify(typed(), null, 2);
}

const typed = () =>
  threadsOf({ earlier: cards.read(), system: system.value, prompt: prompt.value, responses: areas().map((area) => area.value) });

/** Show the JSON in the fields, as far as they can show it; while it is none, they stay as they are. */
function read() {
  let threads;
  try {
    threads = JSON.parse(json.value);
  } catch {
    isMore = json.value.trim() !== "";
    show();
    return;
  }
  const found = fieldsOf(threads);
  isMore = found === null || found.responses.length > most;
  if (!isMore) {
    cards.fill(found.earlier);
    [prompt.value, system.value] = [found.prompt, found.system];
    while (fields().length < found.responses.length) addField();
    areas().forEach((area, number) => { area.value = found.responses[number] ?? ""; });
  }
  show();
}

add.addEventListener("click", () => {
  addField().focus();
  write();
});

remove.addEventListener("click", () => {
  const number = fields().length;
  fields().at(-1).remove();
  show();
  write();
  announce(t("Response %(number)s is removed", { number }));
  fields().at(-1).querySelector("textarea").focus();
});

for (const button of document.querySelectorAll("[data-add-message]")) {
  button.addEventListener("click", () => cards.add(button.dataset.addMessage));
}
document.getElementById("as-fields").addEventListener("input", () => write());
json.addEventListener("input", () => read());
details.addEventListener("toggle", () => write());

form.addEventListener("submit", () => {
  if (isMore) return;
  const hasEarlier = cards.read().some(({ text }) => text.trim());
  json.value = hasEarlier || details.open ? JSON.stringify(typed(), null, 2) : "";
});

document.getElementById("earlier-box").hidden = false;
if (json.value.trim()) read();
show();
form.dataset.ready = "";
