/**
 * The page's schemes: who paints what, which are shown, what is still missing.
 *
 * What a painter gets as `api`:
 *   scheme                  the scheme's page state: name, title, type, scope, and what its page_state() gives
 *   nSteps, stepTypes       the shape of the trace
 *   suggested(key)          what came with the trace for this key, or null; suggestedBy: from whom
 *   steps(), asks(step)     the steps it is asked of now
 *   colors                  whether this scheme colours the steps (the first one with a control on them)
 *   answers(), value(key)   the answers on screen; value is null where there is none
 *   set(changes, options)   change keys; {undoable: false} keeps it out of undo
 *   stateOf(key)            "saved", "pending", "refused"
 *   typed(element, read, options)  text was typed: read() gives the change; saved after a pause
 *   isTyping(element)       it has text that is not a change yet
 *   held(key)               {text, problem}: what its field holds and does not take, which is no answer; or null
 *   hold(key, held), settle(key)    it holds such a text; it does no more
 *   step()                  the current step
 *   goTo(step, options)     make a step the current one; {block: "start"} scrolls it to the top
 *   announce(text)          tell a screen reader
 */

import { announce } from "./notices.js";
import { painterOf } from "./registry.js";

export class Page {
  constructor({ state, store, drafts, untaken, trace }) {
    Object.assign(this, { state, store, drafts, untaken, trace });
    const colouring = state.schemes.find((scheme) => scheme.scope === "step");
    this.entries = state.schemes.map((scheme) => ({
      scheme,
      painter: painterOf(scheme.type),
      panel: document.querySelector(`.question[data-scheme="${scheme.name}"]`),
      api: this.#api(scheme, scheme === colouring),
      steps: stepsFor(scheme, state.step_types),
    }));
    this.byName = new Map(this.entries.map((entry) => [entry.scheme.name, entry]));
    this.shown = null;
  }

