/** Which key does what: every key of one character can be another one, as each person likes. */

import { t } from "../shared/texts.js";

const CHOSEN = "plaudit-keys";

export class Keymap {
  #actions;
  #chosen;

  /** `actions` are the keys as they come, each standing for what it does. */
  constructor(actions) {
    this.#actions = actions;
    this.#chosen = read();
    for (const field of fields()) {
      field.addEventListener("focus", () => field.select());
      field.addEventListener("input", () => this.#choose(field));
    }
    document.getElementById("keys-reset").addEventListener("click", () => {
      this.#chosen = {};
      this.#keep();
    });
    this.add(document);
  }

  /** Show the chosen keys in a part of the page, which has just been put into it. */
  add(part) {
    for (const mark of part.querySelectorAll("kbd:not([data-key])")) mark.dataset.key = mark.textContent;
    this.#show();
  }

  /** What a key does, as the key that comes with it; undefined if it does nothing. */
  actionOf(key) {
    return this.#actions.find((action) => this.#keyOf(action) === key);
  }

  #keyOf(action) {
    return this.#chosen[action] ?? action;
  }

  #choose(field) {
    const told = document.getElementById("keys-told");
    const key = [...field.value.trim()].at(-1) ?? "";
    const other = this.actionOf(key);
    told.textContent = "";
    if (key === "") return;
    if (/^\d$/.test(key)) told.textContent = t("Digits choose values.");
    else if (other !== undefined && other !== field.dataset.action) {
      told.textContent = t("%(key)s is taken: %(action)s.", { key, action: fields().find((one) => one.dataset.action === other).getAttribute("aria-label") });
    } else {
      this.#chosen[field.dataset.action] = key;
      this.#keep();
      return;
    }
    this.#show();
  }

  #keep() {
    localStorage.setItem(CHOSEN, JSON.stringify(this.#chosen));
    this.#show();
  }

  /** Show the keys at their controls, and in the list. */
  #show() {
    for (const field of fields()) field.value = this.#keyOf(field.dataset.action);
    for (const mark of document.querySelectorAll("kbd[data-key]")) {
      if (this.#actions.includes(mark.dataset.key)) mark.textContent = this.#keyOf(mark.dataset.key);
    }
  }
}

const fields = () => [...document.querySelectorAll("#help input[data-action]")];

/** What was chosen before; nothing if it cannot be read. */
function read() {
  try {
    return Object(JSON.parse(localStorage.getItem(CHOSEN) ?? "{}"));
  } catch {
    return {};
  }
}
