/** Words of a view chosen by keyboard: arrows move, Shift extends; Alt moves an end by one character. */

import { announce } from "../../shared/shell.js";

const SIGN = /\p{Extended_Pictographic}/u;

export class Cursor {
  #view;
  #words;
  #anchor = 0;
  #focus = 0;
  /** The visible range that is chosen. */
  range = [0, 0];

  constructor(view) {
    this.#view = view;
    const all = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(view.text)];
    const words = all.filter(({ isWordLike, segment }) => isWordLike || SIGN.test(segment));
    this.#words = (words.length ? words : all.filter(({ segment }) => segment.trim()))
      .map(({ index, segment }) => [index, index + segment.length]);
  }

  /** Stand on a visible range, or on the first word at or after its beginning. */
  begin([from, to] = [0, 0]) {
    const at = this.#words.findIndex(([, end]) => end > from);
    this.#anchor = this.#focus = Math.max(at, 0);
    if (from < to) {
      this.#focus = Math.max(this.#anchor, this.#words.findLastIndex(([start]) => start < to));
      this.range = [from, to];
      this.#show();
    } else this.#choose();
  }

  /** Answer a key; false for one that means something else. */
  press(event) {
    const { key, shiftKey, altKey } = event;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (altKey && by) this.#moveEnd(by, shiftKey ? 1 : 0);
    else if (by) this.#go(this.#focus + by, shiftKey);
    else if (key === "ArrowDown" || key === "ArrowUp") this.#go(this.#nextLine(key === "ArrowDown" ? 1 : -1), shiftKey);
    else if (key === "Home") this.#go(0, shiftKey);
    else if (key === "End") this.#go(this.#words.length - 1, shiftKey);
    else return false;
    return true;
  }

  #go(focus, isExtended) {
    this.#focus = Math.min(Math.max(focus, 0), this.#words.length - 1);
    if (!isExtended) this.#anchor = this.#focus;
    this.#choose();
  }

  #choose() {
    const ends = [this.#words[this.#anchor], this.#words[this.#focus]];
    if (ends[0] === undefined) return;
    this.range = [Math.min(ends[0][0], ends[1][0]), Math.max(ends[0][1], ends[1][1])];
    this.#show();
  }

  #moveEnd(by, side) {
    const characters = [...new Intl.Segmenter().segment(this.#view.text)].map(({ index }) => index);
    characters.push(this.#view.text.length);
    const at = characters.findIndex((one) => one >= this.range[side]);
    const moved = characters[at + by];
    const range = side ? [this.range[0], moved] : [moved, this.range[1]];
    if (moved === undefined || range[0] >= range[1]) return;
    this.range = range;
    this.#show();
  }

  /** The word in the line below or above that is nearest to the one with the focus. */
  #nextLine(by) {
    const rectOf = (at) => this.#view.rangeOf(...this.#words[at]).getBoundingClientRect();
    const here = rectOf(this.#focus);
    let line = null;
    let best = [Infinity, this.#focus];
    for (let at = this.#focus + by; this.#words[at]; at += by) {
      const rect = rectOf(at);
      const isBeyond = by > 0 ? rect.top >= here.bottom - 1 : rect.bottom <= here.top + 1;
      if (!isBeyond) continue;
      line ??= rect;
      if (Math.abs(rect.top - line.top) > line.height) break;
      best = [Math.abs(rect.left - here.left), at].map((value, n, all) => (all[0] < best[0] ? value : best[n]));
    }
    return best[1];
  }

  #show() {
    const range = this.#view.select(...this.range);
    keepInSight(range, this.#view.element);
    announce(this.#view.text.slice(...this.range));
  }
}

/** Scroll the box around a text, or the page, so far that a range is in sight. */
export function keepInSight(range, element) {
  const rect = range.getBoundingClientRect();
  const body = element.closest(".response-body, .prompt, .judge");
  const isOwn = body !== null && body.scrollHeight > body.clientHeight;
  const box = isOwn ? body.getBoundingClientRect() : { top: 96, bottom: innerHeight - 96 };
  const by = rect.top < box.top + 8 ? rect.top - box.top - 40 : rect.bottom > box.bottom - 8 ? rect.bottom - box.bottom + 40 : 0;
  if (by) (isOwn ? body : window).scrollBy({ top: by });
}
