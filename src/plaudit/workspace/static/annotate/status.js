/** The head of the page: whether work is saved, how long it took, how long the task is held. */

import { send } from "../shared/net.js";
import { clockOf } from "./restore.js";
import { t, tn } from "../shared/texts.js";

const IDLE_MS = 60_000;
const BEAT_MS = 60_000;
const WARN_BELOW = 0.2;

const WORDS = {
  saving: t("Saving"),
  offline: t("Offline – kept here"),
  signedout: t("Signed out – kept here"),
  lost: t("Not saved on the server – kept here"),
  conflict: t("Changed elsewhere – kept here"),
  refused: t("Not taken by the server – kept here"),
  submitting: t("Submitting"),
};

/** Show a state of `Sync`; `told` is what the server said. */
export function showState(state, told) {
  const element = document.getElementById("save-state");
  const text = state === "saved" ? t("Saved %(time)s", { time: clockOf(told.saved_ms ?? Date.now()) }) : WORDS[state] ?? "";
  element.dataset.state = state;
  if (element.textContent !== text) element.textContent = text;
}

/** Time in which somebody was at it: the page is seen, and something was done within a minute. */
export class ActiveTime {
  #ms;
  #lastMs = performance.now();
  #doneMs = performance.now();

  constructor(ms) {
    this.#ms = ms;
    for (const type of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart", "scroll"]) {
      addEventListener(type, () => { this.#doneMs = performance.now(); }, { passive: true, capture: true });
    }
    setInterval(() => this.#tick(), 1000);
    this.#tick();
  }

  get ms() {
    return this.#ms;
  }

  get isActive() {
    return document.visibilityState === "visible" && performance.now() - this.#doneMs < IDLE_MS;
  }

  #tick() {
    const now = performance.now();
    // A sleeping machine is not at work.
    if (this.isActive) this.#ms += Math.min(now - this.#lastMs, 2000);
    this.#lastMs = now;
    const seconds = Math.floor(this.#ms / 1000);
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    document.getElementById("active-time").textContent = text;
  }
}

/** Renew the lease while somebody is at it, and count down when it is about to run out. */
export class Countdown {
  #endsMs = 0;

  constructor(task, active, { path, isStopped, onLost }) {
    this.renew(task.expires_ms, task.now_ms);
    const element = document.getElementById("countdown");
    setInterval(() => {
      const left = this.#endsMs - performance.now();
      element.hidden = isStopped() || left > task.lease_ms * WARN_BELOW;
      const minutes = Math.floor(left / 60_000);
      element.textContent = left <= 0 ? t("Time is up") : minutes ? tn("%(count)s min left", "%(count)s min left", minutes) : t("Less than a minute left");
    }, 1000);
    setInterval(async () => {
      if (isStopped() || !active.isActive) return;
      const { lease_version } = task;
      try {
        const kept = await send("POST", `${path}/heartbeat`, { lease_version, active_ms: Math.round(active.ms) });
        this.renew(kept.expires_ms);
      } catch (refused) {
        // Meanwhile it may have been submitted here, or taken up anew.
        if (refused.code === "lease_lost" && lease_version === task.lease_version && !isStopped()) onLost(refused.message);
      }
    }, Math.min(BEAT_MS, task.lease_ms / 4));
    this.lease_ms = task.lease_ms;
  }

  /** The lease ends then. Clocks differ, so without the server's time it lasts as long as leases do. */
  renew(expiresMs, nowMs) {
    const left = nowMs === undefined ? this.lease_ms : expiresMs - nowMs;
    this.#endsMs = performance.now() + left;
  }
}
