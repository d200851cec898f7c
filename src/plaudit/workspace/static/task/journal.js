/** The browser's own copy of what was typed, so that neither a closed tab nor a dead server loses it.
 *
 * One record for each assignment: {id, answers, revision, pending, isDirty, submit, writtenMs}.
 * `revision` is the last one that the server is known to have; `pending` is what was being sent as the
 * next one; `submit` is a submission that was not confirmed. Where the browser has no IndexedDB (some
 * do not in private windows) the page works, and says that this copy is missing.
 */

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Journal {
  #db;
  #id;

  constructor(db, id) {
    this.#db = db;
    this.#id = id;
  }

  /** The journal of an assignment; null where the browser keeps none. */
  static async open(id) {
    if (typeof indexedDB === "undefined") return null;
    const request = indexedDB.open("plaudit", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("drafts", { keyPath: "id" });
    try {
      return new Journal(await settled(request), id);
    } catch {
      return null;
    }
  }

  async read() {
    const found = this.#db.transaction("drafts").objectStore("drafts").get(this.#id);
    return (await settled(found)) ?? null;
  }

  /** Write at once: the transaction is committed without waiting for anything. */
  write(record) {
    const change = this.#db.transaction("drafts", "readwrite");
    change.objectStore("drafts").put({ ...record, id: this.#id, writtenMs: Date.now() });
    change.commit?.();
  }

  /** Forget this assignment, and what was left behind a month ago. */
  async forget() {
    const change = this.#db.transaction("drafts", "readwrite");
    const drafts = change.objectStore("drafts");
    drafts.delete(this.#id);
    for (const one of await settled(drafts.getAll())) {
      if (Date.now() - one.writtenMs > KEPT_MS) drafts.delete(one.id);
    }
  }
}