  #api(scheme, colors) {
    const { store, drafts, untaken, trace, state } = this;
    return {
      scheme,
      colors,
      nSteps: state.step_types.length,
      stepTypes: state.step_types,
      steps: () => this.visible().get(scheme.name) ?? [],
      suggested: (key) => state.suggestions[scheme.name]?.answers[key] ?? null,
      suggestedBy: state.suggestions[scheme.name]?.by ?? "",
      asks: (step) => this.isAskedAt(scheme, step),
      answers: () => store.answers(scheme.name),
      value: (key) => store.value(scheme.name, key),
      set: (changes, options) => store.set(scheme.name, changes, options),
      stateOf: (key) => store.stateOf(scheme.name, key),
      typed: (element, read, options) => drafts.typed(element, scheme.name, read, options),
      isTyping: (element) => drafts.isWaiting(element),
      held: (key) => untaken.of(scheme.name, key, store.value(scheme.name, key)),
      hold: (key, held) => untaken.keep(scheme.name, key, { ...held, answer: store.value(scheme.name, key) }),
      settle: (key) => untaken.forget(scheme.name, key),
      step: () => trace.current,
      goTo: (step, options) => trace.goTo(step, options),
      announce,
    };
  }

  /** Paint what `changes` ([{scheme, key}]) touch; all of it without them. */
  paint(changes = null) {
    this.shown = null;
    for (const entry of this.entries) {
      const keys = changes?.filter(({ scheme }) => scheme === entry.scheme.name).map(({ key }) => key);
      if (keys && !keys.length) continue;
      if (entry.panel) entry.painter.panel(entry.panel, entry.api);
      if (entry.scheme.scope !== "item") this.#paintSteps(entry, keys);
    }
    this.#showAndHide();
  }

  #paintSteps({ scheme, painter, api }, keys) {
    const only = keys?.every((key) => /^\d+$/.test(key)) ? new Set(keys.map(Number)) : null;
    for (const controls of this.trace.controls()) {
      if (only && !only.has(controls.step)) continue;
      const element = controls.querySelector(`[data-scheme="${scheme.name}"]`);
      if (element) painter.step(element, controls.step, api);
    }
  }

  /** Paint the controls of a step that has just arrived. */
  paintControls(controls) {
    for (const element of controls.querySelectorAll("[data-scheme]")) {
      const { painter, api, scheme } = this.byName.get(element.dataset.scheme);
      painter.step(element, controls.step, api);
      element.hidden = !this.isAskedAt(scheme, controls.step);
    }
  }

  /** Name of each scheme that is asked → the steps it is asked of, by the rules of annotation.answers.show_if. */
  visible() {
    if (this.shown) return this.shown;
    const known = new Map();
    const shown = (name) => {
      if (!known.has(name)) known.set(name, this.#narrowed(this.byName.get(name), shown));
      return known.get(name);
    };
    const names = this.state.schemes.map((scheme) => scheme.name);
    this.shown = new Map(names.map((name) => [name, shown(name)]).filter(([, steps]) => steps));
    return this.shown;
  }

  /** The steps a scheme is asked of; null where it is not asked at all. */
  #narrowed({ scheme, painter, api, steps: all }, shown) {
    const condition = this.state.show_if[scheme.name];
    const steps = painter.narrow(all, api.answers(), scheme);
    if (!condition) return steps;
    const other = this.byName.get(condition.field);
    const about = other && shown(condition.field);
    if (!about) return null;
    const answers = other.painter.final(other.api.answers(), other.scheme, about);
    if (!condition.per_step) return holds(condition, other, answers, about) ? steps : null;
    const meets = perStep(condition, other, answers, about);
    const left = steps.filter((step) => includes(about, step) && meets(step));
    return left.length ? left : null;
  }

  isAskedAt(scheme, step) {
    const steps = this.visible().get(scheme.name);
    return Boolean(steps) && (scheme.scope !== "step" || includes(steps, step));
  }

  #showAndHide() {
    const shown = this.visible();
    for (const { scheme, panel, painter, api } of this.entries) {
      const hidden = !shown.has(scheme.name);
      if (panel && panel.hidden !== hidden) panel.hidden = hidden;
      // Which steps are asked about changes with the answers, or never: then it was right when they arrived.
      if (!this.state.show_if[scheme.name] && !painter.narrows(scheme)) continue;
      for (const controls of this.trace.controls()) {
        const element = controls.querySelector(`[data-scheme="${scheme.name}"]`);
        const isHidden = !this.isAskedAt(scheme, controls.step);
        if (!element || element.hidden === isHidden) continue;
        element.hidden = isHidden;
        painter.step(element, controls.step, api);
      }
    }
  }

  asked() {
    const shown = this.visible();
    return this.entries.filter(({ scheme }) => shown.has(scheme.name));
  }

  /**
   * [{scheme, message, step?}]: what the server would miss. It decides; this saves a round trip. And the fields that hold
   * what they do not take, of which the server knows nothing.
   */
  missing() {
    return this.asked().flatMap(({ scheme, painter, api }) => {
      const wrong = [...this.#wrong(scheme), ...this.#wrongFarAway(scheme, api)];
      const gaps = scheme.required ? painter.missing(api) : painter.unfinished(api);
      const others = gaps.filter(({ step }) => !wrong.some((gap) => gap.step === step));
      return [...wrong, ...others].map((gap) => ({ scheme: scheme.name, ...gap }));
    });
  }

  #wrong(scheme) {
    const fields = [...document.querySelectorAll(`[data-scheme="${scheme.name}"] [aria-invalid="true"]`)];
    return fields.filter((field) => !field.closest("[hidden]")).map((field) => {
      const step = field.closest("article[data-step]")?.dataset.step;
      return wrongAt(scheme, step && Number(step), field.validationMessage);
    });
  }

  /** The same of steps that are not on the page yet, from an earlier load of it. */
  #wrongFarAway(scheme, api) {
    const steps = this.untaken.keys(scheme.name).filter((key) => /^\d+$/.test(key)).map(Number);
    const far = steps.filter((step) => !this.trace.article(step) && this.isAskedAt(scheme, step) && api.held(String(step)));
    return far.map((step) => wrongAt(scheme, step, api.held(String(step)).problem));
  }

  /** How many of the required questions are answered. */
  progress() {
    const required = this.asked().filter(({ scheme }) => scheme.required);
    const done = required.filter(({ painter, api }) => !painter.missing(api).length);
    return { done: done.length, total: required.length };
  }

  /** Whether a step has what is asked of it. What is optional counts only where nothing else is asked of steps. */
  isLabeled(step) {
    const perStep = this.asked().filter(({ scheme }) => scheme.scope === "step");
    const required = perStep.filter(({ scheme }) => scheme.required);
    return (required.length ? required : perStep).every(
      ({ scheme, painter, api }) => !this.isAskedAt(scheme, step) || painter.labeled(step, api),
    );
  }

  /** The first step behind (before, with `back`) `from` that still lacks a label; null when there is none. */
  nextUnlabeled(from, { back = false } = {}) {
    const by = back ? -1 : 1;
    for (let step = from + by; step >= 0 && step < this.state.step_types.length; step += by) {
      if (!this.isLabeled(step)) return step;
    }
    return null;
  }

  /** Where a person who has labeled steps before goes on: the first that lacks a label. Null: nothing is begun, or left. */
  resumesAt() {
    const steps = this.state.step_types.map((_, step) => step);
    const begun = this.asked().some(
      ({ scheme, painter, api }) =>
        scheme.scope === "step" && steps.some((step) => this.isAskedAt(scheme, step) && painter.labeled(step, api)),
    );
    return begun ? this.nextUnlabeled(-1) : null;
  }

  /** Whether a scheme takes "next step" (1) or "previous step" (-1) for itself: it moves between lines, say. */
  moves(by) {
    return this.asked().some(({ painter, api }) => painter.move?.(by, api));
  }

  /** Whether a scheme had something to leave by Escape. */
  leaves() {
    return this.asked().some(({ painter, api }) => painter.leave?.(api));
  }

  /** A scheme's element or key was used. */
  act(name, action, value, at) {
    const { painter, api } = this.byName.get(name);
    if (this.store.isClosed) announce(this.store.closed);
    else if (this.visible().has(name)) painter.action(action, value, api, at);
  }
}

