/** How an uploaded file is read: roles of its columns, a preview of the first tasks, the start. */

import { Preview } from "../projects/preview.js";
import { leaveFor } from "../shared/kept_focus.js";
import { send } from "../shared/net.js";
import { t } from "../shared/texts.js";

const form = document.getElementById("plan");
const format = document.getElementById("format");
const project = document.getElementById("project");
const problem = document.getElementById("plan-problem");
const start = document.getElementById("start");
const selects = [...form.querySelectorAll("select[data-column]")];
const verdicts = document.getElementById("verdicts");
const verdictFields = document.getElementById("verdict-fields");
const verdictField = document.getElementById("verdict-field");
const mapping = document.getElementById("mapping");
const checked = (id) => document.getElementById(id).checked;
const [previous, next] = ["preview-previous", "preview-next"].map((id) => document.getElementById(id));
let shown = 0;
const meanings = new Map(Object.entries(JSON.parse(verdictFields.dataset.meanings)));

function complain(message) {
  problem.textContent = message;
  problem.hidden = message === "";
  if (message) {
    problem.tabIndex = -1;
    problem.focus();
  }
}

/** A select for each value that the verdict's column has among the first rows. */
function showVerdicts() {
  const column = selects.find((select) => select.value === "preference");
  verdicts.hidden = column === undefined || format.value !== "table";
  const values = column === undefined ? [] : JSON.parse(column.dataset.values);
  const shown = [...verdictFields.querySelectorAll("select")].map((select) => select.dataset.value);
  if (shown.length === values.length && shown.every((value, number) => value === values[number])) return;
  verdictFields.replaceChildren(...values.map((value, number) => {
    const field = verdictField.content.firstElementChild.cloneNode(true);
    const [label, select] = [field.querySelector("label"), field.querySelector("select")];
    select.id = `verdict-${number}`;
    select.dataset.value = value;
    select.value = meanings.get(value) ?? "";
    label.htmlFor = select.id;
    label.firstElementChild.textContent = value === "" ? t("(empty)") : value;
    return field;
  }));
}

function show() {
  const isTable = format.value === "table";
  document.getElementById("columns-field").hidden = !isTable;
  document.getElementById("config-field").hidden = !["label-studio", "argilla"].includes(format.value);
  document.getElementById("project-field").hidden = "namesProjects" in format.selectedOptions[0].dataset;
  document.getElementById("suggestions-field").hidden = !checked("pending");
  document.getElementById("text-wins").hidden = mapping.value.trim() === "";
  showVerdicts();
}

/** A draft that nobody has edited gives way to choices of columns, which it would win over. */
function dropDraft(event) {
  const isChoice = selects.includes(event.target) || verdictFields.contains(event.target);
  const isDraft = "draft" in mapping.dataset && mapping.value === mapping.defaultValue;
  if (isChoice && isDraft) mapping.value = "";
}

function read() {
  const values = {};
  for (const select of verdictFields.querySelectorAll("select")) {
    meanings.set(select.dataset.value, select.value);
    values[select.dataset.value] = select.value;
  }
  return {
    format: format.value,
    project: document.getElementById("project-field").hidden ? "" : project.value,
    pending: checked("pending"),
    suggestions: checked("suggestions"),
    replace: checked("replace"),
    saves_mapping: checked("saves_mapping"),
    roles: Object.fromEntries(selects.map((select) => [select.dataset.column, select.value])),
    values,
    mapping: mapping.value,
    config: document.getElementById("config").value,
    shown,
  };
}

const path = form.dataset.path;
const state = document.getElementById("preview-state");
const preview = new Preview(`${path}/preview`, read, (pointer, message) => { preview.fault = message; });
const drawn = preview.show.bind(preview);
preview.show = async () => {
  state.textContent = t("Reading the first rows …");
  await drawn();
  if (preview.fault) state.textContent = preview.fault;
  const tasks = Number(preview.tasks ?? 0);
  shown = Math.max(0, Math.min(shown, tasks - 1));
  previous.disabled = shown === 0;
  next.disabled = shown >= tasks - 1;
};
const put = preview.put.bind(preview);
preview.put = (element) => {
  preview.tasks = element.dataset.tasks;
  put(element);
};
previous.addEventListener("click", () => { shown -= 1; preview.show(); });
next.addEventListener("click", () => { shown += 1; preview.show(); });

form.addEventListener("input", (event) => { dropDraft(event); show(); preview.touch(); });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  complain("");
  start.disabled = true;
  try {
    const { job_id: id } = await send("POST", `${path}/start`, read());
    leaveFor(`/import/${encodeURIComponent(id)}`);
  } catch (error) {
    start.disabled = false;
    complain(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`);
  }
});
start.disabled = false;
show();
preview.show();
// What was chosen before nobody would have heard of.
form.inert = false;
form.dataset.ready = "yes";
