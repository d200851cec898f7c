/** Poll the progress of running jobs, and reload the page once one has ended. */

import { send } from "./net.js";
import { announce } from "./shell.js";

const POLL_MS = 1000;
const POLL_MS_MAX = 15000;
const ANNOUNCE_MS = 15000;

const number = new Intl.NumberFormat("en");
const WORDS = {
  waiting: "Waiting until another job has ended",
  uploading: "Uploading",
  reading: "Reading rows",
  copying: "Fetching the file",
  checking: "Checking rows",
  storing: "Storing rows",
  writing: "Writing lines",
  keeping: "Putting the file away",
  selecting: "Looking for tasks",
  freezing: "Freezing tasks",
  exporting: "Writing rows",
  "reading votes": "Reading votes",
  "reading tasks": "Reading tasks",
  "computing figures": "Computing figures",
  "keeping the report": "Putting the report away",
};

const size = (bytes) => `${number.format(Math.round(bytes / 104857.6) / 10)} MiB`;

/** One-line description of a job's progress. */
function line(job) {
  const word = WORDS[job.phase] ?? job.phase;
  const isBytes = ["uploading", "reading", "storing"].includes(job.phase);
  const part = job.total
    ? isBytes
      ? `${size(Math.min(job.done, job.total))} of ${size(job.total)}`
      : `${number.format(job.done)} of about ${number.format(Math.max(job.total, job.done))}`
    : "";
  const counts = job.counts ?? {};
  const rows = job.phase === "storing"
    ? `${number.format(job.lines)} lines read: ${number.format(counts.added ?? 0)} created, ${number.format(counts.updated ?? 0)} updated, `
      + `${number.format(counts.unchanged ?? 0)} unchanged, ${number.format(counts.rejected ?? 0)} rejected`
    : "";
  const tasks = job.phase === "exporting" && job.done ? `${number.format(job.done)} tasks read` : "";
  return [word, part, rows, tasks].filter(Boolean).join(" · ");
}

async function follow(panel) {
  const bar = panel.querySelector("#job-bar");
  const text = panel.querySelector("#job-text");
  let wait = POLL_MS;
  let announced = Date.now();
  for (;;) {
    let job;
    try {
      job = await send("GET", panel.dataset.job);
      wait = POLL_MS;
    } catch (error) {
      if (error.status === 401 || error.status === 404) { location.reload(); return; }
      text.textContent = "The server cannot be reached; trying again …";
      wait = Math.min(wait * 2, POLL_MS_MAX);
      await new Promise((done) => setTimeout(done, wait));
      continue;
    }
    if (job.state !== "running") { location.reload(); return; }
    if (job.total) {
      bar.max = job.total;
      bar.value = Math.min(job.done, job.total);
    } else {
      bar.removeAttribute("value");
    }
    text.textContent = line(job);
    for (const [name, count] of Object.entries(job.counts ?? {})) {
      const shown = document.querySelector(`dd[data-count="${name}"]`);
      if (shown !== null) shown.textContent = number.format(count);
    }
    if (Date.now() - announced > ANNOUNCE_MS) {
      announced = Date.now();
      announce(text.textContent);
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

for (const panel of document.querySelectorAll("[data-job]")) follow(panel);
