/** Navigator of a task that asks about several turns: each turn with what is open in it, a click away. */

import { turnName } from "./progress.js";
import { t, tn } from "../../shared/texts.js";

export class TurnNav {
  #root;
  #store;
  #index;
  #turns;
  #current;
  /** By the path of a turn: its required addresses. */
  #needed = new Map();
  #buttons = new Map();
  #at = null;
  #isAsked = false;
  #observer = new IntersectionObserver((seen) => {
    const found = seen.find((one) => one.isIntersecting);
    if (found) this.#stand(found.target.dataset.turn);
  }, { rootMargin: "-35% 0px -60% 0px" }); // a line in the upper part of the window

  constructor(root, store, index, turns, current) {
    [this.#root, this.#store, this.#index, this.#turns, this.#current] = [root, store, index, turns, current];
    const paths = [...index.sections.keys()].filter((at) => at.includes("u"));
    if (paths.length < 2) return;
    for (const at of paths) this.#needed.set(at, []);
    // What is asked about a whole conversation stands at its last turn.
    const lastOf = new Map(paths.map((at) => [at.split("u")[0], at]));
    for (const address of index.required) this.#needed.get(lastOf.get(address.at) ?? address.at)?.push(address);
    const isOne = !paths.some((at) => at.startsWith("t1"));
    document.getElementById("turn-list").append(...paths.map((at) => this.#item(at, isOne)));
    document.getElementById("turn-nav").hidden = false;
    store.subscribe(() => this.#show());
    this.add(root);
    this.#stand(paths[0]);
    this.#list();
  }

  /** Watch the turns of a part of the page, which has just been drawn. */
  add(part) {
    if (!this.#buttons.size) return;
    for (const section of part.querySelectorAll(".asked")) this.#observer.observe(section);
  }

  #item(at, isOne) {
    const button = document.createElement("button");
    const state = document.createElement("span");
    const [, thread, turn] = /^t(\d+)u(\d+)$/.exec(at);
    button.type = "button";
    button.className = "small quiet";
    button.append(isOne ? `${Number(turn) + 1}` : `${Number(thread) + 1}.${Number(turn) + 1}`, state);
    button.addEventListener("click", () => this.#go(at));
    this.#buttons.set(at, { button, state, name: turnName(at, isOne) });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  async #go(at) {
    try {
      await this.#turns.reach(this.#index.sections.get(at));
    } catch {
      return; // what is wrong is told at the gap
    }
    const section = document.getElementById(at);
    this.#current.showTurn(section);
    this.#stand(at);
  }

  /** Name the turn in which somebody reads. */
  #stand(at) {
    this.#buttons.get(this.#at)?.button.removeAttribute("aria-current");
    this.#at = at;
    const { button } = this.#buttons.get(at) ?? {};
    if (!button) return;
    button.setAttribute("aria-current", "true");
    const list = document.getElementById("turn-list");
    const [inside, box] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
    if (inside.left < box.left || inside.right > box.right) list.scrollLeft += inside.left - box.left - box.width / 2;
    this.#place();
  }

  #openOf(at) {
    return this.#needed.get(at).filter((address) => this.#store.isMissing(address)).length;
  }

  #countOf(at) {
    return this.#needed.get(at).filter((address) => this.#store.isAsked(address)).length;
  }

  /** Where somebody is, and how far: "Turn 3 · 3 of 8 · 1 of 3 answers". */
  #place() {
    const paths = [...this.#buttons.keys()];
    const count = this.#countOf(this.#at);
    const answers = count ? ` · ${tn("%(done)s of %(count)s answers", "%(done)s of %(count)s answers", count, { done: count - this.#openOf(this.#at) })}` : "";
    document.getElementById("turn-place").textContent =
      `${this.#buttons.get(this.#at).name} · ${t("%(number)s of %(count)s", { number: paths.indexOf(this.#at) + 1, count: paths.length })}${answers}`;
  }

  #show() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#list();
      this.#place();
    });
  }

  #list() {
    for (const [at, { button, state, name }] of this.#buttons) {
      const open = this.#openOf(at);
      const text = open ? `${open}` : this.#countOf(at) ? "✓" : "";
      if (state.textContent === text && button.ariaLabel) continue;
      state.textContent = text;
      button.classList.toggle("is-done", text === "✓");
      button.setAttribute("aria-label", `${name}: ${open ? tn("%(count)s answer is missing", "%(count)s answers are missing", open) : t("nothing is missing")}`);
    }
  }
}
