/** Bring the answers to the server: within a second, one request at a time, each with its revision.
 *
 * A request that got no answer is sent again as it was, under the same revision: if it had arrived,
 * that changes nothing. Only then follows what was typed since. States: saved, saving, offline,
 * signedout, lost (the lease), conflict (another tab or browser saved), refused (not as it is; what is
 * typed next is tried again).
 */

import { send, taskAt } from "../shared/net.js";

const WAIT_MS = 500;
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const ENDS = { lease_lost: "lost", not_found: "lost", forbidden: "lost", draft_conflict: "conflict" };
const SIGNED_OUT = ["signed_out", "cross_site"];

export class Sync {
  revision;
  pending = null;
  isDirty = false;
  submitting = null;
  isStopped = false;

  /** Whether a submission was called off of which nobody knows what became. */
  isUnsure = false;

  #task;
  #store;
  #journal;
  #onState;
  #timer = 0;
  #running = null;
  #failures = 0;

  constructor(task, store, journal, { onState, activeMs }) {
    this.#task = task;
    this.#store = store;
    this.#journal = journal;
    this.#onState = onState;
    this.activeMs = activeMs;
    this.revision = task.revision;
    this.path = `/work/${task.project}/tasks/${task.assignment}`;
    store.subscribe((change) => { if (change.isOwn) this.changed(); });
    addEventListener("online", () => this.#schedule(0));
    addEventListener("offline", () => { if (!this.isStopped) this.#onState("offline", {}); });
    addEventListener("pagehide", () => this.#leave());
  }

  /** Something was typed: keep it here now, and on the server soon. */
  changed() {
    this.isDirty = true;
    this.#schedule(this.#failures ? RETRY_MS[0] : WAIT_MS);
    this.keep();
    if (!this.isStopped && !this.#failures) this.#onState("saving", {});
  }

  /** Write down in the browser where we are. */
  keep() {
    this.#journal?.write({
      answers: this.#store.list(),
      revision: this.revision,
      pending: this.pending,
      isDirty: this.isDirty || this.pending !== null,
      submit: this.submitting,
    });
  }

  /** Save until nothing is left to save, or the server cannot be reached. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#running ??= this.#work().finally(() => { this.#running = null; });
    return this.#running;
  }

  /** Save no more: somebody else holds the task, or it is submitted. */
  stop() {
    this.isStopped = true;
    clearTimeout(this.#timer);
  }

  resume() {
    this.isStopped = false;
    if (this.isDirty || this.pending) this.#schedule(0);
  }

  #schedule(wait) {
    if (this.isStopped || (!this.isDirty && !this.pending)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), wait);
  }

  async #work() {
    while ((this.isDirty || this.pending) && !this.isStopped) {
      try {
        if (this.isUnsure) await this.#takeAnew();
        if (this.isStopped) return;
        if (!this.pending) {
          this.pending = { revision: this.revision + 1, answers: this.#store.list() };
          this.isDirty = false;
          this.keep();
        }
        const kept = await send("POST", `${this.path}/draft`, this.#body());
        this.#failures = 0;
        this.revision = kept.revision;
        this.pending = null;
        this.keep();
        this.#onState(this.isDirty ? "saving" : "saved", kept);
      } catch (refused) {
        this.#tell(refused);
        return;
      }
    }
  }

  /** Take the task up anew, under another lease_version: a submission that was called off and is still on its
   * way is then refused. If it has arrived, this is refused, and so is the draft, which tells why. */
  async #takeAnew() {
    const now = await taskAt(`${this.path}/resume`, "POST");
    if (now === null) return;
    this.#task.lease_version = now.lease_version;
    this.isUnsure = false;
  }

  #body() {
    return { lease_version: this.#task.lease_version, ...this.pending, active_ms: Math.round(this.activeMs()) };
  }

  /** Say what a refusal means, and try again if that may help. */
  #tell(refused) {
    if (refused.status === undefined) throw refused; // a mistake of ours
    if (this.isStopped) return; // what becomes of the submission says more
    const end = ENDS[refused.code];
    if (end) {
      this.stop();
      this.#onState(end, { message: refused.message });
      return;
    }
    const isSignedOut = SIGNED_OUT.includes(refused.code);
    const isRefused = !isSignedOut && !refused.isPassing;
    const isNew = this.isDirty;
    const sent = this.pending?.answers ?? [];
    if (isRefused && this.pending) {
      // The same again would come to the same; what is typed meanwhile may not.
      this.pending = null;
      this.isDirty = true;
      this.keep();
    }
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
    this.#failures += 1;
    this.#onState(isSignedOut ? "signedout" : isRefused ? "refused" : "offline", { message: refused.message, refused, sent });
    if (!isRefused || isNew || refused.status >= 500) this.#schedule(wait);
  }

  /** The page goes away: try to send what is not yet saved, without waiting for an answer. */
  #leave() {
    if (this.isStopped || (!this.isDirty && !this.pending)) return;
    this.keep();
    if (this.pending) return; // under way, or to be repeated as it was: the journal has the rest
    this.pending = { revision: this.revision + 1, answers: this.#store.list() };
    this.isDirty = false;
    this.keep();
    send("POST", `${this.path}/draft`, this.#body(), { keepalive: true }).then(
      (kept) => { this.revision = kept.revision; this.pending = null; this.keep(); },
      () => {},
    );
  }
}
