/** The annotation page: put its parts together. See store.js for how they work with one another. */

import { Store } from "./store.js";
import { Journal } from "./journal.js";
import { choose, clockOf, leftOut } from "./restore.js";
import { bindSuggestions } from "./parts/suggestions.js";
import { Sync } from "./sync.js";
import { Submit } from "./submit.js";
import { Tabs } from "./tabs.js";
import { ActiveTime, Countdown, showState } from "./status.js";
import { Layout } from "./layout.js";
import { bindDialogs } from "./dialogs.js";
import { bindGuidelines } from "./guidelines.js";
import { bindKeys } from "./keys.js";
import { Current } from "./judging/current.js";
import { Progress } from "./judging/progress.js";
import { bindUnfolding, unfoldTurn } from "./judging/turn_fold.js";
import { TurnNav } from "./judging/turn_nav.js";
import { bindScores, bindSteps, bindWhys } from "./parts/grid.js";
import { bindFaults, clearFault, faultOf, markWaiting, nameOf, showFaults } from "./faults.js";
import { showAsked } from "./judging/asked.js";
import { bindConditions } from "./judging/conditions.js";
import { Drawn, readQuestions } from "./questions.js";
import { Turns } from "../shared/turns.js";
import { taskAt } from "../shared/net.js";
import { isShown, notice, post, sentence } from "./notice.js";
import { offer } from "./undo.js";
import { t } from "../shared/texts.js";

const root = document.getElementById("task");
const task = JSON.parse(root.dataset.task);
const index = readQuestions(task.questions);
const { addresses, required, sections, conditions } = index;
const store = new Store(addresses, conditions);
const drawn = new Drawn(store);
await drawn.add(root, task.texts);
const turns = new Turns(root, (part, texts) => drawn.add(part, texts));
const current = new Current(root, store, turns, index);
bindFaults(turns, sections);
const NO_COPY = t("This browser keeps no copy of what you type; only the server does.");
const TAKE = `plaudit-take-${task.assignment}`;

let focused = null;

/** Let nothing be changed, and let that be seen; or everything again, from where the focus was. */
function freeze(isFrozen) {
  if (isFrozen && !store.isReadOnly) focused = document.activeElement;
  store.isReadOnly = isFrozen;
  root.classList.toggle("is-frozen", isFrozen);
  freezeFields(root);
  document.getElementById("submit").disabled = isFrozen;
  if (isFrozen) return;
  drawn.drawAll();
  const at = document.activeElement;
  if (at === null || at === document.body || at.closest("#notice")) focused?.focus();
}

/** Let the fields of a part of the page be changed, or not. */
function freezeFields(part) {
  for (const field of part.querySelectorAll("[data-question] :is(input, select, textarea, button)")) field.disabled = store.isReadOnly;
}

/** What a part of the page does beside its questions' values. */
function bindPart(part) {
  bindWhys(part, store);
  bindScores(part, store);
  bindSteps(part, store);
  bindSuggestions(part, store);
  bindUnfolding(part);
  showAsked(part, store);
}

/** Draw the turns in which a step is incorrect: only there is it known whether it is put right. */
async function drawFaulty() {
  for (const at of store.findTurns(({ value }) => value === "incorrect")) {
    await turns.reach(sections.get(at)).catch(() => {}); // the server may know what else is missing
  }
}

/** Lead to turns that are not drawn yet. */
function bindLinks() {
  root.addEventListener("click", async (event) => {
    const at = event.target.closest('a[href^="#"]')?.getAttribute("href").slice(1);
    unfoldTurn(document.getElementById(at));
    if (!sections.has(at) || document.getElementById(at)) return;
    event.preventDefault();
    await turns.reach(sections.get(at)).catch(() => {});
    document.getElementById(at)?.scrollIntoView();
  });
}

