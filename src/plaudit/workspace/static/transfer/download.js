/** Options of a file for a trainer: its containers, what it is for, and a preview of its rows. */

import { Preview } from "../projects/preview.js";
import { t } from "../shared/texts.js";

const form = document.getElementById("plan");
const format = document.getElementById("format");
const container = document.getElementById("container");
const purpose = document.getElementById("format-purpose");
const state = document.getElementById("preview-state");
const all = [...container.options];

/** Only the containers of the chosen format can be chosen. */
function show() {
  const { purpose: words, containers } = format.selectedOptions[0].dataset;
  const its = containers.split(" ");
  const chosen = its.includes(container.value) ? container.value : its[0];
  purpose.textContent = words;
  container.replaceChildren(...all.filter((option) => its.includes(option.value)));
  container.value = chosen;
}

/** The form as JSON: blanks are null, boxes are true or false. */
function read() {
  const draft = {};
  for (const field of form.elements) {
    if (field.name === "" || field.name === "csrf") continue;
    if (field.type === "checkbox") draft[field.name] = field.checked;
    else draft[field.name] = field.value.trim() === "" ? null : field.value;
  }
  const least = draft.min_difference;
  if (least !== null) draft.min_difference = Number.isFinite(Number(least)) ? Number(least) : -1;
  return draft;
}

const preview = new Preview(`${form.dataset.path}/preview`, read, (pointer, message) => {
  preview.fault = message;
});
const draw = preview.show.bind(preview);
preview.show = async () => {
  state.textContent = t("Reading the first tasks …");
  await draw();
  if (preview.fault) state.textContent = preview.fault;
};

form.addEventListener("input", () => { show(); preview.touch(); });
show();
preview.show();
