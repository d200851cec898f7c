/** Hand the answers in: once, however often it has to be sent. */

import { send } from "../net.js";
import { remember } from "./undo.js";
import { clearFaults, showFaults } from "./faults.js";
import { notice } from "./notice.js";

const RETRY_MS = 2000;

const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

export class Submit {
  #task;
  #store;
  #sync;
  #journal;
  #onState;
  #isBusy = false;
  #isCancelled = false;

  constructor(task, store, sync, journal, onState) {
    this.#task = task;
    this.#store = store;
    this.#sync = sync;
    this.#journal = journal;
    this.#onState = onState;
    document.getElementById("submit").addEventListener("click", () => this.press());
  }

  /** The person wants it submitted. */
  async press() {
    if (this.#isBusy || this.#store.isReadOnly || this.#sync.isStopped) return;
    clearFaults();
    const demanded = demandedFaults(this.#store);
    if (demanded.length) {
      showFaults(demanded);
      return;
    }
    await this.#go({ client_key: newKey(), answers: this.#store.list() });
  }

  /** Go on with a submission that this browser does not know to have arrived. */
  async resume(submission) {
    await this.#go(submission);
  }

  async #go(submission) {
    this.#isBusy = true;
    this.#isCancelled = false;
    this.#store.isReadOnly = true;
    this.#sync.stop();
    this.#sync.submitting = submission;
    this.#sync.keep();
    this.#onState("submitting", {});
    document.getElementById("submit").disabled = true;
    while (!this.#isCancelled) {
      try {
        const told = await send("POST", `${this.#sync.path}/submit`, {
          fence: this.#task.fence,
          ...submission,
          active_ms: Math.round(this.#sync.activeMs()),
          goes_on: true,
        });
        await this.#journal?.forget();
        remember(this.#sync.path);
        location.assign(told.next ?? `/work/${this.#task.project}`);
        return;
      } catch (refused) {
        if (!this.#mayRetry(refused)) {
          this.#giveUp(refused);
          return;
        }
        this.#onState("offline", {});
        notice(
          "The server cannot be reached. Your submission is kept here and sent as soon as it can be.",
          [["Go on editing", () => { this.#isCancelled = true; this.#backToWork(); notice(""); }]],
          "warn",
        );
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #mayRetry(refused) {
    return refused.status === 0 || refused.status >= 500 || refused.status === 429;
  }

  #giveUp(refused) {
    if (refused.code === "lease_lost" || refused.code === "not_found") {
      this.#sync.submitting = null;
      this.#sync.isDirty = true;
      this.#sync.keep();
      this.#onState("lost", { message: refused.message });
      return;
    }
    this.#backToWork();
    if (refused.code === "answers_rejected") {
      notice("");
      showFaults(refused.body.faults ?? []);
    } else if (refused.code === "signed_out" || refused.code === "cross_site") {
      this.#onState("signedout", {});
    } else {
      notice(refused.message, [], "bad");
    }
  }

  #backToWork() {
    this.#isBusy = false;
    this.#store.isReadOnly = false;
    this.#sync.submitting = null;
    this.#sync.isDirty = true;
    document.getElementById("submit").disabled = false;
    this.#sync.keep();
    this.#sync.resume();
  }
}

/** What the page alone demands: the first incorrect step of a response is to be put right. */
function demandedFaults(store) {
  return [...document.querySelectorAll("[data-demanded]")]
    .map((one) => JSON.parse(one.dataset.address))
    .filter((address) => !store.isAnswered(address))
    .map((address) => ({ ...address, message_index: address.message, message: "put the first incorrect step right" }));
}
