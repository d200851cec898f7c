/** How responses stand: columns, stacked or one at a time; raw text, scrolling together, differences. */

import { Panes } from "./judging/panes.js";
import { compare } from "./judging/compare.js";
import { addStrips } from "./judging/prompt.js";
import { t } from "../shared/texts.js";

const VIEW = "plaudit-view";
const WORDS = "plaudit-word-counts";
const TOGETHER = "plaudit-scroll-together";

export class Layout {
  #root;
  #panes;
  #narrow = matchMedia("(max-width: 56.24rem), (max-height: 31.99rem)");
  #wide = matchMedia("(min-width: 75rem) and (min-height: 32rem)");

  constructor(root) {
    this.#root = root;
    this.#panes = new Panes(root);
    this.#bindViews();
    this.#bindChoices();
    root.addEventListener("marked", ({ target }) => this.#compare(target.closest(".asked") ?? root));
    this.add(root);
  }

  /** True where the page scrolls as a whole, in one column. */
  get isNarrow() {
    return this.#narrow.matches;
  }

  /** Lay out a part of the page, which has just been put into it. */
  add(part) {
    document.getElementById("tools").hidden = this.#root.querySelectorAll(".response").length < 2;
    for (const one of part.querySelectorAll(".context")) one.open = this.#wide.matches;
    addStrips(part);
    this.#panes.add(part);
    this.#bindTabs(part);
    this.#bindScrolling(part);
    bindRaw(part);
    bindCopying(part);
    this.#compare(part);
    this.#showWords(part);
  }

  /** Show the next way of laying responses out. */
  next() {
    const ways = [...document.querySelectorAll("#views input")];
    const at = ways.findIndex((one) => one.checked);
    const way = ways[(at + 1) % ways.length];
    way.checked = true;
    way.dispatchEvent(new Event("change"));
  }

  /** Move the focus to the response before or after the one it is in. */
  step(by) {
    const section = document.activeElement?.closest(".asked") ?? this.#root.querySelector(".asked");
    const all = [...section.querySelectorAll(".response")];
    if (!all.length) return;
    const at = all.findIndex((one) => one.contains(document.activeElement) || one.dataset.current !== undefined);
    const next = all[(at + by + all.length) % all.length] ?? all[0];
    this.showOne(section, next.dataset.response);
    next.focus();
  }

  /** Bring one response to the front where only one is shown. */
  showOne(section, position) {
    for (const tab of section.querySelectorAll("[data-tab]")) {
      tab.setAttribute("aria-pressed", String(tab.dataset.tab === String(position)));
    }
    for (const one of section.querySelectorAll(".response")) {
      one.toggleAttribute("data-current", one.dataset.response === String(position));
    }
    // In a strip it comes into sight; a page that scrolls as a whole stays where it is.
    const strip = section.querySelector(".columns-of-responses");
    const current = strip?.querySelector("[data-current]");
    if (current && strip.scrollWidth > strip.clientWidth) strip.scrollLeft += current.getBoundingClientRect().left - strip.getBoundingClientRect().left;
  }

  #bindViews() {
    const kept = localStorage.getItem(VIEW);
    for (const way of document.querySelectorAll("#views input")) {
      if (way.value === kept) way.checked = true;
      way.addEventListener("change", () => {
        localStorage.setItem(VIEW, way.value);
        this.#root.dataset.view = way.value;
      });
      if (way.checked) this.#root.dataset.view = way.value;
    }
    this.#wide.addEventListener("change", () => {
      for (const one of this.#root.querySelectorAll(".context")) one.open = this.#wide.matches;
    });
  }

  /** What is chosen for all responses: scrolling together, word counts (off unless wanted: length is no
   * quality), differences. */
  #bindChoices() {
    for (const [id, name, show] of [["scroll-together", TOGETHER, () => {}], ["word-counts", WORDS, () => this.#showWords(this.#root)]]) {
      const box = document.getElementById(id);
      box.checked = localStorage.getItem(name) === "yes";
      box.addEventListener("change", () => {
        localStorage.setItem(name, box.checked ? "yes" : "no");
        show();
      });
    }
    const button = document.getElementById("compare");
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      this.#compare(this.#root);
    });
  }

  #bindTabs(part) {
    for (const section of part.querySelectorAll(".asked")) {
      for (const tab of section.querySelectorAll("[data-tab]")) {
        tab.addEventListener("click", () => this.showOne(section, tab.dataset.tab));
      }
      this.showOne(section, "1");
    }
  }

  #bindScrolling(part) {
    const box = document.getElementById("scroll-together");
    for (const section of part.querySelectorAll(".asked")) {
      const bodies = [...section.querySelectorAll(".response-body")];
      let leader = null;
      for (const body of bodies) {
        body.addEventListener("pointerenter", () => { leader = body; });
        body.addEventListener("focusin", () => { leader = body; });
        body.addEventListener("scroll", () => {
          if (!box.checked || body !== leader) return;
          const share = body.scrollTop / Math.max(1, body.scrollHeight - body.clientHeight);
          for (const other of bodies) {
            if (other !== body) other.scrollTop = share * (other.scrollHeight - other.clientHeight);
          }
        }, { passive: true });
      }
    }
  }

  #showWords(part) {
    const { checked } = document.getElementById("word-counts");
    for (const one of part.querySelectorAll("[data-words]")) one.hidden = !checked;
  }

  #compare(part) {
    const isOn = document.getElementById("compare").getAttribute("aria-pressed") === "true";
    for (const section of part.matches(".asked") ? [part] : part.querySelectorAll(".asked")) compare(section, isOn);
  }
}

function bindRaw(part) {
  for (const button of part.querySelectorAll("[data-raw]")) {
    button.addEventListener("click", () => {
      const isRaw = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isRaw));
      const article = button.closest(".response");
      for (const one of article.querySelectorAll(".as-raw")) one.hidden = !isRaw;
      for (const one of article.querySelectorAll(".as-rendered")) one.hidden = isRaw;
    });
  }
}

/** Code can be copied. */
function bindCopying(root) {
  if (navigator.clipboard === undefined) return;
  for (const code of root.querySelectorAll(".rendered .code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small copy-code";
    button.textContent = t("Copy");
    button.setAttribute("aria-label", t("Copy code"));
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.querySelector("pre").textContent);
      button.textContent = t("Copied");
      setTimeout(() => { button.textContent = t("Copy"); }, 2000);
    });
    code.append(button);
  }
}
