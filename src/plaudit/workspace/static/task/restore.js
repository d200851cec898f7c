/** Which answers to start from: the server's draft, or what this browser kept. */

const same = (one, other) => JSON.stringify(one ?? []) === JSON.stringify(other ?? []);

/** {answers, revision, pending, isDirty, said, other}: `other` are the answers that were passed over
 * and may be wanted. `task` is what the page came with, `kept` the journal's record or null. */
export function choose(task, kept) {
  const fromServer = {
    answers: task.draft ?? [], revision: task.revision, pending: null, isDirty: false,
    said: "", other: null,
  };
  if (task.draft) fromServer.said = `Restored as saved at ${clockOf(task.draft_ms)}.`;
  if (kept === null || !kept.isDirty) return fromServer;
  const fromHere = {
    answers: kept.answers, revision: task.revision, pending: null, isDirty: true,
    said: `Restored what you had typed here at ${clockOf(kept.writtenMs)}.`, other: null,
  };
  if (same(kept.answers, task.draft)) return fromServer;
  if (kept.revision === task.revision) return fromHere;
  // The answer to our last save was lost on the way, but the save was not.
  const isOurs = kept.pending?.revision === task.revision && same(kept.pending.answers, task.draft);
  if (isOurs) return fromHere;
  const hereAge = Date.now() - kept.writtenMs;
  const serverAge = task.draft_ms === null ? Infinity : task.now_ms - task.draft_ms;
  return hereAge < serverAge
    ? { ...fromHere, other: task.draft, said: `${fromHere.said} The server has another version.` }
    : { ...fromServer, other: kept.answers, said: `${fromServer.said} This browser has an older version that was not saved.` };
}

/** A moment as the clock on the wall shows it. */
export const clockOf = (ms) =>
  new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
