/**
 * Text on its way to an operation. It becomes one half a second after the last key, when the field is left, and before
 * submitting; until then every keystroke is kept in localStorage, so that a closed tab loses no word.
 *
 * With it is kept what the page had seen when the typing began: what somebody else wrote since is a conflict, not gone.
 */

import { forget, keep, kept } from "./device.js";

const PAUSE_MS = 500;

export class Drafts {
  /** `save(scheme, set, options)` makes the operation and resolves when it is kept; `origin()` gives its `{base, tab}`. */
  constructor(owner, save, origin) {
    this.prefix = `potato-draft/${owner}/`;
    Object.assign(this, { save, origin });
    this.waiting = new Map();
  }

  /** Something was typed: `read()` gives the change `{key: value}` when it is asked for, `options` are those of the change. */
  typed(element, scheme, read, options) {
    const name = `${this.prefix}${scheme}/${Object.keys(read())[0]}`;
    const before = this.waiting.get(element);
    const origin = before?.origin ?? this.origin();
    keep(name, JSON.stringify({ scheme, set: read(), ...origin }));
    clearTimeout(before?.timer);
    const timer = setTimeout(() => this.#flush(element), PAUSE_MS);
    this.waiting.set(element, { timer, name, scheme, read, options, origin });
  }

  isWaiting(element) {
    return this.waiting.has(element);
  }

  flush(element) {
    for (const waiting of [...this.waiting.keys()]) if (!element || waiting === element) this.#flush(waiting);
  }

  /** Text that an earlier page load had not turned into an operation. */
  recover() {
    for (const [name, text] of Object.entries(kept(this.prefix))) {
      const { scheme, set, base, tab } = JSON.parse(text);
      this.save(scheme, set, { undoable: false, base, tab }).then(() => forget(name));
    }
  }

  #flush(element) {
    const { timer, name, scheme, read, options, origin } = this.waiting.get(element);
    clearTimeout(timer);
    this.waiting.delete(element);
    this.save(scheme, read(), { ...options, ...origin }).then(() => {
      if (![...this.waiting.values()].some((other) => other.name === name)) forget(name);
    });
  }
}
