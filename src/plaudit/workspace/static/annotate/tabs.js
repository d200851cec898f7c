/** One tab works on a task; others that have it open only show it until they take it over.
 *
 * The tab at work holds a lock of that name, which the browser gives to one tab at a time and takes
 * from a tab that is closed. Where there are no locks (on plain HTTP away from this machine), and
 * while a page that was just left still has it, the tabs ask each other.
 */

const ANSWER_MS = 250;

export class Tabs {
  #channel;
  #name;
  #id = Math.random().toString(36).slice(2);
  #release = () => {};
  isActive = true;

  constructor(assignment, { onYield, onRefused }) {
    this.#name = `plaudit-${assignment}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = async ({ data }) => {
      if (data.from === this.#id) return;
      if (data.what === "hello" && this.isActive && !this.isAsking) this.#say("active");
      if (data.what === "take" && this.isActive) {
        this.isActive = false;
        await onYield();
        this.#release();
        this.#say("yielded");
      }
      if (data.what === "active" && this.isAsking) {
        this.isActive = false;
        onRefused();
      }
      if (data.what === "yielded") this.onYielded?.();
    };
  }

  /** Find out whether another tab works on this task; resolves when that is known. */
  async ask() {
    if (await this.#lock({ ifAvailable: true })) return;
    this.isAsking = true;
    this.#say("hello");
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    this.isAsking = false;
    if (this.isActive) this.#lock({});
  }

  /** Take the task over; resolves when the other tab has given it up, or is gone. */
  async take() {
    await new Promise((resolve) => {
      this.onYielded = resolve;
      this.#say("take");
      setTimeout(resolve, 2000);
    });
  }

  /** Hold the lock until this tab yields or goes; resolves to whether it has it. */
  #lock(options) {
    if (navigator.locks === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      navigator.locks.request(this.#name, options, (lock) => {
        resolve(lock !== null);
        return lock && new Promise((release) => { this.#release = release; });
      }).catch(() => resolve(false));
    });
  }

  #say(what) {
    this.#channel.postMessage({ what, from: this.#id });
  }
}
