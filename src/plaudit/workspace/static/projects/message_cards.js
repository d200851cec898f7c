/** Messages of a conversation as cards: written, added, copied, removed, moved by hand, buttons and keys. */

import { bindDragging } from "./dragging.js";
import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

/** The list of cards; `onChange()` is called after every change by hand. */
export class MessageCards {
  constructor(list, onChange) {
    this.list = list;
    this.onChange = onChange;
    bindDragging(list, {
      onDropped: (item) => this.#moved(item),
      onMoved: (item, by, handle) => this.#move(item, by, handle),
    });
  }

  get items() {
    return [...this.list.children];
  }

  /** The messages: role, text, and what else each came with. */
  read() {
    return this.items.map((item) => ({ ...item.rest, role: part(item, "role").value, text: part(item, "text").value }));
  }

  fill(messages) {
    this.list.replaceChildren();
    for (const message of messages) this.#put(message);
    this.#name();
  }

  /** Add an empty message, instructions before all others, and write it. */
  add(role) {
    const item = this.#put({ role, text: "" }, role === "system" ? this.list.firstElementChild : null);
    this.#changed();
    part(item, "text").focus();
  }

  /** Show an error at a message by its number, -1 for none. */
  say(number, message) {
    this.items.forEach((item, at) => {
      const line = item.querySelector("[data-wrong]");
      line.textContent = at === number ? message : "";
      line.hidden = at !== number;
      part(item, "text").toggleAttribute("aria-invalid", at === number);
    });
  }

  #put({ role, text, ...rest }, before = null) {
    const item = document.getElementById("message-card").content.firstElementChild.cloneNode(true);
    item.rest = rest;
    part(item, "role").value = role;
    part(item, "text").value = text;
    item.addEventListener("input", () => this.#changed());
    item.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by || !event.altKey) return;
      event.preventDefault();
      this.#move(item, by, document.activeElement);
    });
    for (const button of item.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => this.#move(item, Number(button.dataset.move), button));
    }
    item.querySelector("[data-copy]").addEventListener("click", () => {
      const copy = this.#put({ role: part(item, "role").value, text: part(item, "text").value }, item.nextElementSibling);
      this.#changed();
      part(copy, "text").focus();
      announce(t("Message copied"));
    });
    item.querySelector("[data-remove]").addEventListener("click", () => {
      const next = item.nextElementSibling ?? item.previousElementSibling;
      item.remove();
      this.#changed();
      (next ? part(next, "text") : document.querySelector("[data-add-message]")).focus();
      announce(t("Message removed"));
    });
    this.list.insertBefore(item, before);
    return item;
  }

  #move(item, by, focused) {
    const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (other === null) return;
    if (by < 0) other.before(item);
    else other.after(item);
    focused?.focus();
    this.#moved(item);
  }

  #moved(item) {
    this.#changed();
    announce(t("Message %(number)s of %(count)s", { number: this.items.indexOf(item) + 1, count: this.items.length }));
  }

  #changed() {
    this.#name();
    this.onChange();
  }

  #name() {
    this.items.forEach((item, number) => {
      const called = t("Message %(number)s of %(count)s", { number: number + 1, count: this.items.length });
      for (const said of item.querySelectorAll("[data-says]")) said.textContent = said.dataset.says + called;
      for (const field of item.querySelectorAll("[data-label]")) field.setAttribute("aria-label", `${field.dataset.label}, ${called}`);
    });
  }
}

const part = (item, name) => item.querySelector(`[data-part="${name}"]`);
