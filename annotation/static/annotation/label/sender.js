/**
 * Brings operations to the server: kept on the device first, then posted, one request at a time, until acknowledged.
 *
 * `onreply({acked, conflicts, refused, theirs, version})` is called for every answer; `onclosed({message, reopens})` where
 * the item takes no more; `onstate` whenever what the save indicator has to say may have changed.
 */

import { send } from "./requests.js";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
// Another tab that made an operation sends it; if it does not, we do.
const OTHER_TAB_MS = 10_000;

export class Sender {
  constructor({ form, store, outbox, limits, onreply, onstate, onclosed }) {
    Object.assign(this, { form, store, outbox, limits, onreply, onstate, onclosed });
    this.kept = new Set();
    // Operations on their way to the device's store.
    this.keeping = new Set();
    this.busy = null;
    this.failures = 0;
    this.problem = "";
    this.message = "";
    this.timer = 0;
    // The server asked for patience until then.
    this.notBefore = 0;
    this.held = false;
    // Send one operation at a time, to find the one that makes the server refuse a whole request.
    this.alone = false;
    addEventListener("online", () => this.now());
    addEventListener("offline", () => this.onstate());
    addEventListener("focus", () => this.now());
    document.addEventListener("visibilitychange", () => document.hidden || this.now());
  }

  /** Keep an operation, then send it. */
  async add(op) {
    const put = this.outbox.put(op);
    this.keeping.add(put);
    await put;
    this.keeping.delete(put);
    this.kept.add(op.id);
    this.onstate();
    this.flush();
  }

  /** Operations that are already kept: from an earlier page load. */
  replay(ops) {
    ops.forEach((op) => this.kept.add(op.id));
    this.flush();
  }

  /** An operation of another tab: its own tab sends it, we only see to it that it is sent. */
  watch(op) {
    setTimeout(() => {
      if (this.store.ops.has(op.id)) this.replay([op]);
    }, OTHER_TAB_MS);
  }

  /** What waits to be sent, at most one request full. */
  batch() {
    const ops = [];
    let size = 0;
    for (const op of this.store.ops.values()) {
      if (!this.kept.has(op.id) || this.store.refused.has(op.id)) continue;
      size += encodeURIComponent(JSON.stringify(op)).length;
      if (ops.length && (ops.length >= this.limits.ops || size > this.limits.request || this.alone)) break;
      ops.push(op);
    }
    return ops;
  }

  /** Try at once, whatever the wait before the next attempt, unless the server asked to wait. */
  now() {
    if (Date.now() < this.notBefore) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.onstate();
    this.flush();
  }

  flush() {
    if (this.busy || this.timer || this.held) return;
    const ops = this.batch();
    if (ops.length) this.#run(ops);
  }

  #run(ops) {
    this.busy = this.#post(ops).finally(() => {
      this.busy = null;
      this.onstate();
      this.flush();
    });
    return this.busy;
  }

  /**
   * Send no more requests until `release()`: a submission carries what is left. Waits until everything is kept and the
   * running request is over. Resolves to whether what is left fits into one request, and nobody let go meanwhile.
   */
  async hold() {
    this.held = true;
    await Promise.all(this.keeping);
    await this.busy;
    while (this.held && this.#unsent() > this.batch().length) {
      const before = this.#unsent();
      await this.#run(this.batch());
      if (this.#unsent() >= before) return false;
    }
    return this.held;
  }

  #unsent() {
    return [...this.store.ops.keys()].filter((id) => this.kept.has(id) && !this.store.refused.has(id)).length;
  }

  /** These operations reached the server in a submission. */
  async delivered(ops) {
    const ids = ops.map((op) => op.id);
    this.store.acknowledge(ids);
    ids.forEach((id) => this.kept.delete(id));
    await this.outbox.remove(ids);
  }

  release() {
    this.held = false;
    this.flush();
  }

  async #post(ops) {
    this.onstate();
    const { status, body, retryAfter } = await send(this.form, "send-ops", ops);
    if (status === 200 || status === 409) {
      this.failures = 0;
      this.problem = "";
      this.alone = false;
      await this.settle(body);
    } else if (status === 400 || status === 413) {
      this.#refused(ops, body.message || "The server could not read this change.");
    } else {
      this.#failed(status, body, retryAfter);
    }
  }

  /** The wait is over, though a clock may have been set back. */
  #again() {
    this.notBefore = 0;
    this.now();
  }

  /** Act on a reply, whoever asked for it. */
  async settle(reply) {
    const before = this.store.version;
    this.store.acknowledge(reply.acked);
    // What was known to the server may have been changed since.
    this.store.learn(reply.theirs ?? []);
    this.store.version = Math.max(before, reply.version);
    this.onreply(reply, before);
    const gone = [...reply.acked, ...reply.conflicts.map((conflict) => conflict.op)];
    gone.forEach((id) => this.kept.delete(id));
    await this.outbox.remove(gone);
  }

  /** A request was refused as a whole: find the operation that spoils it by sending them one by one, and park it. */
  #refused(ops, message) {
    if (ops.length > 1) {
      this.alone = true;
      return;
    }
    this.alone = false;
    this.onreply({ acked: [], conflicts: [], refused: [{ op: ops[0].id, message }], theirs: [] }, this.store.version);
  }

  #failed(status, body, retryAfter) {
    this.failures += 1;
    // 403: the CSRF cookie is gone, with the session or alone; the sign-in page brings both back.
    this.problem = { 401: "signed-out", 403: "signed-out", 404: "not-yours", 410: "closed" }[status] ?? "failing";
    this.message = body.message ?? "";
    if (status === 410) this.onclosed(body);
    const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1)) * (0.5 + Math.random() / 2);
    this.notBefore = Date.now() + retryAfter * 1000;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#again(), Math.max(pause, retryAfter * 1000));
  }
}