async function start() {
  const journal = await Journal.open(task.assignment);
  const kept = (await journal?.read()) ?? null;
  if (journal) journal.onLost = tellOnceThatNothingIsKept();
  const active = new ActiveTime(task.active_ms);
  const layout = new Layout(root);
  let countdown = null;
  let refusal = "";

  const onState = (state, told) => {
    showState(state, told);
    if (told.expires_ms) countdown?.renew(told.expires_ms, told.saved_ms);
    if (state === "lost") lost(told.message);
    if (state === "conflict") conflict();
    if (state === "signedout") {
      notice(t("You are signed out. What you type is kept here. Sign in again in another tab, then reload this page."),
        [[t("Sign in"), () => window.open("/sign-in", "_blank", "noopener")], [t("Reload"), () => location.reload()]], "warn");
    }
    if (state === "refused") {
      const fault = faultOf(told.refused, told.sent);
      if (fault) showFaults([fault], { isFocused: false });
      const name = fault ? `${nameOf(fault)}: ` : "";
      refusal = `${name}${sentence(told.message)} ${t("What you typed is kept here, and not yet on the server. You can go on.")}`;
      notice(refusal, [], "bad");
    }
    if (state === "saved" && isShown(refusal)) notice("");
  };
  const sync = new Sync(task, store, journal, { onState, activeMs: () => active.ms });
  const submit = new Submit(task, store, sync, journal, { required, onState, freeze, drawFaulty });

  async function lost(message) {
    submit.abandon();
    sync.stop();
    freeze(true);
    showState("lost", {});
    const now = sync.isUnsure ? await taskAt(sync.path).catch(() => null) : null;
    if (now?.status === "submitted") {
      notice(t("Your submission had arrived before you went on. What you typed since then is kept here."),
        [[t("Open it again"), () => post(`${sync.path}/reopen`)]], "warn");
    } else notice(sentence(message), [[t("Take it again"), () => post(`${sync.path}/resume`)]], "warn");
  }

  function conflict() {
    submit.abandon();
    freeze(true);
    notice(t("This task was changed in another browser or tab. What you typed here is kept."),
      [[t("Load it here"), () => location.reload()]], "warn");
  }

  const tabs = new Tabs(task.assignment, {
    onYield: async () => {
      submit.abandon();
      await sync.flush();
      sync.stop();
      freeze(true);
      notice(t("You went on with this task in another tab."), [[t("Continue here"), takeOver]], "warn");
    },
    onRefused: () => {
      sync.stop();
      freeze(true);
      notice(t("This task is open in another tab."), [[t("Continue here"), takeOver]], "warn");
    },
  });
  function takeOver() {
    sessionStorage.setItem(TAKE, "yes");
    location.reload();
  }

  // The other tab may still save; what it saved last is read by the page that comes after.
  if (sessionStorage.getItem(TAKE) === "asked") sessionStorage.removeItem(TAKE);
  else if (sessionStorage.getItem(TAKE) === "yes") {
    sessionStorage.setItem(TAKE, "asked");
    await tabs.take();
    location.reload();
    return;
  }

  // What is submitted is shown as it is, whatever else was typed.
  const isSubmitted = !task.is_open && task.status === "submitted";
  const from = choose(task, isSubmitted ? null : kept);
  store.load(from.answers);
  drawn.drawAll();
  sync.revision = from.revision;
  bindPart(root);
  bindConditions(root, store, () => drawn.titles());
  new Progress(store, index, drawn, current);
  const nav = new TurnNav(root, store, index, turns, current);
  bindLinks();
  store.subscribe(({ key }) => { if (key !== null) drawn.draw(key); });
  root.addEventListener("input", (event) => {
    const question = event.target.closest("[data-question]");
    if (question) clearFault(question);
  });

  const dialogs = bindDialogs(task, sync, journal);
  const toggleGuidelines = bindGuidelines(task);
  const keymap = bindKeys({ task, index, store, sync, submit, layout, current, dialogs, toggleGuidelines });
  turns.onDrawn = (part) => {
    bindPart(part);
    layout.add(part);
    nav.add(part);
    keymap.add(part);
    markWaiting(part);
    if (store.isReadOnly) freezeFields(part);
  };
  offer(() => sync.flush());

  if (!task.is_open) {
    freeze(true);
    sync.stop();
    const leftOutMs = isSubmitted ? leftOut(task, kept) : null;
    if (leftOutMs !== null) {
      notice(t("What you typed here at %(time)s is no part of your submission. Open the task again to go on with it.", { time: clockOf(leftOutMs) }), [], "warn");
    }
    turns.watch();
    root.dataset.ready = "yes";
    return;
  }
  countdown = new Countdown(task, active, { path: sync.path, isStopped: () => sync.isStopped, onLost: lost });
  if (task.draft_ms !== null) showState("saved", { saved_ms: task.draft_ms });
  if (from.said) {
    const other = from.other;
    notice(from.said, other === null ? [[t("Close"), () => notice("")]] : [
      [t("Use the other version"), () => { store.load(other); drawn.drawAll(); sync.changed(); notice(""); }],
      [t("Close"), () => notice("")],
    ]);
  }
  if (journal === null) notice(NO_COPY, [], "warn");
  await tabs.ask();
  // Until here nothing can be typed, as it would be nobody's.
  root.inert = false;
  current.begin(!layout.isNarrow);
  turns.watch();
  root.dataset.ready = "yes";
  if (!tabs.isActive) return;
  if (from.submit) await submit.resume(from.submit);
  else if (from.isDirty) sync.changed();
}

/** Say it at the first moment at which no other notice would be lost by it. */
function tellOnceThatNothingIsKept() {
  let isTold = false;
  return () => {
    if (isTold || !document.getElementById("notice").hidden) return;
    isTold = true;
    notice(NO_COPY, [[t("Close"), () => notice("")]], "warn");
  };
}

start();
