/** The review page: everybody's answers, the reviewer's fixes, and the decision. */

import { leaveFor } from "../shared/kept_focus.js";
import { send } from "../shared/net.js";
import { announce } from "../shared/shell.js";
import { Store, keyOf, withoutAddress } from "../annotate/store.js";
import { asTyped } from "../shared/line_ends.js";
import { Layout } from "../annotate/layout.js";
import { bindFaults, clearFault, clearFaults, faultOf, markWaiting, showFaults } from "../annotate/faults.js";
import { notice } from "../annotate/notice.js";
import { bindGuidelines } from "../annotate/guidelines.js";
import { Drawn, readQuestions } from "../annotate/questions.js";
import { Turns } from "../shared/turns.js";
import { bindDialogs } from "./dialogs.js";
import { bindKeys } from "./keys.js";
import { People } from "./people.js";
import { Settling } from "./settling.js";
import { t, tn } from "../shared/texts.js";

const SAID = "plaudit-review-said";

const root = document.getElementById("task");
const task = JSON.parse(root.dataset.task);
const button = document.getElementById("submit");
const { addresses, sections, conditions } = readQuestions(task.questions);
const store = new Store(addresses, conditions);
const drawn = new Drawn(store);
await drawn.add(root, task.texts);
const turns = new Turns(root, async (part, texts, { dataset }) => {
  take(JSON.parse(dataset.answers));
  await drawn.add(part, texts);
});
bindFaults(turns, sections);
const KEPT = `plaudit-review-${task.path}-${task.revision}`;
const settling = new Settling(root, store, `${KEPT}-why`);
const people = new People(root, settling, async () => {
  for (const section of undrawn()) await turns.reach(section);
});
let isBusy = false;

/** An answer as a text for comparison; a difference in line ends alone is none. */
const saidBy = (one) => JSON.stringify(
  [one.value, one.not_applicable, one.cannot_assess, one.justification],
  (_, part) => (typeof part === "string" ? asTyped(part) : part),
);
const known = new Map();
const original = new Map();

/** Take in the answers that come out without the reviewer, with the turns that they are about. */
function take(answers) {
  for (const one of answers) {
    known.set(keyOf(one), one);
    original.set(keyOf(one), saidBy(withoutAddress(one)));
  }
  store.add(answers);
}

/** The answers that are not what would come out without the reviewer, to what is asked by all of them. */
function fixes() {
  return store.listAsked().filter((one) => saidBy(one) !== original.get(keyOf(one)) && isWhole(one));
}

/** A reason alone is no answer. */
const isWhole = (one) => one.value !== undefined || one.not_applicable || one.cannot_assess;

/** Take a question's fix back. */
function restore(element) {
  const key = keyOf(JSON.parse(element.dataset.address));
  store.load([...store.list().filter((one) => keyOf(one) !== key), ...(known.has(key) ? [known.get(key)] : [])]);
  drawn.drawAll();
}

/** Show a question with a condition as it is asked now, or not; true if it has become asked. */
function showAsked(card, isAsked) {
  for (const one of card.querySelectorAll("[data-not-asked]")) one.hidden = isAsked;
  for (const one of card.querySelectorAll("[data-if-asked]")) one.hidden = !isAsked;
  const state = isAsked ? card.dataset.askedState : "unasked";
  const isNew = isAsked && card.dataset.state === "unasked";
  card.dataset.state = state;
  const fix = card.querySelector("details.fix");
  if (isNew && state === "unresolved" && fix !== null) fix.open = true;
  return isNew;
}

