/** Clicks, input and keys, and what they do. One listener each for the whole page: a trace has thousands of buttons. */

import { byId } from "./dom.js";
import { startFiles, toggleFiles } from "./files.js";
import { isGuideOpen, listenToGuide, setGuide } from "./guide.js";
import { firstField } from "./inputs.js";
import { showIssue } from "./issue.js";
import { announce, dismiss } from "./notices.js";
import { listenToArrows } from "./numbers.js";
import { isSheetOpen, setSheet } from "./sheet.js";
import { listenToSkip, openSkip } from "./skip.js";
import { forgetMissing } from "./submit.js";

export function listen(parts) {
  const { page, trace, drafts, sender } = parts;
  document.addEventListener("click", (event) => clicked(parts, event));
  document.addEventListener("input", (event) => typed(page, event));
  document.addEventListener("keydown", (event) => leaveField(parts, event));
  listenToArrows(document);
  document.addEventListener("focusout", (event) => drafts.isWaiting(event.target) && drafts.flush(event.target));
  document.addEventListener("visibilitychange", () => document.hidden && drafts.flush());
  addEventListener("pagehide", () => drafts.flush());
  addEventListener("beforeunload", (event) => {
    if (!parts.outbox.durable && parts.store.ops.size) event.preventDefault();
  });
  trace.root.addEventListener("keydown", (event) => moveInGroup(event));
  trace.root.addEventListener("focusin", ({ target }) => rove(target));
  showIssue(trace.root);
  listenToGuide(parts.state);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  listenToSkip(parts.submission);
  byId("sheet-toggle").addEventListener("click", () => setSheet(!isSheetOpen()));
  startFiles();
  document.querySelectorAll("[data-toast]").forEach((toast) => setTimeout(() => toast.remove(), 10_000));
  sender.onstate();
}

function clicked(parts, event) {
  const link = event.target.closest("[data-step-link]");
  if (link) {
    event.preventDefault();
    setSheet(false);
    parts.trace.goTo(Number(link.dataset.stepLink), { block: "start" });
    return;
  }
  const question = event.target.closest("[data-question-link]");
  if (question) {
    event.preventDefault();
    const { panel } = parts.page.byName.get(question.dataset.questionLink);
    panel.scrollIntoView({ block: "nearest" });
    firstField(panel)?.focus();
    return;
  }
  const core = event.target.closest("[data-core]");
  if (core) {
    parts.folds.setAll(core.dataset.core === "expand_all");
    return;
  }
  const element = event.target.closest("[data-scheme] [data-action]");
  if (!element) return;
  const step = stepOf(element);
  parts.page.act(element.closest("[data-scheme]").dataset.scheme, element.dataset.action, element.dataset.value ?? "", {
    step,
    element,
    byKey: false,
  });
}

function typed(page, { target }) {
  const field = target.closest("[data-scheme] [data-key], [data-scheme] [data-part]");
  if (!field) return;
  if (page.store.isClosed) {
    page.paint();
    return;
  }
  const { painter, api } = page.byName.get(field.closest("[data-scheme]").dataset.scheme);
  const wasWrong = field.hasAttribute("aria-invalid");
  painter.input(field, api, { step: stepOf(field) });
  if (wasWrong && !field.hasAttribute("aria-invalid")) forgetMissing();
}

function stepOf(element) {
  const article = element.closest("article[data-step]");
  return article ? Number(article.dataset.step) : null;
}

/** Arrow keys move between the buttons of one step's group. */
function moveInGroup(event) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const group = by && event.target.matches("button.label-button") && event.target.closest(".label-buttons");
  if (!group) return;
  const buttons = [...group.querySelectorAll("button.label-button")];
  const next = buttons[(buttons.indexOf(event.target) + by + buttons.length) % buttons.length];
  event.preventDefault();
  next.focus();
}

/** One stop of the Tab key per group: the button that had the focus last. */
function rove(target) {
  const group = target.matches("button.label-button") && target.closest(".label-buttons");
  if (!group) return;
  for (const button of group.querySelectorAll("button.label-button")) button.tabIndex = button === target ? 0 : -1;
}

