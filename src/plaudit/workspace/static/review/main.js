/** The review page: everybody's answers, the reviewer's fixes, and the decision. */

import { send } from "../shared/net.js";
import { announce } from "../shared/shell.js";
import { Store, keyOf } from "../annotate/store.js";
import { asTyped } from "../shared/line_ends.js";
import { Layout } from "../annotate/layout.js";
import { clearFault, clearFaults, faultOf, showFaults } from "../annotate/faults.js";
import { notice } from "../annotate/notice.js";
import { bindGuidelines } from "../annotate/guidelines.js";
import { bindWidgets } from "../annotate/widgets.js";
import { bindDialogs } from "./dialogs.js";
import { bindKeys } from "./keys.js";

const SAID = "plaudit-review-said";

const root = document.getElementById("task");
const task = JSON.parse(root.dataset.task);
const button = document.getElementById("submit");
const elements = [...root.querySelectorAll("[data-question]")];
const addresses = new Map(elements.map((one) => [one, JSON.parse(one.dataset.address)]));
const addressOf = (element) => addresses.get(element);
const places = new Map();
for (const [place, element] of elements.entries()) {
  const key = keyOf(addressOf(element));
  places.set(key, [...(places.get(key) ?? []), place]);
}
const store = new Store(elements.map(addressOf));
const shows = await bindWidgets(elements, store, task.texts);
const KEPT = `plaudit-review-${task.path}-${task.revision}`;
let isBusy = false;

store.load(task.answers);
/** An answer as a text for comparison; a difference in line ends alone is none. */
const saidBy = (one) => JSON.stringify(
  [one.value, one.not_applicable, one.cannot_assess, one.justification],
  (_, part) => (typeof part === "string" ? asTyped(part) : part),
);
const original = new Map(store.list().map((one) => [keyOf(one), saidBy(one)]));

/** The answers that are not what would come out without the reviewer. */
function fixes() {
  return store.list().filter((one) => saidBy(one) !== original.get(keyOf(one)) && isWhole(one));
}

/** A reason alone is no answer. */
const isWhole = (one) => one.value !== undefined || one.not_applicable || one.cannot_assess;

/** Take a question's fix back. */
function restore(element) {
  const key = keyOf(addressOf(element));
  store.load([...store.list().filter((one) => keyOf(one) !== key), ...task.answers.filter((one) => keyOf(one) === key)]);
  redrawAll();
}

function redrawAll() {
  for (const show of shows) show();
}

function tell() {
  const changed = new Set(fixes().map(keyOf));
  let undecided = 0;
  let disputed = 0;
  for (const element of elements) {
    const card = element.closest("[data-card]");
    const isFixed = changed.has(keyOf(addressOf(element)));
    card.querySelector("[data-changed]").hidden = !isFixed;
    for (const tag of card.querySelectorAll("[data-dispute]")) tag.hidden = isFixed;
    if (card.dataset.state === "unresolved" && !isFixed) undecided += 1;
    if (card.dataset.state === "disputed" && !isFixed) disputed += 1;
  }
  if (button === null) return;
  const words = [];
  if (undecided) words.push(`${undecided} undecided`);
  if (disputed) words.push(`${disputed} with different answers`);
  words.push(changed.size === 0 ? "no fixes" : changed.size === 1 ? "1 fix" : `${changed.size} fixes`);
  document.getElementById("progress").textContent = words.join(" · ");
  const isAccepting = task.standing === "in_review";
  if (isAccepting) button.firstChild.textContent = changed.size ? "Accept with fixes and go on " : "Accept and go on ";
  button.disabled = isBusy || (!isAccepting && !changed.size);
}

/** Keep the fixes in this tab, so that a reload loses none. */
function keep() {
  sessionStorage.setItem(KEPT, JSON.stringify(fixes()));
}

async function decide() {
  if (button === null || button.disabled) return;
  const sent = fixes();
  clearFaults();
  isBusy = true;
  tell();
  const isAccepting = task.standing === "in_review";
  try {
    const told = await send("POST", `${task.path}/${isAccepting ? "accept" : "correct"}`, {
      revision: task.revision, fixes: sent,
    });
    sessionStorage.removeItem(KEPT);
    sessionStorage.setItem(SAID, isAccepting ? "The task is accepted and delivered." : "The corrections are delivered.");
    location.assign(told.next);
  } catch (refused) {
    isBusy = false;
    tell();
    const unreadable = faultOf(refused, sent);
    if (refused.code === "answers_rejected" || unreadable) {
      const faults = unreadable ? [unreadable] : refused.body.faults ?? [];
      openWrong(faults);
      showFaults(faults);
      return;
    }
    const isStale = refused.code === "conflict";
    notice(`${refused.message[0].toUpperCase()}${refused.message.slice(1).replace(/\.$/, "")}.`,
      isStale ? [["Look again", () => location.reload()]] : [], isStale ? "warn" : "bad");
    announce(refused.message);
  }
}

/** What is wrong must be seen, also where its control is folded away. */
function openWrong(faults) {
  const wrong = new Set(faults.map((fault) => keyOf({ ...fault, message: fault.message_index })));
  for (const element of elements) {
    if (wrong.has(keyOf(addressOf(element)))) element.closest(".fix").open = true;
  }
}

function showSaid() {
  const said = sessionStorage.getItem(SAID);
  sessionStorage.removeItem(SAID);
  if (said) notice(said, [["Close", () => notice("")]], "good");
}

function start() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  if (kept.length) {
    const keys = new Set(kept.map(keyOf));
    store.load([...task.answers.filter((one) => !keys.has(keyOf(one))), ...kept]);
  }
  redrawAll();
  const layout = new Layout(root);
  store.subscribe(({ key, isOwn }) => {
    for (const place of places.get(key) ?? []) shows[place]();
    if (isOwn) keep();
    tell();
  });
  root.addEventListener("input", (event) => {
    const question = event.target.closest("[data-question]");
    if (question) clearFault(question);
  });
  button?.addEventListener("click", decide);
  const dialogs = bindDialogs();
  const toggleGuidelines = bindGuidelines(task);
  const takeBack = (element) => {
    restore(element);
    keep();
    tell();
  };
  bindKeys({ root, store, layout, dialogs, toggleGuidelines, decide, takeBack });
  tell();
  showSaid();
  root.dataset.ready = "yes";
}

start();
