/** Hand the answers in: once, however often it has to be sent. */

import { leaveFor } from "../shared/kept_focus.js";
import { send } from "../shared/net.js";
import { remember } from "./undo.js";
import { clearFaults, faultOf, showFaults } from "./faults.js";
import { notice, sentence } from "./notice.js";
import { t } from "../shared/texts.js";

const RETRY_MS = 2000;
const SLOW_MS = 5000;
const UNSURE_MS = 3000;
const SLOW = t("The server takes its time. Your submission is kept here until it answers.");
const AWAY = t("The server cannot be reached. Your submission is kept here and sent as soon as it can be.");

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

/** `required` are the addresses that must be answered. `freeze(isFrozen)` lets nothing be changed, or
 * everything again; `drawFaulty()` draws the questions of whose faults the page alone knows. */
export class Submit {
  #task;
  #store;
  #sync;
  #journal;
  #onState;
  #required;
  #freeze;
  #drawFaulty;

  /** The AbortController of the submission that is under way; whoever is not it any more does nothing. */
  #run = null;

  constructor(task, store, sync, journal, { required, onState, freeze, drawFaulty }) {
    this.#task = task;
    this.#store = store;
    this.#sync = sync;
    this.#journal = journal;
    this.#onState = onState;
    this.#required = required;
    this.#freeze = freeze;
    this.#drawFaulty = drawFaulty;
    document.getElementById("submit").addEventListener("click", () => this.press());
  }

  /** The person wants it submitted. */
  async press() {
    if (this.#run || this.#store.isReadOnly || this.#sync.isStopped) return;
    clearFaults();
    await this.#drawFaulty();
    // The task is taken up anew first if one was called off: what is made before would be refused.
    if (this.#sync.isUnsure) await Promise.race([this.#sync.flush(), later(UNSURE_MS)]);
    if (this.#run || this.#store.isReadOnly || this.#sync.isStopped) return; // pressed again meanwhile
    const found = ownFaults(this.#store);
    // Nobody else can say now what is missing.
    if (!navigator.onLine) found.push(...this.#missing());
    if (found.length) {
      showFaults(found);
      return;
    }
    await this.#go({ client_key: newKey(), lease_version: this.#task.lease_version, answers: this.#store.listAsked() });
  }

  /** Go on with a submission that this browser does not know to have arrived. */
  async resume(submission) {
    await this.#go(submission);
  }

  /** Send it no more; what is in the journal stays there, and so does the page as it is. */
  abandon() {
    this.#run?.abort();
    this.#run = null;
  }

  async #go(submission) {
    const run = new AbortController();
    this.#run = run;
    this.#freeze(true);
    this.#sync.stop();
    this.#sync.submitting = submission;
    this.#sync.keep();
    this.#onState("submitting", {});
    const slow = setTimeout(() => this.#offerWayBack(SLOW), SLOW_MS);
    run.signal.addEventListener("abort", () => clearTimeout(slow));
    try {
      while (this.#run === run) {
        try {
          this.#leave(run, await this.#send(submission, run));
          return;
        } catch (refused) {
          if (this.#run !== run) return;
          if (refused.status === undefined) throw refused; // a mistake of ours
          this.#sync.isUnsure ||= refused.status === 0 || refused.status >= 500;
          if (!refused.isPassing) {
            this.#giveUp(refused, submission.answers);
            return;
          }
        }
        this.#onState("offline", {});
        const found = this.#missing();
        if (found.length) {
          notice("");
          this.#backToWork();
          showFaults(found);
          return;
        }
        this.#offerWayBack(AWAY);
        await later(RETRY_MS);
      }
    } finally {
      clearTimeout(slow);
    }
  }

  /** What the form requires and nobody has answered; the server judges by the same rule. */
  #missing() {
    return this.#required
      .filter((address) => this.#store.isMissing(address))
      .map((address) => ({ ...address, message_index: address.message, message: t("an answer is required") }));
  }

  #send(submission, run) {
    const body = { ...submission, active_ms: Math.round(this.#sync.activeMs()), goes_on: true };
    return send("POST", `${this.#sync.path}/submit`, body, { signal: run.signal });
  }

  /** It has arrived. If it was called off at this very moment, the next draft is told so. */
  async #leave(run, { next }) {
    if (this.#run !== run) return;
    notice("");
    await this.#journal?.forget();
    remember(this.#sync.path);
    leaveFor(next ?? `/work/${this.#task.project}`);
  }

  #offerWayBack(text) {
    notice(text, [[t("Go on editing"), () => this.#callOff()]], "warn");
    // What was just disabled loses the focus only with the next frame.
    if (document.activeElement.matches("body, :disabled")) document.querySelector("#notice button").focus();
  }

  /** The person goes on editing. What was sent may have arrived, or still do so: see Sync. */
  #callOff() {
    this.abandon();
    this.#sync.isUnsure = true;
    notice("");
    this.#backToWork();
  }

  #giveUp(refused, sent) {
    if (refused.code === "lease_lost" || refused.code === "not_found") {
      this.abandon();
      this.#sync.submitting = null;
      this.#sync.isDirty = true;
      this.#sync.keep();
      this.#onState("lost", { message: refused.message });
      return;
    }
    notice("");
    this.#backToWork();
    const refusedAnswer = faultOf(refused, sent);
    if (refused.code === "answers_rejected") {
      showFaults(refused.body.faults ?? []);
    } else if (refusedAnswer) {
      showFaults([refusedAnswer]);
    } else if (refused.code === "signed_out" || refused.code === "cross_site") {
      this.#onState("signedout", {});
    } else {
      notice(t("Not submitted. %(reason)s Your answers are kept; you can go on, and submit again.", { reason: sentence(refused.message) }), [], "bad");
    }
  }

  #backToWork() {
    this.abandon();
    this.#sync.submitting = null;
    this.#sync.isDirty = true;
    this.#freeze(false);
    this.#sync.keep();
    this.#sync.resume();
  }
}

/** What the page alone finds: a first incorrect step that is not put right, and what is no number. */
function ownFaults(store) {
  const faults = [];
  for (const question of document.querySelectorAll("[data-question]")) {
    const address = JSON.parse(question.dataset.address);
    const fault = (message) => faults.push({ ...address, message_index: address.message, message });
    if (question.closest("[data-unasked]")) continue;
    if (question.dataset.demanded !== undefined && !store.isAnswered(address)) fault("put the first incorrect step right");
    if (question.querySelector("input[type=number]")?.validity.badInput) fault("this is no number");
  }
  return faults;
}