/** Every shortcut of the page: those of the schemes, and what each trace has. */
export function bindings(parts, help) {
  // Without suggestions their keys are free.
  const keys = parts.state.keys.filter((key) => !key.action.startsWith("accept") || key.scheme in parts.state.suggestions);
  const own = keys.map(({ scheme, key, action, value, text }) => ({
    key,
    text,
    action,
    repeats: GOES_ON.has(action),
    run: () => (MOVES[action] ? MOVES[action](parts) : useKey(parts, scheme, action, value)),
  }));
  const taken = new Set(own.map(({ key }) => key));
  const perStep = parts.state.keys.some(({ action }) => action === "next_unlabeled");
  const fits = ({ key }) => !taken.has(key) && (perStep || key !== "N") && !(parts.pair && OF_ONE_TRACE.has(key));
  return [...joined(own), ...arrows(parts), ...common(parts, help).filter(fits)];
}

/** An action that several schemes have on one key is done for each of them; moving is done once. */
function joined(bindings) {
  const all = new Map();
  for (const binding of bindings) {
    const before = all.get(binding.key);
    if (!before) all.set(binding.key, { ...binding, runs: [binding.run] });
    else if (!MOVES[binding.action]) before.runs.push(binding.run);
  }
  return [...all.values()].map(({ runs, ...binding }) => ({ ...binding, run: () => runs.forEach((run) => run()) }));
}

/** Of a pair the arrow keys choose as well. */
function arrows(parts) {
  const sides = { ArrowLeft: "left", ArrowRight: "right" };
  return Object.entries(parts.pair ? sides : {}).flatMap(([key, side]) => {
    const choice = parts.state.keys.find(({ action, value }) => action === "choose" && value === side);
    return choice ? [{ key, text: choice.text, run: () => useKey(parts, choice.scheme, "choose", side) }] : [];
  });
}

const OF_ONE_TRACE = new Set(["]", "[", "o", "t"]);

const GOES_ON = new Set(["next_step", "previous_step", "pair_next", "pair_previous", "next_unlabeled"]);

const MOVES = {
  next_step: ({ trace, page }) => page.moves(1) || trace.goTo(trace.current + 1),
  previous_step: ({ trace, page }) => page.moves(-1) || trace.goTo(trace.current - 1),
  pair_next: ({ pair }) => pair.step(1),
  pair_previous: ({ pair }) => pair.step(-1),
  pair_other: ({ pair }) => pair.other(),
  pair_sync: ({ pair }) => pair.toggleSync(),
  pair_layout: ({ pair }) => pair.toggleLayout(),
  next_unlabeled: ({ trace, page }) => jump(trace, page.nextUnlabeled(trace.current) ?? page.nextUnlabeled(-1)),
};

function common(parts, help) {
  const { trace, page, submission, voices, search, folds } = parts;
  return [
    ...(voices ? [{ key: "b", text: "Show or hide what others answered", run: () => voices.toggle({ focus: true }) }] : []),
    {
      key: "N",
      text: "Previous unlabeled step",
      repeats: true,
      run: () => jump(trace, page.nextUnlabeled(trace.current, { back: true })),
    },
    { key: "]", text: "Next file change", repeats: true, run: () => jump(trace, nextChange(parts, 1)) },
    { key: "[", text: "Previous file change", repeats: true, run: () => jump(trace, nextChange(parts, -1)) },
    { key: "h", text: "Open or close the guide", run: () => setGuide(!isGuideOpen()) },
    { key: "i", text: "To the questions", run: () => toQuestions(page) },
    { key: "o", text: "Open or close the step", run: () => openStep(trace) },
    { key: "O", text: "Open or close all steps", run: () => folds.toggleAll() },
    { key: "t", text: "Show or hide the files", run: toggleFiles },
    ...(search ? [{ key: "/", text: "Search in the trace", run: () => search.open() }] : []),
    { key: "z", text: "Undo", run: () => undo(parts) },
    { key: "Z", text: "Redo", run: () => undo(parts, { redo: true }) },
    ...page.entries.flatMap(({ scheme, painter }) => keysOf(parts, scheme, painter.keys ?? [])),
    { key: "Enter", text: "Review and submit", run: () => submission.begin() },
    { key: "Escape", text: "Back", run: () => escape(parts) },
    { key: "g s", text: byId("skip").dataset.key, run: openSkip },
    { key: "?", text: "This list", run: help },
  ];
}

