/** Show what is missing or wrong at the questions themselves, and go to the first. */

import { announce } from "../shared/shell.js";
import { keyOf } from "./store.js";
import { notice } from "./notice.js";
import { unfold } from "./judging/fold.js";
import { t, tn } from "../shared/texts.js";

const questions = () => [...document.querySelectorAll("[data-question]")];

/** Faults of questions that are not drawn yet, by the keys of these. */
const waiting = new Map();

/** The gap in which a turn or thread is; null if it is drawn. */
let gapOf = () => null;

/** Draw a turn or thread; throws Refused. */
let reach = async () => {};

/** Let what is wrong in turns that are not drawn be looked for among `turns`; `sections` are theirs by
 * path. */
export function bindFaults(turns, sections) {
  gapOf = (at) => (sections.has(at) ? turns.gapOf(sections.get(at)) : null);
  reach = async (at) => { if (sections.has(at)) await turns.reach(sections.get(at)); };
}

export function clearFaults() {
  waiting.clear();
  for (const question of questions()) clearFault(question);
}

export function clearFault(question) {
  const line = document.getElementById(`${question.id}-wrong`);
  if (!line || line.hidden) return;
  line.hidden = true;
  question.classList.remove("is-wrong");
  for (const field of question.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

/** The fault of an answer that a server could not even read; null if its refusal names none of them. */
export function faultOf(refused, answers) {
  const number = /^\/(?:answers|fixes)\/(\d+)(\/|$)/.exec(refused.pointer)?.[1];
  const address = number === undefined ? undefined : answers[Number(number)];
  return address ? { ...address, message_index: address.message, message: refused.message } : null;
}

/** The name of the question that a fault is about, as the page shows it. */
export function nameOf(fault) {
  const key = keyOf({ ...fault, message: fault.message_index });
  const { title, about } = questions().find((one) => keyOf(JSON.parse(one.dataset.address)) === key)?.dataset ?? {};
  return title ? [title, about].filter(Boolean).join(", ") : turnOf(fault);
}

/** `faults` are the server's: what each is about is told by its address. The first is drawn if it is
 * not; the others are marked when they are. Whoever types on keeps the focus where it is with
 * `isFocused` false. */
export async function showFaults(faults, { isFocused = true } = {}) {
  const unseen = [];
  if (isFocused && faults.length) {
    try {
      await reach(faults[0].at);
    } catch {
      unseen.push(t("%(turn)s cannot be shown now: %(message)s", { turn: turnOf(faults[0]), message: faults[0].message }));
    }
  }
  const byKey = new Map(questions().map((one) => [keyOf(JSON.parse(one.dataset.address)), one]));
  let first = null;
  for (const fault of faults) {
    const key = keyOf({ ...fault, message: fault.message_index });
    const question = byKey.get(key);
    if (question) {
      const field = mark(question, fault);
      first ??= field;
    } else if (gapOf(fault.at) !== null) waiting.set(key, fault);
    else unseen.push(fault.message);
  }
  const count = faults.length;
  announce(tn("%(count)s answer is missing or not right.", "%(count)s answers are missing or not right.", count));
  if (unseen.length) notice(unseen.join("; "), [], "bad");
  if (isFocused) first?.focus();
}

/** Mark what is wrong in a part of the page that has just been drawn. */
export function markWaiting(part) {
  if (!waiting.size) return;
  for (const question of part.querySelectorAll("[data-question]")) {
    const fault = waiting.get(keyOf(JSON.parse(question.dataset.address)));
    if (fault) mark(question, fault);
  }
}

/** Show a fault at its question; returns the field that the focus goes to. */
function mark(question, fault) {
  const line = document.getElementById(`${question.id}-wrong`);
  line.textContent = `${fault.message[0].toUpperCase()}${fault.message.slice(1)}.`;
  line.hidden = false;
  question.hidden = false;
  unfold(question);
  if (question.tagName === "DETAILS") question.open = true;
  const fix = question.closest("details.fix"); // on the page of review
  if (fix !== null) fix.open = true;
  question.classList.add("is-wrong");
  const field = firstField(question);
  field?.setAttribute("aria-invalid", "true");
  field?.setAttribute("aria-describedby", line.id);
  return field;
}

/** "Turn 5", by the path of a fault. */
const turnOf = ({ at = "" }) => (/u(\d+)$/.test(at) ? t("Turn %(number)s", { number: Number(at.split("u")[1]) + 1 }) : t("The question"));

/** Where the focus goes in a question: what is chosen, or the first field that can be reached. */
export function firstField(question) {
  return (
    question.querySelector("input:checked") ??
    question.querySelector("input:not([type=hidden]), select, textarea, button")
  );
}
