/** A draft that was neither saved nor thrown away, kept by this browser for the page it was made on. */

const KEEP_MS = 7 * 24 * 3600 * 1000;

export class KeptDraft {
  /** `version` is that of what is stored, which the draft changes. */
  constructor(version) {
    this.name = `plaudit-draft-${location.pathname}`;
    this.version = version;
  }

  keep(text, isSubmitted = false) {
    try {
      localStorage.setItem(this.name, JSON.stringify({ text, isSubmitted, version: this.version, keptMs: Date.now() }));
    } catch {
      // a browser that keeps nothing asks before it leaves the page, and that is all
    }
  }

  drop() {
    localStorage.removeItem(this.name);
  }

  /** {text, isOlder} of a draft that differs from what is stored; null without one. What was sent while
   * other questions were stored has arrived, as far as anybody knows. */
  find(stored) {
    let kept;
    try {
      kept = JSON.parse(localStorage.getItem(this.name) ?? "null");
    } catch {
      return null;
    }
    const isOlder = kept?.version !== this.version;
    const isOver = !kept || kept.text === stored || (kept.isSubmitted && isOlder) || Date.now() - kept.keptMs > KEEP_MS;
    if (isOver) this.drop();
    return isOver ? null : { text: kept.text, isOlder };
  }
}