/** Tell what is left to decide, and what has become asked by an answer of one's own. */
function tell(isOwn = false) {
  const changed = new Set(fixes().map(keyOf));
  let undecided = 0;
  let disputed = 0;
  const asked = [];
  for (const [element, address] of drawn.questions) {
    const card = element.closest("[data-card]");
    const isFixed = changed.has(keyOf(address));
    card.querySelector("[data-changed]").hidden = !isFixed;
    if (conditions.has(keyOf(address)) && showAsked(card, store.isAsked(address))) asked.push(element.dataset.title);
    for (const tag of card.querySelectorAll("[data-dispute]")) tag.hidden = isFixed || card.dataset.state === "unasked";
    if (card.dataset.state === "unresolved" && !isFixed) undecided += 1;
    if (card.dataset.state === "disputed" && !isFixed) disputed += 1;
  }
  const isDrawn = turns.drawnSections();
  for (const [at, undecidedThere, disputedThere] of task.disputes) {
    if (isDrawn(sections.get(at))) continue;
    undecided += undecidedThere;
    disputed += disputedThere;
  }
  settling.draw();
  if (isOwn && asked.length) announce(t("Now asked: %(names)s", { names: [...new Set(asked)].join(", ") }));
  if (button === null) return;
  const words = [];
  if (undecided) words.push(tn("%(count)s undecided", "%(count)s undecided", undecided));
  if (disputed) words.push(tn("%(count)s with different answers", "%(count)s with different answers", disputed));
  words.push(changed.size === 0 ? t("no fixes") : tn("%(count)s fix", "%(count)s fixes", changed.size));
  document.getElementById("progress").textContent = words.join(" · ");
  const isAccepting = task.standing === "in_review";
  if (isAccepting) button.firstChild.textContent = `${changed.size ? t("Accept with fixes and go on") : t("Accept and go on")} `;
  button.disabled = isBusy || (!isAccepting && !changed.size);
}

/** The number of the section in which a card stands, -1 for one that asks nothing. */
function sectionOf(card) {
  const question = card.querySelector("[data-question]");
  return question ? sections.get(JSON.parse(question.dataset.address).at) : -1;
}

/** Sections that are not drawn and have something that people differ on, by their numbers. */
function undrawn(isWanted = () => true) {
  const isDrawn = turns.drawnSections();
  return task.disputes.filter(isWanted).map(([at]) => sections.get(at)).filter((section) => !isDrawn(section));
}

/** Those of them that have something to decide. */
const undecided = () => undrawn(([, undecidedThere, disputedThere]) => undecidedThere + disputedThere > 0);

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
      revision: task.revision, fixes: sent, reasons: settling.reasons(), question: task.question, person: task.person, most: task.most, sample: task.sample,
    });
    sessionStorage.removeItem(KEPT);
    settling.forget();
    const text = isAccepting ? t("The task is accepted and delivered.") : t("The corrections are delivered.");
    sessionStorage.setItem(SAID, JSON.stringify({ text, gold: isAccepting ? task.gold : "" }));
    leaveFor(told.next);
  } catch (refused) {
    isBusy = false;
    tell();
    const unreadable = faultOf(refused, sent);
    if (refused.code === "answers_rejected" || unreadable) {
      const faults = unreadable ? [unreadable] : refused.body.faults ?? [];
      showFaults(faults);
      return;
    }
    const isStale = refused.code === "conflict";
    notice(`${refused.message[0].toUpperCase()}${refused.message.slice(1).replace(/\.$/, "")}.`,
      isStale ? [[t("Look again"), () => location.reload()]] : [], isStale ? "warn" : "bad");
    announce(refused.message);
  }
}

function showSaid() {
  const said = JSON.parse(sessionStorage.getItem(SAID));
  sessionStorage.removeItem(SAID);
  if (said === null) return;
  const asGold = said.gold ? [[t("Use as gold"), () => leaveFor(said.gold)]] : [];
  notice(said.text, [...asGold, [t("Close"), () => notice("")]], "good");
}

function start() {
  store.load(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
  take(task.answers);
  drawn.drawAll();
  const layout = new Layout(root);
  store.subscribe(({ key, isOwn }) => {
    drawn.draw(key);
    if (isOwn) keep();
    tell(isOwn);
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
  bindKeys({ root, store, layout, turns, sectionOf, undecided, dialogs, toggleGuidelines, decide, takeBack, settling, people });
  turns.onDrawn = (part) => {
    layout.add(part);
    markWaiting(part);
    settling.add(part);
    people.draw(part);
    tell();
  };
  turns.watch();
  tell();
  showSaid();
  root.dataset.ready = "yes";
}

start();
