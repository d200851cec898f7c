/** A job under way: asks how far it is, and draws the page anew once it has ended. */

import { send } from "./net.js";
import { announce } from "./shell.js";

const LOOK_MS = 1000;
const LOOK_MS_MAX = 15000;
const SAID_EVERY_MS = 15000;

const number = new Intl.NumberFormat("en");
const WORDS = {
  uploading: "Uploading",
  storing: "Storing rows",
  writing: "Writing lines",
  keeping: "Putting the file away",
  selecting: "Looking for tasks",
  freezing: "Freezing tasks",
};

const size = (bytes) => `${number.format(Math.round(bytes / 104857.6) / 10)} MiB`;

/** What to say of a job, in one line. */
function line(job) {
  const word = WORDS[job.phase] ?? job.phase;
  const isBytes = job.phase === "uploading" || job.phase === "storing";
  const part = job.total
    ? isBytes
      ? `${size(Math.min(job.done, job.total))} of ${size(job.total)}`
      : `${number.format(job.done)} of about ${number.format(Math.max(job.total, job.done))}`
    : "";
  const counts = job.counts ?? {};
  const rows = job.phase === "storing"
    ? `${number.format(counts.added ?? 0)} created, ${number.format(counts.updated ?? 0)} updated, `
      + `${number.format(counts.unchanged ?? 0)} unchanged, ${number.format(counts.rejected ?? 0)} rejected`
    : "";
  return [word, part, rows].filter(Boolean).join(" · ");
}

async function follow(panel) {
  const bar = panel.querySelector("#job-bar");
  const text = panel.querySelector("#job-text");
  let wait = LOOK_MS;
  let said = Date.now();
  for (;;) {
    let job;
    try {
      job = await send("GET", panel.dataset.job);
      wait = LOOK_MS;
    } catch (error) {
      if (error.status === 401 || error.status === 404) { location.reload(); return; }
      text.textContent = "The server cannot be reached; trying again …";
      wait = Math.min(wait * 2, LOOK_MS_MAX);
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
    if (Date.now() - said > SAID_EVERY_MS) {
      said = Date.now();
      announce(text.textContent);
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

for (const panel of document.querySelectorAll("[data-job]")) follow(panel);
