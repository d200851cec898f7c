/** Show what is missing or wrong at the questions themselves, and go to the first. */

import { announce } from "../shared/shell.js";
import { keyOf } from "./store.js";
import { notice } from "./notice.js";

const questions = () => [...document.querySelectorAll("[data-question]")];

export function clearFaults() {
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
  return [title, about].filter(Boolean).join(", ");
}

/** `faults` are the server's: what each is about is told by its address. Whoever types on keeps the
 * focus where it is with `isFocused` false. */
export function showFaults(faults, { isFocused = true } = {}) {
  const byKey = new Map(questions().map((one) => [keyOf(JSON.parse(one.dataset.address)), one]));
  let first = null;
  const elsewhere = [];
  for (const fault of faults) {
    const address = { ...fault, message: fault.message_index };
    const question = byKey.get(keyOf(address));
    if (!question) {
      elsewhere.push(fault.message);
      continue;
    }
    const line = document.getElementById(`${question.id}-wrong`);
    line.textContent = `${fault.message[0].toUpperCase()}${fault.message.slice(1)}.`;
    line.hidden = false;
    question.hidden = false;
    if (question.tagName === "DETAILS") question.open = true;
    question.classList.add("is-wrong");
    const field = firstField(question);
    field?.setAttribute("aria-invalid", "true");
    field?.setAttribute("aria-describedby", line.id);
    first ??= field;
  }
  const count = faults.length;
  announce(`${count} ${count === 1 ? "answer is" : "answers are"} missing or not right.`);
  if (elsewhere.length) notice(elsewhere.join("; "), [], "bad");
  if (isFocused) first?.focus();
}

/** Where the focus goes in a question: what is chosen, or the first field that can be reached. */
export function firstField(question) {
  return (
    question.querySelector("input:checked") ??
    question.querySelector("input:not([type=hidden]), select, textarea, button")
  );
}
