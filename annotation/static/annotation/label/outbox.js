/**
 * Changes that the server does not have yet, kept on this device by person and assignment (machines are shared).
 *
 * IndexedDB where the browser lets us; otherwise memory, and `durable` is false: the page says so.
 */

const DATABASE = "potato-outbox";
const KEEP_MS = 30 * 24 * 3600 * 1000;

export class Outbox {
  static async open(owner) {
    const outbox = new Outbox(owner);
    try {
      outbox.database = await openDatabase();
    } catch {
      outbox.durable = false;
    }
    return outbox;
  }

  constructor(owner) {
    this.owner = owner;
    this.database = null;
    this.durable = true;
    this.order = 0;
  }

  /** Keep an operation. Resolves when it is written, or when it turned out that it cannot be. */
  async put(op) {
    this.order += 1;
    const record = { key: `${this.owner}/${op.id}`, owner: this.owner, at: Date.now(), order: this.order, op };
    await this.#write((store) => store.put(record));
  }

  async remove(ids) {
    // Nearly every submission carries nothing: the next page does not wait for the disk then.
    if (!ids.length) return;
    await this.#write((store) => ids.forEach((id) => store.delete(`${this.owner}/${id}`)));
  }

  /** What earlier page loads left, in the order it was made. */
  async all() {
    if (!this.database) return [];
    try {
      const records = await result(this.#store("readonly").index("owner").getAll(this.owner));
      records.sort((a, b) => a.at - b.at || a.order - b.order);
      const old = Date.now() - KEEP_MS;
      await this.remove(records.filter((record) => record.at < old).map((record) => record.op.id));
      return records.filter((record) => record.at >= old).map((record) => record.op);
    } catch {
      this.durable = false;
      return [];
    }
  }

  async #write(change) {
    if (!this.database) return;
    try {
      const store = this.#store("readwrite");
      change(store);
      await finished(store.transaction);
    } catch {
      // A full disk, or a browser that took the database away: the operation still lives in this page.
      this.durable = false;
    }
  }

  #store(mode) {
    return this.database.transaction("ops", mode).objectStore("ops");
  }
}

function openDatabase() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("ops", { keyPath: "key" }).createIndex("owner", "owner");
  };
  return result(request);
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
