/**
 * The answers as the page shows them: what the server has, with every change that is still on its way on top.
 *
 * A change is an operation `{id, tab, base, scheme, set, device_at}`; null in `set` removes a key. An operation leaves
 * when the server has acknowledged it, when it lost against another tab's, or when the person discards a refused one.
 */

import { newId, same } from "./ids.js";

export class Store {
  /** `onchange([{scheme, key}], isOther)` after every difference on screen; `isOther`: in a value, not only in its save state. */
  constructor({ version, answers, onchange, onop }) {
    this.tab = newId();
    // The newest version of the assignment whose changes are all on screen: the base of new operations.
    this.version = version;
    this.saved = structuredClone(answers);
    this.shown = structuredClone(answers);
    this.ops = new Map();
    // Operation id → what the server had against it.
    this.refused = new Map();
    // Why nothing may be changed, as a sentence; empty while it may. What is changed while a submission is on its way
    // would be none of it; and a page that saves no more takes nothing, to be sent should the item be open again one day.
    this.closed = "";
    this.undoable = [];
    this.redoable = [];
    this.onchange = onchange;
    this.onop = onop;
  }

  get isClosed() {
    return this.closed !== "";
  }

  answers(scheme) {
    return this.shown[scheme] ?? {};
  }

  value(scheme, key) {
    return this.answers(scheme)[key] ?? null;
  }

  /** "saved", "pending" or "refused": what the server knows of the value on screen. */
  stateOf(scheme, key) {
    let state = "saved";
    for (const op of this.ops.values()) {
      if (op.scheme === scheme && Object.hasOwn(op.set, key)) state = this.refused.has(op.id) ? "refused" : "pending";
    }
    return state;
  }

  /**
   * Change keys of one scheme. Returns whether anything differs now. Changes of one `group` are undone together; one that
   * was `made` before the store was closed is kept all the same. `base` and `tab` of one that was begun earlier are those
   * of then.
   */
  set(scheme, changes, { undoable = true, group = null, made = false, base = this.version, tab = this.tab } = {}) {
    if (this.isClosed && !made) return false;
    const set = {};
    const before = {};
    for (const [key, value] of Object.entries(changes)) {
      const now = this.value(scheme, key);
      if (same(now, value)) continue;
      set[key] = value;
      before[key] = now;
    }
    if (!Object.keys(set).length) return false;
    if (undoable) {
      this.undoable.push({ scheme, set: before, group });
      this.redoable.length = 0;
    }
    const op = { id: newId(), tab, base, scheme, set, device_at: new Date().toISOString() };
    this.adopt(op);
    this.onop(op);
    return true;
  }

  /** Take back the last change (or, with `redo`, take back the taking back). Returns the step it was about, or null. */
  undo({ redo = false } = {}) {
    if (this.isClosed) return null;
    const [from, to] = redo ? [this.redoable, this.undoable] : [this.undoable, this.redoable];
    const last = from.at(-1) ?? null;
    do this.#takeBack(from, to);
    while (last?.group && from.at(-1)?.group === last.group);
    return last;
  }

  #takeBack(from, to) {
    const change = from.pop();
    if (!change) return;
    const before = Object.fromEntries(Object.keys(change.set).map((key) => [key, this.value(change.scheme, key)]));
    to.push({ ...change, set: before });
    this.set(change.scheme, change.set, { undoable: false });
  }

  /** Show an operation: a new one, one left from an earlier page load, or one another tab has just made. */
  adopt(op) {
    if (this.ops.has(op.id)) return;
    this.ops.set(op.id, op);
    this.#show(op.scheme, op.set);
  }

  /** The server has these operations. */
  acknowledge(ids) {
    for (const id of ids) {
      const op = this.ops.get(id);
      if (!op) continue;
      this.ops.delete(id);
      this.refused.delete(id);
      apply(this.saved, op.scheme, op.set);
      this.#recompute(op.scheme, Object.keys(op.set));
    }
  }

  /** Forget operations that will not be saved; what the server has is shown again. */
  discard(ids) {
    for (const id of ids) {
      const op = this.ops.get(id);
      if (!op) continue;
      this.ops.delete(id);
      this.refused.delete(id);
      this.#recompute(op.scheme, Object.keys(op.set));
    }
  }

  refuse(id, message) {
    const op = this.ops.get(id);
    if (!op) return;
    this.refused.set(id, message);
    this.#changed(op.scheme, Object.keys(op.set), false);
  }

  /** Values that somebody else's operations have set on the server: `[{scheme, key, value}]`. */
  learn(values) {
    for (const { scheme, key, value } of values) {
      apply(this.saved, scheme, { [key]: value });
      this.#recompute(scheme, [key]);
    }
  }

  #show(scheme, set) {
    const isOther = Object.entries(set).some(([key, value]) => !same(this.value(scheme, key), value));
    apply(this.shown, scheme, set);
    this.#changed(scheme, Object.keys(set), isOther);
  }

  #recompute(scheme, keys) {
    const set = {};
    for (const key of keys) set[key] = this.saved[scheme]?.[key] ?? null;
    for (const op of this.ops.values()) {
      if (op.scheme !== scheme) continue;
      for (const key of keys) if (Object.hasOwn(op.set, key)) set[key] = op.set[key];
    }
    this.#show(scheme, set);
  }

  #changed(scheme, keys, isOther) {
    this.onchange(keys.map((key) => ({ scheme, key })), isOther);
  }
}

function apply(answers, scheme, set) {
  const values = (answers[scheme] ??= {});
  for (const [key, value] of Object.entries(set)) {
    if (value === null) delete values[key];
    else values[key] = value;
  }
}
