/** The keyboard. Keys of one character work while nobody is typing, and can be switched off. */

import { Keymap } from "./keymap.js";
import { showPrompt } from "./judging/prompt.js";
import { charsOf, digitOf, isCommand, isCommandOf, isComposing } from "../shared/pressed.js";
import { Folding, unfold } from "./judging/fold.js";
import { lean } from "./widgets/scale.js";

const OFF = "plaudit-keys-off";
const STAY = "plaudit-keys-stay";
const WHOLE = "plaudit-keys-whole";
const TYPED = "textarea, select, input:not([type=radio]):not([type=checkbox]), [contenteditable]";

/** A box of the list of keys that is checked unless somebody has taken that back: it is kept by name. */
function bindSetting(id, name) {
  const box = document.getElementById(id);
  box.checked = localStorage.getItem(name) === null;
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(name);
    else localStorage.setItem(name, "yes");
  });
  return box;
}

/** Returns the keymap. */
export function bindKeys({ task, index, store, sync, submit, layout, current, dialogs, toggleGuidelines }) {
  const box = bindSetting("keys-on", OFF);
  const goesOn = bindSetting("keys-go-on", STAY);
  const folds = bindSetting("keys-fold", WHOLE);
  new Folding(document.getElementById("task"), store, current, index, () => folds.checked);

  /** Choose by number a value of the current question. After several values nobody can know the last. */
  function choose(digit) {
    const question = current.element;
    const target = question?.querySelector(`input[data-digit="${digit}"]`) ??
      (digit === 0 ? question?.querySelector("[data-offer]") : null);
    if (!target) return false;
    target.focus();
    if (target.type === "checkbox" || !target.checked) target.click();
    if (target.type !== "checkbox" && goesOn.checked) current.goOn();
    return true;
  }

  /** Leave a text, and stay at its question. */
  function leave(field) {
    const question = field.closest("[data-question]");
    if (question) current.stand(question);
    else field.blur();
  }

  /** The first question of a kind, nearest to where the focus is. */
  function near(selector) {
    const section = document.activeElement?.closest?.(".asked");
    const asked = (part) => [...(part?.querySelectorAll(selector) ?? [])].find((one) => !one.closest("[data-unasked]"));
    return asked(section) ?? asked(document) ?? null;
  }

  function edit(selector) {
    const response = document.activeElement?.closest?.(".response") ?? document.querySelector(".response[data-current]");
    const found = response?.querySelector(selector) ?? near(selector);
    if (!found || store.isReadOnly) return false;
    if (found.tagName === "DETAILS") found.open = true;
    const begin = found.querySelector("[data-begin]");
    if (begin) begin.click();
    else found.querySelector("textarea").focus();
    return true;
  }

  /** Say what the current question means, or no more. */
  function describe() {
    const about = current.element?.closest(".row")?.querySelector(".about");
    if (about) about.open = !about.open;
    return Boolean(about);
  }

  function remark(withMention) {
    const field = near(".remark[data-mentions] textarea") ?? near(".remark textarea");
    if (!field || store.isReadOnly) return false;
    unfold(field);
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
    unfold(question);
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
    w: () => remark(false),
    j: () => current.goToTurn(1),
    k: () => current.goToTurn(-1),
    ".": () => current.goToOpen(),
    "@": () => remark(true),
    e: () => edit(".rewriting, .writing"),
    m: () => edit(".marking"),
    i: describe,
    p: () => showPrompt(document.activeElement?.closest?.(".asked") ?? current.element?.closest(".asked") ?? document.querySelector(".asked")),
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
    else if (event.key === "Escape" && document.activeElement?.matches(TYPED)) leave(document.activeElement);
    else if (isCommand(event) || document.activeElement?.matches(TYPED)) return;
    else if (event.key === "ArrowDown" && !event.altKey && current.focused) current.go(1);
    else if (event.key === "ArrowUp" && !event.altKey && current.focused) current.go(-1);
    else if (event.key === "Enter" && document.activeElement?.matches("[data-question] input")) current.goOn();
    else if (event.key === "Enter" && document.activeElement?.matches("[data-question]")) current.enter(current.focused);
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
