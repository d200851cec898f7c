/** Answers question by question, or person by person; and all answers of one person taken at once. */

import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

const BY = "plaudit-review-answers-by";

export class People {
  #root;
  #bar = document.getElementById("people");
  #reachAll;
  #settling;
  #taken = -1;

  /** `reachAll()` draws whatever people differ on and is not drawn yet. */
  constructor(root, settling, reachAll) {
    this.#root = root;
    this.#settling = settling;
    this.#reachAll = reachAll;
    if (this.#bar === null) return;
    const kept = this.#bar.querySelector(`[name="answers-by"][value="${localStorage.getItem(BY) ?? ""}"]`);
    if (kept) kept.checked = true;
    this.#bar.addEventListener("change", ({ target }) => {
      if (target.name === "answers-by") localStorage.setItem(BY, target.value);
      this.draw();
    });
    this.#bar.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-take-all]");
      if (button) this.#takeAll(button);
    });
    this.draw();
  }

  get #isByPerson() {
    return this.#bar.querySelector('[name="answers-by"]:checked').value === "person";
  }

  get #persons() {
    return [...this.#bar.querySelectorAll('[name="shown-person"]')];
  }

  get #shown() {
    return this.#persons.findIndex((one) => one.checked);
  }

  /** Show the answers of one person, or of all. */
  draw(part = this.#root) {
    if (this.#bar === null) return;
    const person = this.#isByPerson ? String(this.#shown) : null;
    this.#root.toggleAttribute("data-one-person", person !== null);
    document.getElementById("shown-person").hidden = person === null;
    for (const button of this.#bar.querySelectorAll("[data-take-all]")) {
      button.hidden = person !== null && button.dataset.takeAll !== person;
    }
    for (const card of part.querySelectorAll("[data-card]")) {
      const rows = [...card.querySelectorAll("[data-person]")];
      for (const row of rows) row.hidden = person !== null && row.dataset.person !== person;
      const silent = card.querySelector("[data-silent]");
      if (silent) silent.hidden = person === null || rows.some((row) => !row.hidden);
    }
  }

  /** Show one person's answers alone, then the next person's, after the last one everybody's again. */
  next() {
    if (this.#bar === null) return false;
    const at = this.#isByPerson ? this.#shown + 1 : 0;
    const isLast = at === this.#persons.length;
    this.#persons[isLast ? 0 : at].checked = true;
    const way = this.#bar.querySelector(`[name="answers-by"][value="${isLast ? "question" : "person"}"]`);
    way.checked = true;
    way.dispatchEvent(new Event("change", { bubbles: true }));
    announce(isLast ? t("Everybody's answers") : this.#persons[at].parentElement.textContent.trim());
    return true;
  }

  /** Take all answers of the person that is shown; of all persons, of the next one each time. */
  takeNext() {
    const buttons = [...(this.#bar?.querySelectorAll("[data-take-all]") ?? [])];
    if (!buttons.length) return false;
    this.#takeAll(buttons[this.#isByPerson ? this.#shown : (this.#taken + 1) % buttons.length]);
    return true;
  }

  async #takeAll(button) {
    this.#taken = Number(button.dataset.takeAll);
    try {
      await this.#reachAll();
    } catch {
      return; // what is wrong is told at the gap
    }
    this.#settling.takeAll(button.dataset.takeAll, button.textContent);
  }
}
