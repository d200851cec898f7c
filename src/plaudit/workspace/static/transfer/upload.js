/** Import form: uploads the file unchanged, with a progress bar. */

import { announce } from "../shared/shell.js";

const form = document.getElementById("upload");
const file = document.getElementById("file");
const format = document.getElementById("format");
const project = document.getElementById("project");
const button = document.getElementById("upload-button");
const problem = document.getElementById("upload-problem");
const state = document.getElementById("upload-state");
const bar = document.getElementById("upload-bar");
const text = document.getElementById("upload-text");
const cancel = document.getElementById("upload-cancel");

const number = new Intl.NumberFormat("en");
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

const takesProject = () => !("namesProjects" in format.selectedOptions[0].dataset);
const warn = (event) => event.preventDefault();

function upload(chosen) {
  const query = new URLSearchParams({ name: chosen.name, format: format.value });
  if (project.value.trim() && takesProject()) query.set("project", project.value);
  if (document.getElementById("replace").checked) query.set("replace", "yes");
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
      ? `Uploading: ${size(event.loaded)} of ${size(event.total)}`
      : "Uploaded; the import begins …";
  });
  const ended = () => window.removeEventListener("beforeunload", warn);
  request.addEventListener("load", () => {
    ended();
    if (request.status === 200) {
      location.assign(`/import/${encodeURIComponent(request.response.job_id)}`);
      return;
    }
    const reason = request.response?.error ?? "The server refused the file";
    rest();
    complain(reason.charAt(0).toUpperCase() + reason.slice(1) + ".");
  });
  request.addEventListener("error", () => {
    ended();
    rest();
    complain("The upload broke off: the server cannot be reached, or it refused the file. Load this page again to see.");
  });
  request.addEventListener("abort", () => { ended(); rest(); announce("Upload cancelled"); file.focus(); });
  window.addEventListener("beforeunload", warn);
  problem.hidden = true;
  button.disabled = true;
  bar.value = 0;
  text.textContent = "Uploading …";
  state.hidden = false;
  request.send(chosen);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = file.files[0];
  if (request !== null || chosen === undefined) return;
  if (chosen.size === 0) { complain("The file is empty."); return; }
  if (chosen.size > Number(form.dataset.most)) { complain("The file is too large to be imported here; use plaudit import on the server."); return; }
  upload(chosen);
});
cancel.addEventListener("click", () => request?.abort());

const show = () => { document.getElementById("project-field").hidden = !takesProject(); };
format.addEventListener("change", show);
show();
