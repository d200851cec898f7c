/** One tab works on a task; others that have it open only show it until they take it over. */

const ANSWER_MS = 250;

export class Tabs {
  #channel;
  #id = Math.random().toString(36).slice(2);
  isActive = true;

  constructor(assignment, { onYield, onRefused }) {
    this.#channel = new BroadcastChannel(`plaudit-${assignment}`);
    this.#channel.onmessage = async ({ data }) => {
      if (data.from === this.#id) return;
      if (data.what === "hello" && this.isActive) this.#say("active");
      if (data.what === "take" && this.isActive) {
        this.isActive = false;
        await onYield();
        this.#say("yielded");
      }
      if (data.what === "active" && this.isAsking) {
        this.isActive = false;
        onRefused();
      }
      if (data.what === "yielded") this.onYielded?.();
    };
  }

  /** Ask whether another tab works on this task; resolves when it had time to say so. */
  async ask() {
    this.isAsking = true;
    this.#say("hello");
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    this.isAsking = false;
  }

  /** Take the task over; resolves when the other tab has given it up, or is gone. */
  async take() {
    await new Promise((resolve) => {
      this.onYielded = resolve;
      this.#say("take");
      setTimeout(resolve, 2000);
    });
  }

  #say(what) {
    this.#channel.postMessage({ what, from: this.#id });
  }
}
