/** Places in a text on the page, and in the text as it is delivered.
 *
 * A view shows a text: rendered, with the server's map of its pieces (render/source_map.py), or raw. What
 * is visible counts in UTF-16 units of its text nodes; the delivered text counts in code points, and has
 * line ends of its own. */

import { asTyped } from "../../shared/line_ends.js";

const points = (text) => [...text].length;

/** The index in a text after so many code points. */
function unitsOf(text, count) {
  let at = 0;
  for (let n = 0; n < count && at < text.length; n += 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}

/** The last node of what an element holds, itself if it is empty. */
function lastOf(element) {
  let last = element;
  while (last.lastChild) last = last.lastChild;
  return last;
}

export class View {
  element;
  text = "";
  /** [visible, length, source, source's length, whether both go character by character]. */
  #pieces;
  /** Where the delivered text has CR LF, as code points of the text with one character for each. */
  #pairs = [];

  /** `delivered` is the text, `map` the server's; "" where the element shows the text itself. */
  constructor(element, delivered, map) {
    this.element = element;
    this.text = this.nodes().map((node) => node.data).join("");
    const typed = asTyped(delivered);
    for (const { index } of delivered.matchAll(/\r\n/g)) this.#pairs.push(points(delivered.slice(0, index)) - this.#pairs.length);
    this.#pieces = map
      ? map.split(" ").map((piece) => {
        const [at, length, source, whole] = piece.split(".").map(Number);
        return [at, length, source, whole ?? points(this.text.slice(at, at + length)), whole === undefined];
      })
      : [[0, this.text.length, 0, points(typed), true]];
  }

  /** The text nodes; buttons to copy code are none of the text. */
  nodes() {
    const walker = document.createTreeWalker(this.element, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("button")) found.push(walker.currentNode);
    return found;
  }

  /** [start, end] in the delivered text of a visible range; null where none of it comes from there. */
  sourceOf(from, to) {
    const [a, b] = this.#trimmed(from, to);
    const over = this.#pieces.filter(([at, length]) => at < b && at + length > a);
    if (!over.length) return null;
    const [first, last] = [over[0], over.at(-1)];
    const start = first[4] ? first[2] + points(this.text.slice(first[0], Math.max(a, first[0]))) : first[2];
    const end = last[4] ? last[2] + points(this.text.slice(last[0], Math.min(b, last[0] + last[1]))) : last[2] + last[3];
    return start < end ? [this.#delivered(start), this.#delivered(end)] : null;
  }

  /** The visible ranges of a part of the delivered text. */
  visibleOf(start, end) {
    const [a, b] = [this.#typed(start), this.#typed(end)];
    return this.#pieces.filter(([, , source, length]) => source < b && source + length > a)
      .map(([at, length, source, , isExact]) => {
        if (!isExact) return [at, at + length];
        const said = this.text.slice(at, at + length);
        return [at + unitsOf(said, Math.max(0, a - source)), at + unitsOf(said, b - source)];
      });
  }

  /** The visible range that is selected in here; null without one. */
  selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const { startContainer, startOffset, endContainer, endOffset } = selection.getRangeAt(0);
    const [isFrom, isTo] = [this.element.contains(startContainer), this.element.contains(endContainer)];
    if (!isFrom && !isTo) return null;
    return [isFrom ? this.#offsetOf(startContainer, startOffset) : 0, isTo ? this.#offsetOf(endContainer, endOffset) : this.text.length];
  }

  /** Select a visible range; returns its range on the page. */
  select(from, to) {
    const range = this.rangeOf(from, to);
    getSelection().setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
    return range;
  }

  rangeOf(from, to) {
    const range = document.createRange();
    let at = 0;
    for (const node of this.nodes()) {
      const end = at + node.length;
      if (at <= from && from < end) range.setStart(node, from - at);
      if (at < to && to <= end) { range.setEnd(node, to - at); break; }
      at = end;
    }
    return range;
  }

  /** The place of a point on the page. Nodes are found by walking on from it, as to compare the places of two
   * nodes takes a browser the longer the more siblings they have. */
  #offsetOf(container, offset) {
    const walker = document.createTreeWalker(this.element, NodeFilter.SHOW_TEXT);
    let found = container;
    if (container.nodeType !== Node.TEXT_NODE) {
      found = container.childNodes[offset] ?? null;
      if (found === null) {
        walker.currentNode = lastOf(container);
        found = walker.nextNode();
      } else if (found.nodeType !== Node.TEXT_NODE) {
        walker.currentNode = found;
        found = walker.nextNode();
      }
    }
    walker.currentNode = found ?? this.element;
    while (found !== null && found.parentElement.closest("button")) found = walker.nextNode();
    let at = 0;
    for (const node of this.nodes()) {
      if (node === found) return node === container ? at + offset : at;
      at += node.length;
    }
    return at;
  }

  /** White space at the ends is not marked: a double click takes it along on some systems. */
  #trimmed(from, to) {
    const said = this.text.slice(from, to);
    return said.trim() ? [to - said.trimStart().length, from + said.trimEnd().length] : [from, to];
  }

  #delivered(at) {
    return at + this.#pairs.filter((pair) => pair < at).length;
  }

  #typed(at) {
    return at - this.#pairs.filter((pair, number) => pair + number + 1 < at).length;
  }
}
