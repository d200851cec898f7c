/** Import form: uploads a file unchanged, or pasted rows as one, with a progress bar. */

import { leaveFor } from "../shared/kept_focus.js";
import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

const form = document.getElementById("upload");
const file = document.getElementById("file");
const paste = document.getElementById("paste");
const drop = document.getElementById("drop");
const project = document.getElementById("project");
const button = document.getElementById("upload-button");
const problem = document.getElementById("upload-problem");
const state = document.getElementById("upload-state");
const bar = document.getElementById("upload-bar");
const text = document.getElementById("upload-text");
const cancel = document.getElementById("upload-cancel");

const number = new Intl.NumberFormat(document.documentElement.lang);
const size = (bytes) => `${number.format(Math.round(bytes / 104857.6) / 10)} MiB`;
let request = null;

function complain(message) {
  problem.textContent = message;
  problem.hidden = false;
  problem.tabIndex = -1;
  problem.focus();
}

function rest() {
  request = null;
  state.hidden = true;
  button.disabled = false;
}

const warn = (event) => event.preventDefault();

function upload(chosen) {
  const query = new URLSearchParams({ name: chosen.name });
  if (project.value.trim()) query.set("project", project.value);
  request = new XMLHttpRequest();
  request.open("POST", `${form.getAttribute("action")}?${query}`);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.setRequestHeader("accept", "application/json");
  request.setRequestHeader("x-csrf-token", document.querySelector('meta[name="csrf"]').content);
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    bar.max = event.total;
    bar.value = event.loaded;
    text.textContent = event.loaded < event.total
      ? t("Uploading: %(done)s of %(total)s", { done: size(event.loaded), total: size(event.total) })
      : t("Uploaded; it is read …");
  });
  const ended = () => window.removeEventListener("beforeunload", warn);
  request.addEventListener("load", () => {
    ended();
    if (request.status === 200) {
      leaveFor(`/import/file/${encodeURIComponent(request.response.job_id)}`);
      return;
    }
    const reason = request.response?.error ?? t("The server refused the file");
    rest();
    complain(reason.charAt(0).toUpperCase() + reason.slice(1) + ".");
  });
  request.addEventListener("error", () => {
    ended();
    rest();
    complain(t("The upload broke off: the server cannot be reached, or it refused the file. Load this page again to see."));
  });
  request.addEventListener("abort", () => { ended(); rest(); announce(t("Upload cancelled")); file.focus(); });
  window.addEventListener("beforeunload", warn);
  problem.hidden = true;
  button.disabled = true;
  bar.value = 0;
  text.textContent = t("Uploading …");
  state.hidden = false;
  request.send(chosen);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const pasted = paste.value.trim() === "" ? undefined : new File([paste.value], t("pasted rows"));
  const chosen = file.files[0] ?? pasted;
  if (request !== null) return;
  if (chosen === undefined) { complain(t("Choose a file, or paste rows.")); return; }
  if (chosen.size === 0) { complain(t("The file is empty.")); return; }
  if (chosen.size > Number(form.dataset.most)) { complain(t("The file is too large to be imported here; use plaudit import on the server.")); return; }
  upload(chosen);
});
button.disabled = false;
cancel.addEventListener("click", () => request?.abort());

for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("is-over", kind === "dragover");
  });
}
drop.addEventListener("drop", (event) => {
  if (event.dataTransfer.files.length > 0) file.files = event.dataTransfer.files;
});
