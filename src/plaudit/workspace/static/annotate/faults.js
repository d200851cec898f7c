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

/** `faults` are the server's: what each is about is told by its address. */
export function showFaults(faults) {
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
  first?.focus();
}

/** Where the focus goes in a question: what is chosen, or the first field that can be reached. */
export function firstField(question) {
  return (
    question.querySelector("input:checked") ??
    question.querySelector("input:not([type=hidden]), select, textarea, button")
  );
}