function wrongAt({ title }, step, problem) {
  const place = step === undefined ? "" : ` at step ${step}`;
  return { message: `“${title}”${place}: ${problem}`, step };
}

function stepsFor(scheme, types) {
  const every = types.map((_, step) => step);
  return scheme.step_types?.length ? every.filter((step) => scheme.step_types.includes(types[step])) : every;
}

/** Whether a sorted list holds a number. */
function includes(steps, step) {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return steps[low] === step;
}

function holds(condition, { painter, scheme }, answers, steps) {
  if (condition.condition === "has_error") return painter.hasError(answers, scheme, steps);
  return met(condition, Object.values(painter.said(answers, scheme, steps)).flat());
}

function perStep(condition, { painter, scheme }, answers, steps) {
  if (condition.condition === "has_error") {
    const wrong = new Set(painter.errors(answers, scheme, steps));
    return (step) => wrong.has(step);
  }
  const said = painter.said(answers, scheme, steps);
  return (step) => met(condition, said[step] ?? []);
}

function met({ condition, values: wanted, at_least: least, at_most: most }, values) {
  const hits = values.filter((value) => wanted.includes(value)).length;
  if (condition === "not") return values.length > 0 && !hits;
  if (condition !== "count") return hits > 0;
  const count = wanted.length ? hits : values.length;
  return count >= (least ?? 0) && (most === null || count <= most);
}
