/** The annotation page: put its parts together. See store.js for how they work with one another. */

import { Store, keyOf } from "./store.js";
import { Journal } from "./journal.js";
import { choose, clockOf, leftOut } from "./restore.js";
import { bindSuggestions } from "./suggestions.js";
import { Sync } from "./sync.js";
import { Submit } from "./submit.js";
import { Tabs } from "./tabs.js";
import { ActiveTime, Countdown, showState } from "./status.js";
import { Layout } from "./layout.js";
import { bindDialogs } from "./dialogs.js";
import { bindGuidelines } from "./guidelines.js";
import { bindKeys } from "./keys.js";
import { bindScores, bindSteps, bindWhys } from "./grid.js";
import { clearFault, faultOf, nameOf, showFaults } from "./faults.js";
import { taskAt } from "../shared/net.js";
import { isShown, notice, post, sentence } from "./notice.js";
import { offer } from "./undo.js";
import { bindWidgets } from "./widgets.js";

const root = document.getElementById("task");
const task = JSON.parse(root.dataset.task);
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
const NO_COPY = "This browser keeps no copy of what you type; only the server does.";
const TAKE = `plaudit-take-${task.assignment}`;

function drawAll() {
  for (const show of shows) show();
}

let focused = null;

/** Let nothing be changed, and let that be seen; or everything again, from where the focus was. */
function freeze(isFrozen) {
  if (isFrozen && !store.isReadOnly) focused = document.activeElement;
  store.isReadOnly = isFrozen;
  root.classList.toggle("is-frozen", isFrozen);
  for (const field of root.querySelectorAll("[data-question] :is(input, select, textarea, button)")) {
    if (field.matches("[data-source]")) continue;
    field.disabled = isFrozen;
  }
  document.getElementById("submit").disabled = isFrozen;
  if (isFrozen) return;
  drawAll();
  const at = document.activeElement;
  if (at === null || at === document.body || at.closest("#notice")) focused?.focus();
}

function bindProgress() {
  const told = document.getElementById("progress");
  const needed = elements.filter((one) => one.dataset.required !== undefined);
  const show = () => {
    const done = needed.filter((one) => store.isAnswered(addressOf(one))).length;
    told.textContent = needed.length ? `${done} of ${needed.length} required answers` : "";
  };
  store.subscribe(show);
  show();
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
      notice("You are signed out. What you type is kept here. Sign in again in another tab, then reload this page.",
        [["Sign in", () => window.open("/sign-in", "_blank", "noopener")], ["Reload", () => location.reload()]], "warn");
    }
    if (state === "refused") {
      const fault = faultOf(told.refused, told.sent);
      if (fault) showFaults([fault], { isFocused: false });
      const name = fault ? `${nameOf(fault)}: ` : "";
      refusal = `${name}${sentence(told.message)} What you typed is kept here, and not yet on the server. You can go on.`;
      notice(refusal, [], "bad");
    }
    if (state === "saved" && isShown(refusal)) notice("");
  };
  const sync = new Sync(task, store, journal, { onState, activeMs: () => active.ms });
  const submit = new Submit(task, store, sync, journal, { onState, freeze });

  async function lost(message) {
    submit.abandon();
    sync.stop();
    freeze(true);
    showState("lost", {});
    const now = sync.isUnsure ? await taskAt(sync.path).catch(() => null) : null;
    if (now?.status === "submitted") {
      notice("Your submission had arrived before you went on. What you typed since then is kept here.",
        [["Open it again", () => post(`${sync.path}/reopen`)]], "warn");
    } else notice(sentence(message), [["Take it again", () => post(`${sync.path}/resume`)]], "warn");
  }

  function conflict() {
    submit.abandon();
    freeze(true);
    notice("This task was changed in another browser or tab. What you typed here is kept.",
      [["Load it here", () => location.reload()]], "warn");
  }

  const tabs = new Tabs(task.assignment, {
    onYield: async () => {
      submit.abandon();
      await sync.flush();
      sync.stop();
      freeze(true);
      notice("You went on with this task in another tab.", [["Continue here", takeOver]], "warn");
    },
    onRefused: () => {
      sync.stop();
      freeze(true);
      notice("This task is open in another tab.", [["Continue here", takeOver]], "warn");
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
  drawAll();
  sync.revision = from.revision;
  bindWhys(root, store);
  bindScores(root, store);
  bindSteps(root, store);
  bindSuggestions(root, store, addressOf);
  bindProgress();
  store.subscribe(({ key }) => { if (key !== null) redraw(key); });
  root.addEventListener("input", (event) => {
    const question = event.target.closest("[data-question]");
    if (question) clearFault(question);
  });

  const dialogs = bindDialogs(task, sync, journal);
  const toggleGuidelines = bindGuidelines(task);
  bindKeys({ task, store, sync, submit, layout, dialogs, toggleGuidelines });
  offer(() => sync.flush());

  if (!task.is_open) {
    freeze(true);
    sync.stop();
    const leftOutMs = isSubmitted ? leftOut(task, kept) : null;
    if (leftOutMs !== null) {
      notice(`What you typed here at ${clockOf(leftOutMs)} is no part of your submission. Open the task again to go on with it.`, [], "warn");
    }
    root.dataset.ready = "yes";
    return;
  }
  countdown = new Countdown(task, active, { path: sync.path, isStopped: () => sync.isStopped, onLost: lost });
  if (task.draft_ms !== null) showState("saved", { saved_ms: task.draft_ms });
  if (from.said) {
    const other = from.other;
    notice(from.said, other === null ? [["Close", () => notice("")]] : [
      ["Use the other version", () => { store.load(other); drawAll(); sync.changed(); notice(""); }],
      ["Close", () => notice("")],
    ]);
  }
  if (journal === null) notice(NO_COPY, [], "warn");
  await tabs.ask();
  // Until here nothing can be typed, as it would be nobody's.
  root.inert = false;
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
    notice(NO_COPY, [["Close", () => notice("")]], "warn");
  };
}

/** Draw the question that changed, wherever the change came from. */
function redraw(key) {
  for (const place of places.get(key) ?? []) shows[place]();
}

start();
