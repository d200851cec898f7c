/** Which answers to start from: the server's draft, or what this browser kept. */

import { t } from "../shared/texts.js";

const same = (one, other) => JSON.stringify(one ?? []) === JSON.stringify(other ?? []);

/** {answers, revision, pending, isDirty, submit, said, other}: `other` are the answers that were passed
 * over and may be wanted, `submit` a submission to go on with. `task` is what the page came with,
 * `kept` the journal's record or null. */
export function choose(task, kept) {
  const fromServer = {
    answers: task.draft ?? [], revision: task.revision, pending: null, isDirty: false, submit: null,
    said: "", other: null,
  };
  if (task.draft) fromServer.said = t("Restored as saved at %(time)s.", { time: clockOf(task.draft_ms) });
  if (kept === null || !(kept.isDirty || kept.submit)) return fromServer;
  const fromHere = {
    answers: kept.answers, revision: task.revision, pending: null, isDirty: true, submit: null,
    said: t("Restored what you had typed here at %(time)s.", { time: clockOf(kept.writtenMs) }), other: null,
  };
  const isSame = same(kept.answers, task.draft);
  // The answer to our last save was lost on the way, but the save was not.
  const isOurs = kept.pending?.revision === task.revision && same(kept.pending.answers, task.draft);
  const isNewest = isSame || isOurs || kept.revision === task.revision;
  if (kept.submit) {
    // What was submitted before somebody else went on with the task must not undo what they did.
    if (isNewest && kept.submit.lease_version === task.lease_version) {
      return { ...fromHere, answers: kept.submit.answers, submit: kept.submit };
    }
    if (!isNewest) {
      const said = t("This browser has another version, which was to be submitted before the task was taken up again.");
      return { ...fromServer, other: kept.submit.answers, said: `${fromServer.said} ${said}`.trim() };
    }
    if (!isSame) return { ...fromHere, said: `${fromHere.said} ${t("It is not submitted yet.")}` };
  }
  if (isSame) return fromServer;
  if (isNewest) return fromHere;
  const hereAge = drawnMs() - kept.writtenMs;
  const serverAge = task.draft_ms === null ? Infinity : task.now_ms - task.draft_ms;
  return hereAge < serverAge
    ? { ...fromHere, other: task.draft, said: `${fromHere.said} ${t("The server has another version.")}` }
    : { ...fromServer, other: kept.answers, said: `${fromServer.said} ${t("This browser has an older version that was not saved.")}` };
}

/** When the server drew this page, by the browser's clock. It is not now: pages take time to load. */
function drawnMs() {
  const [navigation] = performance.getEntriesByType("navigation");
  return navigation ? performance.timeOrigin + navigation.responseStart : Date.now();
}

/** When something was typed here that is no part of what was submitted; null if nothing was. */
export function leftOut(task, kept) {
  if (kept === null || !(kept.isDirty || kept.submit)) return null;
  return same(kept.submit?.answers ?? kept.answers, task.draft) ? null : kept.writtenMs;
}

/** A moment as the clock on the wall shows it. */
export const clockOf = (ms) =>
  new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
