/** What the server did not take: refused changes wait for the person; of conflicting ones both values are named. */

import { plainValues } from "./generic.js";
import { notify } from "./notices.js";

/** A refused change stays on screen, marked, until it is tried again or discarded. */
export function refusals({ store, sender, outbox, page }, reply) {
  for (const { op: id, message } of reply.refused) {
    const op = store.ops.get(id);
    if (!op) continue;
    store.refuse(id, message);
    notify(`op-${id}`, `${where(page, op.scheme, Object.keys(op.set)[0])} “${words(page, op)}” was not saved: ${message}.`, [
      {
        text: "Try again",
        run() {
          store.refused.delete(id);
          sender.replay([op]);
        },
      },
      {
        text: "Discard",
        run() {
          store.discard([id]);
          outbox.remove([id]);
          sender.onstate();
        },
      },
    ]);
  }
}

/**
 * Another tab was first, or the item was left as it was: that value is shown, ours is offered again, and keys it did not
 * touch are saved anew.
 */
export function conflicts({ store, page }, reply) {
  const lost = new Map();
  for (const conflict of reply.conflicts) {
    const op = store.ops.get(conflict.op);
    if (!op) continue;
    lost.set(op, [...(lost.get(op) ?? []), conflict]);
  }
  store.learn(reply.conflicts.filter(({ key }) => key !== null));
  store.discard([...lost.keys()].map((op) => op.id));
  for (const [op, clashes] of lost) {
    const named = clashes.filter(({ key }) => key !== null);
    const keys = named.map(({ key }) => key);
    const rest = Object.entries(op.set).filter(([key]) => !keys.includes(key));
    if (keys.length && rest.length) store.set(op.scheme, Object.fromEntries(rest), { undoable: false, made: true });
    for (const clash of named) tell(store, page, op, clash);
  }
}

function tell(store, page, op, { key, was_left: wasLeft }) {
  const theirs = text(page, op.scheme, key, store.value(op.scheme, key));
  const ours = text(page, op.scheme, key, op.set[key]);
  const words = wasLeft
    ? `the item was left as it was before your “${ours}” arrived. “${theirs}” was submitted, and is shown.`
    : `another tab set “${theirs}” before your “${ours}” arrived. Theirs is shown.`;
  notify(`clash-${op.scheme}-${key}`, `${where(page, op.scheme, key)} ${words}`, [
    { text: wasLeft ? "Keep that" : "Keep theirs", run() {} },
    { text: "Use mine", run: () => store.set(op.scheme, { [key]: op.set[key] }, { made: true }) },
  ]);
}

function where(page, scheme, key) {
  const title = page.byName.get(scheme)?.scheme.title ?? scheme;
  const place = /^\d+$/.test(key) ? `Step ${key}, ${title}` : title;
  return /[?!.:]$/.test(place) ? place : `${place}:`;
}

function words(page, op) {
  const changes = Object.entries(op.set);
  return changes.length === 1 ? text(page, op.scheme, ...changes[0]) : `${changes.length} changes`;
}

/** A stored value as a person reads it. */
function text(page, name, key, value) {
  const { scheme, painter } = page.byName.get(name) ?? {};
  const words = painter?.words?.(key, value);
  if (words) return words;
  if (value === null) return "no answer";
  const known = [...(scheme?.labels ?? []), ...(scheme?.choices ?? [])];
  if (typeof value === "object" && "step" in value) return value.step === null ? "all correct" : `step ${value.step}`;
  const plain = typeof value === "object" && value.anchor ? [value.draft ?? value.text] : plainValues(value);
  const said = plain.map((one) => known.find(({ value: own }) => own === one)?.text ?? String(one)).join(", ");
  return said.length > 60 ? `${said.slice(0, 60)}…` : said;
}