/** The keys of a painter, which give way to those of the project. */
function keysOf(parts, { name }, keys) {
  return keys.map(({ key, action, text }) => ({ key, text, run: () => useKey(parts, name, action, "") }));
}

function jump(trace, step) {
  if (step !== null && step !== undefined) trace.goTo(step);
}

/** The first question in the panel that is still open, else the first. */
function toQuestions(page) {
  setSheet(true);
  const panels = page.asked().filter(({ panel }) => panel && firstField(panel));
  const open = panels.find(({ scheme, painter, api }) => scheme.required && painter.missing(api).length);
  const [first] = open ? [open] : panels;
  if (first) firstField(first.panel).focus();
}

/** Escape in a field, or at a button of the panel, goes back to the step, where Enter submits and single keys work. */
function leaveField({ trace, pair }, event) {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  const isField = event.target.matches("[data-scheme] :is(input, select, textarea)");
  // A button needs no Escape of its own: the guide's comes first.
  const isButton = !isGuideOpen() && event.target.matches(".question :is(button, summary)");
  if (!isField && !isButton) return;
  event.preventDefault();
  setSheet(false);
  event.target.blur();
  if (pair) pair.focus();
  else trace.goTo(trace.current);
}

function nextChange({ state, trace }, by) {
  const behind = (step) => (by > 0 ? step > trace.current : step < trace.current);
  const found = state.changes.filter(behind);
  return (by > 0 ? found[0] : found.at(-1)) ?? null;
}

function openStep(trace) {
  const parts = [...(trace.article(trace.current)?.querySelectorAll("details") ?? [])];
  const open = !parts.some((part) => part.open);
  parts.forEach((part) => (part.open = open));
}

function escape({ page, submission, search }) {
  if (submission.busy) {
    submission.stopWaiting();
    return;
  }
  if (page.leaves()) return;
  if (isGuideOpen()) setGuide(false);
  else if (search?.isOpen) search.stay();
  else if (submission.isReviewing) submission.back();
  else setSheet(false);
}

/** A label by its key: on to the next step that still lacks one, if this one is complete now and was not before. */
function useKey(parts, scheme, action, value) {
  const { page, trace } = parts;
  const step = trace.current;
  if (trace.going) {
    // It is meant for the step on its way: on this one, the same key again would take the label away.
    trace.going.then(() => trace.current !== step && useKey(parts, scheme, action, value));
    return;
  }
  const before = page.isLabeled(step);
  const pressed = JSON.stringify([scheme, action, value]);
  if (before && parts.last === pressed) {
    // Meant for a step behind, of which there is none: the key in a row would take the last label away.
    announce("This step has its label, and none behind it waits for one.");
    return;
  }
  parts.last = null;
  page.act(scheme, action, value, { step, element: null, byKey: true });
  // A step that takes several choices is not left at the first.
  const perStep = page.byName.get(scheme).scheme.scope === "step" && !["first_error", "toggle"].includes(action);
  if (!perStep || before || !page.isLabeled(step)) return;
  const next = page.nextUnlabeled(step);
  if (next === null) parts.last = pressed;
  else trace.goTo(next);
}

/** Take the person to what was undone. With nothing to undo, `z` takes back the submission just made. */
function undo({ store, trace }, options) {
  if (store.isClosed) {
    announce(store.closed);
    return;
  }
  const change = store.undo(options);
  if (!change) {
    document.querySelector("[data-toast] form")?.requestSubmit();
    return;
  }
  if (change.group) dismiss("taken");
  const [key, value] = Object.entries(change.set)[0];
  const step = /^\d+$/.test(key) ? Number(key) : (value?.step ?? value?.anchor?.step);
  if (Number.isInteger(step)) trace.goTo(step);
}
