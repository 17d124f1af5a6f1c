/**
 * What number fields hold and do not take, which is no answer. It is kept on the device until the field takes what it holds,
 * or the answer is another one: a page that is loaded again says so, where the last good answer would stand without a word.
 */

import { forget, keep, kept } from "./device.js";
import { same } from "./ids.js";

export class Untaken {
  /** `owner` null: nothing is kept on the device. */
  constructor(owner) {
    this.prefix = owner === null ? null : `potato-untaken/${owner}/`;
    this.held = new Map();
  }

  /** What an earlier page load left, once the answers are those that it had: some may be on their way only. */
  recover() {
    for (const text of this.prefix ? Object.values(kept(this.prefix)) : []) {
      const held = JSON.parse(text);
      const name = nameOf(held.scheme, held.key);
      if (!this.held.has(name)) this.held.set(name, held);
    }
  }

  /** A field holds `text`, which is refused with `problem`: the answer is still `answer`. */
  keep(scheme, key, { text, problem, answer }) {
    const name = nameOf(scheme, key);
    const held = { scheme, key, text, problem, answer };
    this.held.set(name, held);
    if (this.prefix) keep(this.prefix + name, JSON.stringify(held));
  }

  /** {text, problem} of a field whose answer is `answer`; null where it holds nothing else. */
  of(scheme, key, answer) {
    const held = this.held.get(nameOf(scheme, key)) ?? null;
    if (held === null || same(held.answer, answer)) return held;
    this.forget(scheme, key);
    return null;
  }

  forget(scheme, key) {
    const name = nameOf(scheme, key);
    this.held.delete(name);
    if (this.prefix) forget(this.prefix + name);
  }

  /** The keys of one scheme whose fields hold something. */
  keys(scheme) {
    return [...this.held.values()].filter((held) => held.scheme === scheme).map(({ key }) => key);
  }
}

function nameOf(scheme, key) {
  return `${scheme}/${key}`;
}
