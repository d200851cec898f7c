/** The browser's own copy of what was typed, so that neither a closed tab nor a dead server loses it.
 *
 * One record for each assignment: {id, answers, revision, pending, isDirty, submit, writtenMs}.
 * `revision` is the last one that the server is known to have; `pending` is what was being sent as the
 * next one; `submit` is a submission that was not confirmed. Where the browser has no IndexedDB (some
 * do not in private windows), or closes it for want of space, the page works, and says that this copy
 * is missing.
 */

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const NAME = "plaudit";
const DRAFTS = "drafts";

async function opened() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(DRAFTS, { keyPath: "id" });
  return settled(request);
}

export class Journal {
  /** Called for each record that could not be kept. */
  onLost = () => {};

  #db = null;
  #id;
  #record = null;
  #opening = null;

  constructor(db, id) {
    this.#id = id;
    this.#use(db);
  }

  /** The journal of an assignment; null where the browser keeps none. */
  static async open(id) {
    if (typeof indexedDB === "undefined") return null;
    try {
      return new Journal(await opened(), id);
    } catch {
      return null;
    }
  }

  /** What is kept; null if nothing is, or nothing can be read. */
  async read() {
    try {
      const found = this.#db.transaction(DRAFTS).objectStore(DRAFTS).get(this.#id);
      return (await settled(found)) ?? null;
    } catch {
      return null;
    }
  }

  /** Write at once: the transaction is committed without waiting for anything. Never throws. */
  write(record) {
    this.#record = { ...record, id: this.#id, writtenMs: Date.now() };
    try {
      this.#put();
    } catch {
      this.#openAgain();
    }
  }

  /** Forget this assignment, and what was left behind a month ago. Never throws. */
  async forget() {
    this.#record = null;
    try {
      const change = this.#db.transaction(DRAFTS, "readwrite");
      const drafts = change.objectStore(DRAFTS);
      drafts.delete(this.#id);
      for (const one of await settled(drafts.getAll())) {
        if (Date.now() - one.writtenMs > KEPT_MS) drafts.delete(one.id);
      }
    } catch {
      // What stays is not sent by itself: it belongs to an older lease_version or revision.
    }
  }

  #use(db) {
    this.#db = db;
    const drop = () => { if (this.#db === db) this.#db = null; };
    db.onclose = drop;
    db.onversionchange = () => { db.close(); drop(); };
  }

  #put() {
    const change = this.#db.transaction(DRAFTS, "readwrite");
    change.onabort = () => this.onLost(); // no space, for instance
    change.objectStore(DRAFTS).put(this.#record);
    change.commit?.();
  }

  /** The browser has closed the database: open it again, and keep there what was to be kept last. */
  #openAgain() {
    this.#db = null;
    this.#opening ??= opened()
      .then((db) => {
        this.#use(db);
        if (this.#record) this.#put();
      })
      .catch(() => this.onLost())
      .finally(() => { this.#opening = null; });
  }
}
