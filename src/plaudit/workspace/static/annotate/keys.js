/** The keyboard. Keys of one character work while nobody is typing, and can be switched off. */

import { firstField } from "./faults.js";
import { Keymap } from "./keymap.js";
import { charsOf, digitOf, isCommand, isCommandOf, isComposing } from "../shared/pressed.js";
import { lean } from "./widgets/scale.js";

const OFF = "plaudit-keys-off";
const TYPED = "textarea, select, input:not([type=radio]):not([type=checkbox]), [contenteditable]";

/** Returns the keymap. */
export function bindKeys({ task, store, sync, submit, layout, turns, dialogs, toggleGuidelines }) {
  const box = document.getElementById("keys-on");
  box.checked = localStorage.getItem(OFF) === null;
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });

  const visible = (one) => one.getClientRects().length > 0;
  const questions = () => [...document.querySelectorAll("[data-question]")].filter(visible);
  const current = () => document.activeElement?.closest?.("[data-question]") ?? null;

  async function go(by) {
    const all = questions();
    const at = all.indexOf(current());
    const next = at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[at + by];
    if (at >= 0 && await turns.fill(all[at], next ?? null, by)) {
      if (current() === all[at]) go(by);
      return;
    }
    if (next) (next.tagName === "DETAILS" && !next.open ? next.querySelector("summary") : firstField(next))?.focus();
  }

  /** Choose by number: the value of the question that has the focus. */
  function choose(digit) {
    const question = current();
    const target = question?.querySelector(`input[data-digit="${digit}"]`) ??
      (digit === 0 ? question?.querySelector("[data-offer]") : null);
    if (!target) return false;
    target.focus();
    if (target.type === "checkbox" || !target.checked) target.click();
    return true;
  }

  /** The first question of a kind, nearest to where the focus is. */
  function near(selector) {
    const section = document.activeElement?.closest?.(".asked");
    return section?.querySelector(selector) ?? document.querySelector(selector);
  }

  function edit(selector) {
    const response = document.activeElement?.closest?.(".response") ?? document.querySelector(".response[data-current]");
    const found = response?.querySelector(selector) ?? near(selector);
    if (!found || store.isReadOnly) return false;
    if (found.tagName === "DETAILS") found.open = true;
    found.querySelector("textarea").focus();
    return true;
  }

  function remark(withMention) {
    const field = near(".remark[data-mentions] textarea") ?? near(".remark textarea");
    if (!field || store.isReadOnly) return false;
    field.focus();
    if (withMention) {
      field.setRangeText("@", field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    return true;
  }

  function prefer(direction) {
    const question = near('[data-question="scale"]');
    if (!question || store.isReadOnly) return false;
    lean(question, store, direction);
    question.querySelector("input:checked")?.focus();
    return true;
  }

  function bothBad() {
    const question = document.querySelector('[data-key="both_bad"]');
    const yes = question?.querySelector('[value="true"]') ?? question?.querySelector('[data-digit="1"]');
    if (!yes) return false;
    yes.focus();
    yes.click();
    return true;
  }

  const single = {
    "[": () => layout.step(-1),
    "]": () => layout.step(1),
    a: () => prefer(-1),
    b: () => prefer(1),
    "=": () => prefer(0),
    x: bothBad,
    j: () => remark(false),
    "@": () => remark(true),
    e: () => edit(".rewriting, .writing"),
    m: () => edit(".marking"),
    v: () => layout.next(),
    g: () => toggleGuidelines(),
    s: () => document.getElementById("open-skip").disabled || dialogs.skip(),
    f: () => document.getElementById("open-flag").disabled || dialogs.flag(),
    "?": () => dialogs.help(),
  };

  const keymap = new Keymap(Object.keys(single));

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isComposing(event) || document.querySelector("dialog[open]")) return;
    if (isCommand(event) && event.key === "Enter") submit.press();
    else if (isCommandOf(event, "s")) sync.flush();
    else if (event.altKey && event.key === "ArrowLeft" && !document.activeElement?.matches(TYPED)) sync.flush().then(() => location.assign(`/work/${task.project}/mine`));
    else if (event.key === "Escape" && document.activeElement?.matches(TYPED)) document.activeElement.blur();
    else if (isCommand(event) || document.activeElement?.matches(TYPED)) return;
    else if (event.key === "ArrowDown" && !event.altKey && current()) go(1);
    else if (event.key === "ArrowUp" && !event.altKey && current()) go(-1);
    else if (!box.checked) return;
    else {
      const action = charsOf(event).map((char) => keymap.actionOf(char)).find((one) => one !== undefined);
      const digit = digitOf(event);
      if (action === undefined && digit === null) return;
      if ((action === undefined ? choose(digit) : single[action]()) === false) return;
    }
    event.preventDefault();
  });
  return keymap;
}
