/** The keyboard on the review page: the same keys as on the annotation page, where they mean something. */

import { firstField } from "../annotate/faults.js";
import { charsOf, digitOf, isCommand, isComposing } from "../shared/pressed.js";
import { lean } from "../annotate/widgets/scale.js";
import { WHYS, isOpen } from "./settling.js";

const OFF = "plaudit-keys-off";
const TYPED = "textarea, select, input:not([type=radio]):not([type=checkbox]), [contenteditable]";

/** `sectionOf(card)` is the number of its section, `undecided()` are the sections that are not drawn and
 * have something to decide. */
export function bindKeys({ root, store, layout, turns, sectionOf, undecided, dialogs, toggleGuidelines, decide, takeBack, settling, people }) {
  const box = document.getElementById("keys-on");
  box.checked = localStorage.getItem(OFF) === null;
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });

  const cards = () => [...root.querySelectorAll("[data-card]")].filter((one) => one.getClientRects().length > 0);
  const current = () => document.activeElement?.closest?.("[data-card]") ?? null;

  /** Put the focus on a question: on its control if that is open, else on what opens it. */
  function enter(card) {
    const fix = card?.querySelector(".fix");
    if (!fix) return;
    (fix.open ? field(fix) : fix.querySelector("summary")).focus();
    card.scrollIntoView({ block: "nearest" });
  }

  /** The first field of a fix; of one that folds further, when it is unfolded. */
  function field(fix) {
    const question = fix.querySelector("[data-question]");
    if (question.tagName !== "DETAILS") return firstField(question);
    return question.open ? question.querySelector("textarea") : question.querySelector("summary");
  }

  async function go(by) {
    const all = cards();
    const at = all.indexOf(current());
    if (at >= 0 && await turns.fill(all[at], all[at + by] ?? null, by)) {
      if (current() === all[at]) go(by);
      return;
    }
    enter(at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[at + by]);
  }

  /** The next question on which people differ, around the page; its turn is drawn if it is not. */
  function nextDisputed() {
    const isDisputed = isOpen;
    const all = cards();
    const at = all.indexOf(current());
    const here = at < 0 ? -1 : sectionOf(all[at]);
    const places = [
      ...all.filter(isDisputed).map((card) => [sectionOf(card), card]),
      ...undecided().map((section) => [section, null]),
    ].sort(([one], [other]) => one - other);
    const isAfter = ([section, card]) => section > here || (section === here && all.indexOf(card) > at);
    const wanted = places.find(isAfter) ?? places[0];
    if (!wanted) return false;
    const [section, card] = wanted;
    if (card !== null) enter(card);
    else turns.reach(section).then(() => enter(cards().find((one) => sectionOf(one) === section && isDisputed(one))), () => {});
    return true;
  }

  function fix() {
    const card = current() ?? cards()[0];
    const place = card?.querySelector(".fix");
    if (!place) return false;
    place.open = true;
    const question = place.querySelector("[data-question]");
    if (question.tagName === "DETAILS") question.open = true;
    field(place).focus();
    return true;
  }

  function choose(digit) {
    const place = current()?.querySelector(".fix");
    const target = place?.querySelector(`input[data-digit="${digit}"]`) ??
      (digit === 0 ? place?.querySelector("[data-offer]") : null);
    if (!target) return false;
    place.open = true;
    target.focus();
    if (target.type === "checkbox" || !target.checked) target.click();
    return true;
  }

  function undo() {
    const question = current()?.querySelector("[data-question]");
    if (!question) return false;
    takeBack(question);
    return true;
  }

  /** The question of a kind that is nearest to the focus, unfolded; null if there is none. */
  function unfolded(selector) {
    const found = current()?.querySelector(selector) ??
      document.activeElement?.closest?.(".asked")?.querySelector(selector) ?? root.querySelector(selector);
    const place = found?.closest(".fix") ?? null;
    if (place === null) return null;
    place.open = true;
    return found;
  }

  function prefer(direction) {
    const question = unfolded('[data-question="scale"]');
    if (question === null) return false;
    lean(question, store, direction);
    question.querySelector("input:checked")?.focus();
    return true;
  }

  function bothBad() {
    const question = unfolded('[data-key="both_bad"]');
    const yes = question?.querySelector('[value="true"]') ?? question?.querySelector('[data-digit="1"]');
    if (!yes) return false;
    yes.focus();
    yes.click();
    return true;
  }

  function justify() {
    const question = unfolded(".remark[data-mentions]") ?? unfolded(".remark");
    question?.querySelector("textarea").focus();
    return question !== null;
  }

  const hasTexts = (card) => card.querySelector("[data-choose-text]") !== null;

  /** Do something with the question that one is at, or the first one that it is for. */
  function settle(act, isFor = isOpen) {
    const here = current();
    const card = here !== null && (isFor === isOpen || isFor(here)) ? here : cards().find(isFor);
    if (!card || !act(card)) return false;
    if (card !== current()) enter(card);
    return true;
  }

  const single = {
    m: () => settle((card) => settling.takeMost(card)),
    t: () => settle((card) => settling.takeNext(card)),
    d: () => settle((card) => settling.takeMiddle(card)),
    c: () => settle((card) => settling.chooseNext(card), hasTexts),
    f: () => people.takeNext(),
    p: () => people.next(),
    ...Object.fromEntries(Object.entries(WHYS).map(([key, why]) => [key, () => settle((card) => settling.why(card, why))])),
    n: nextDisputed,
    e: fix,
    u: undo,
    a: () => prefer(-1),
    b: () => prefer(1),
    "=": () => prefer(0),
    x: bothBad,
    w: justify,
    "[": () => layout.step(-1),
    "]": () => layout.step(1),
    v: () => layout.next(),
    g: () => toggleGuidelines(),
    h: () => dialogs.history(),
    r: () => dialogs["send-back"]?.() ?? (dialogs["send-back"] !== undefined),
    "?": () => dialogs.help(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isComposing(event) || document.querySelector("dialog[open]")) return;
    if (isCommand(event) && event.key === "Enter") decide();
    else if (event.key === "Escape" && document.activeElement?.matches(TYPED)) document.activeElement.blur();
    else if (isCommand(event) || document.activeElement?.matches(TYPED)) return;
    else if (event.key === "ArrowDown" && !event.altKey && current()) go(1);
    else if (event.key === "ArrowUp" && !event.altKey && current()) go(-1);
    else if (!box.checked) return;
    else {
      const action = charsOf(event).find((char) => Object.hasOwn(single, char));
      const digit = digitOf(event);
      if (action === undefined && digit === null) return;
      if ((action === undefined ? choose(digit) : single[action]()) === false) return;
    }
    event.preventDefault();
  });
}
