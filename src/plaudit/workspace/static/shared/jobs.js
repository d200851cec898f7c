/** Poll the progress of running jobs, and reload the page once one has ended. */

import { send } from "./net.js";
import { reloadInPlace } from "./kept_focus.js";
import { announce } from "./shell.js";
import { t, tn } from "./texts.js";

const POLL_MS = 1000;
const POLL_MS_MAX = 15000;
const ANNOUNCE_MS = 15000;

const number = new Intl.NumberFormat(document.documentElement.lang);
const WORDS = {
  waiting: t("Waiting until another job has ended"),
  uploading: t("Uploading"),
  reading: t("Reading rows"),
  copying: t("Fetching the file"),
  checking: t("Checking rows"),
  storing: t("Storing rows"),
  writing: t("Writing lines"),
  keeping: t("Putting the file away"),
  "changing tasks": t("Changing tasks"),
  "restoring tasks": t("Restoring tasks"),
  accepting: t("Accepting tasks"),
  selecting: t("Looking for tasks"),
  freezing: t("Freezing tasks"),
  exporting: t("Writing rows"),
  "changing tasks": t("Changing tasks"),
  "restoring tasks": t("Putting tasks back as they were"),
  "reading votes": t("Reading votes"),
  "reading tasks": t("Reading tasks"),
  "computing figures": t("Computing figures"),
  "keeping the report": t("Putting the report away"),
};

const size = (bytes) => `${number.format(Math.round(bytes / 104857.6) / 10)} MiB`;

/** One-line description of a job's progress. */
function line(job) {
  const word = WORDS[job.phase] ?? job.phase;
  const isBytes = ["uploading", "reading", "storing"].includes(job.phase);
  const part = job.total
    ? isBytes
      ? t("%(done)s of %(total)s", { done: size(Math.min(job.done, job.total)), total: size(job.total) })
      : t("%(done)s of about %(total)s", { done: number.format(job.done), total: number.format(Math.max(job.total, job.done)) })
    : "";
  const counts = job.counts ?? {};
  const rows = job.phase === "storing"
    ? t("%(lines)s lines read: %(added)s created, %(updated)s updated, %(unchanged)s unchanged, %(rejected)s rejected", {
      lines: number.format(job.lines),
      added: number.format(counts.added ?? 0),
      updated: number.format(counts.updated ?? 0),
      unchanged: number.format(counts.unchanged ?? 0),
      rejected: number.format(counts.rejected ?? 0),
    })
    : "";
  const tasks = job.phase === "exporting" && job.done ? tn("%(count)s task read", "%(count)s tasks read", job.done) : "";
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
      if (error.status === 401 || error.status === 404) { reloadInPlace(); return; }
      text.textContent = t("The server cannot be reached; trying again …");
      wait = Math.min(wait * 2, POLL_MS_MAX);
      await new Promise((done) => setTimeout(done, wait));
      continue;
    }
    if (job.state !== "running") { reloadInPlace(); return; }
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
