/** Where two responses differ, as they are read: in both of them, where browsers can mark it there, and as one
 * text with what only the first and only the second says. */

import { t } from "../../shared/texts.js";
import { changes, draw } from "../words.js";

const HIGHLIGHT = "differs";

/** Ranges of each section that is compared. */
const marked = new Map();

/** Show the differences in a section, or take them away. */
export function compare(section, isOn) {
  const place = section.querySelector("[data-difference]");
  const said = [...section.querySelectorAll(".response")];
  if (!place || said.length < 2) return;
  place.hidden = !isOn;
  marked.delete(section);
  if (isOn) {
    const [first, second] = chosen(section, said);
    const [one, other] = [readText(first), readText(second)];
    const found = changes(one.text, other.text);
    const body = document.createElement("div");
    draw(body, found);
    place.replaceChildren(head(section, said, first, second), body);
    marked.set(section, [...differing(found, "del", one), ...differing(found, "ins", other)]);
  }
  if (window.Highlight) CSS.highlights.set(HIGHLIGHT, new Highlight(...[...marked.values()].flat()));
}

const nameOf = (response) => t("Response %(number)s", { number: response.dataset.response });

/** The two that are compared: those that were chosen here, else the first one and the one in sight. */
function chosen(section, said) {
  const wanted = (section.dataset.compared ?? "").split(" ").map((position) => said.find((one) => one.dataset.response === position));
  if (wanted[0] && wanted[1] && wanted[0] !== wanted[1]) return wanted;
  const current = section.querySelector(".response[data-current]");
  return [said[0], current && current !== said[0] ? current : said[1]];
}

function head(section, said, first, second) {
  const line = document.createElement("p");
  line.className = "soft small difference-head";
  if (said.length > 2) {
    const lists = [[first, t("First response to compare")], [second, t("Second response to compare")]].map(([response, label]) => {
      const list = document.createElement("select");
      list.setAttribute("aria-label", label);
      list.append(...said.map((one) => new Option(nameOf(one), one.dataset.response, false, one === response)));
      return list;
    });
    for (const [number, list] of lists.entries()) {
      list.addEventListener("change", () => {
        const other = lists[1 - number];
        // The same one twice: the other list takes what this one had.
        if (other.value === list.value) other.value = (number ? second : first).dataset.response;
        section.dataset.compared = `${lists[0].value} ${lists[1].value}`;
        compare(section, true);
        section.querySelectorAll(".difference-head select")[number].focus();
      });
    }
    line.append(...lists);
  } else line.append(t("From %(first)s to %(second)s:", { first: nameOf(first), second: nameOf(second) }), " ");
  for (const [kind, words] of [["del", t("only in the first")], ["ins", t("only in the second")]]) {
    const sample = document.createElement(kind);
    sample.textContent = words;
    line.append(sample, " ");
  }
  return line;
}

/** What is read of a response, with single white space, and the text node and place of each character. */
function readText(response) {
  const pieces = [];
  const places = [];
  let isSpace = true;
  for (const part of response.querySelectorAll(".response-body > .as-rendered, .step-text.as-rendered")) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.parentElement.closest("button")) continue;
      for (let at = 0; at < node.length; at += 1) {
        const unit = node.data[at];
        const wasSpace = isSpace;
        isSpace = /\s/.test(unit);
        if (isSpace && wasSpace) {
          if (unit === "\n" && pieces.length) pieces[pieces.length - 1] = "\n";
          continue;
        }
        pieces.push(isSpace && unit !== "\n" ? " " : unit);
        places.push([node, at]);
      }
    }
  }
  return { text: pieces.join(""), places };
}

/** The ranges of what only one of the two texts says. */
function differing(found, kind, { text, places }) {
  const ranges = [];
  let at = 0;
  for (const [of, said] of found) {
    if (of !== "same" && of !== kind) continue;
    if (of === kind) {
      for (const { index, 0: word } of said.matchAll(/\S+(?: \S+)*/g)) ranges.push(...rangesOf(places.slice(at + index, at + index + word.length)));
    }
    at += said.length;
  }
  return at <= text.length ? ranges : [];
}

/** Ranges of some characters, one for each text node. */
function rangesOf(places) {
  const ranges = [];
  for (const [node, at] of places) {
    const last = ranges.at(-1);
    if (last?.endContainer === node) last.setEnd(node, at + 1);
    else {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      ranges.push(range);
    }
  }
  return ranges;
}
