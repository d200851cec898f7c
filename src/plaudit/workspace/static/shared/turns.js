/** Turns of a long conversation that are loaded when they are reached, or asked for.
 *
 * What is not drawn yet is a gap: an element with data-gap, `data-first` to `data-stop` - 1 being the
 * numbers of its sections (of turns, with data-section), and a link to a page with its next portion.
 * That page's #turns takes the place of the gap: further gaps, and between them .portion. */

import { Refused } from "./net.js";
import { announce } from "./shell.js";
import { t, tn } from "./texts.js";

const GAP = "[data-gap]";

/** Load a page without running its scripts; throws Refused. */
function fetchPage(path) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", path);
    request.responseType = "document";
    request.setRequestHeader("accept", "text/html");
    request.onerror = () => reject(new Refused(0, {}));
    request.onload = () => {
      const turns = request.response?.getElementById("turns");
      if (request.status === 200 && turns) resolve(turns);
      // Whoever is signed out is led to another page.
      else reject(new Refused(request.status === 200 ? 401 : request.status, {}));
    };
    request.send();
  });
}

const TOLD = {
  0: t("The server cannot be reached."),
  401: t("You are signed out. Sign in in another tab, then try again."),
  409: t("The task has changed since this page was loaded. Load it again."),
};

export class Turns {
  #root;
  #bind;
  #loading = new Map();
  /** Gaps that are out of sight, or between sections when the page came: these are loaded when seen. */
  #unseen = new WeakSet();
  #observer = new IntersectionObserver(
    (seen) => { for (const { target, isIntersecting } of seen) this.#see(target, isIntersecting); },
    { rootMargin: "0px 0px 400px 0px" }, // below: what is above was passed over
  );

  /** Called with each part of the page that has been drawn. */
  onDrawn = () => {};

  /** `bind(part, texts, page)` prepares what is about to be drawn: a part of the page that was loaded. */
  constructor(root, bind = async () => {}) {
    this.#root = root;
    this.#bind = bind;
  }

  /** From now on load a gap when it comes into sight, or its link is pressed. */
  watch() {
    this.#root.addEventListener("click", (event) => {
      const link = event.target.closest(`${GAP} a`);
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.load(link.closest(GAP)).catch(() => {});
    });
    for (const gap of this.#root.querySelectorAll(GAP)) {
      // Between turns that are folded to a line a gap may be in sight of somebody who reads below.
      if (gap.dataset.section === undefined) this.#unseen.add(gap);
      this.#observer.observe(gap);
    }
  }

  /** A gap that comes into sight is loaded. What is left of it may stay there, below a person who reads
   * above it, or above one who came from below: that is loaded when it comes back, or asked for. */
  #see(gap, isSeen) {
    if (!isSeen) this.#unseen.add(gap);
    else if (this.#unseen.delete(gap)) this.load(gap).catch(() => {});
  }

  /** The gap that a section is in; null if it is drawn. */
  gapOf(section) {
    return [...this.#root.querySelectorAll(`${GAP}:not([data-section])`)]
      .find((gap) => Number(gap.dataset.first) <= section && section < Number(gap.dataset.stop)) ?? null;
  }

  /** Whether each section is drawn, by its number. */
  drawnSections() {
    const gaps = [...this.#root.querySelectorAll(`${GAP}:not([data-section])`)]
      .map(({ dataset }) => [Number(dataset.first), Number(dataset.stop)]);
    return (section) => !gaps.some(([first, stop]) => first <= section && section < stop);
  }

  /** Draw a section with the portion that it begins, if it is not drawn; throws Refused. */
  async reach(section) {
    for (let gap = this.gapOf(section); gap !== null; gap = this.gapOf(section)) {
      // What is on its way may have the section, or come to another gap.
      await (this.#loading.get(gap) ?? this.load(gap, section));
    }
  }

  /** Draw the sections nearest to an element of the page, if there is a gap between it and `other`, which
   * is the next of its kind in the direction `by` (1 or -1), null for none. Resolves to whether there was. */
  async fill(element, other, by) {
    const follows = (one, than) => Boolean(than.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
    const isBetween = (gap) => (by > 0
      ? follows(gap, element) && (other === null || follows(other, gap))
      : follows(element, gap) && (other === null || follows(gap, other)));
    const gap = [...this.#root.querySelectorAll(`${GAP}:not([data-section])`)].find(isBetween);
    if (gap === undefined) return false;
    try {
      await (this.#loading.get(gap) ?? this.load(gap, by > 0 ? null : Number(gap.dataset.stop) - 1));
    } catch {
      return false; // what is wrong is told at the gap
    }
    return true;
  }

  /** Draw the next portion of a gap, or the one from a section of it; throws Refused. */
  load(gap, section = null) {
    if (!this.#loading.has(gap)) {
      this.#loading.set(gap, this.#load(gap, section).finally(() => this.#loading.delete(gap)));
    }
    return this.#loading.get(gap);
  }

  async #load(gap, section) {
    const told = gap.querySelector("p");
    const link = gap.querySelector("a");
    gap.setAttribute("aria-busy", "true");
    try {
      const turns = await fetchPage(`${link.getAttribute("href")}${section === null ? "" : `&at=${section}`}`);
      const texts = JSON.parse(turns.dataset.texts ?? "{}");
      const nodes = [...document.importNode(turns, true).children];
      const part = nodes.find((one) => one.matches(".portion"));
      await this.#bind(part, texts, turns);
      this.#put(gap, nodes, part);
    } catch (refused) {
      if (refused.status === undefined) throw refused; // a mistake of ours
      told.textContent = TOLD[refused.status] ?? t("The server could not show more.");
      announce(told.textContent);
      throw refused;
    } finally {
      gap.removeAttribute("aria-busy");
    }
  }

  #put(gap, nodes, part) {
    const hadFocus = gap.contains(document.activeElement);
    this.#observer.unobserve(gap);
    gap.replaceWith(...nodes);
    this.onDrawn(part);
    const drawn = part.querySelectorAll("[data-drawn]");
    if (hadFocus && drawn.length) {
      drawn[0].tabIndex = -1;
      drawn[0].focus();
    }
    announce(tn("%(count)s more turn is shown.", "%(count)s more turns are shown.", drawn.length));
    for (const one of nodes) {
      for (const left of one.matches(GAP) ? [one] : one.querySelectorAll(GAP)) this.#observer.observe(left);
    }
  }
}
