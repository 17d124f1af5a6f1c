/** The answers of several people on a trace, to be read: labels beside the steps, comments under their lines. */

import { byId } from "./label/dom.js";
import { startFiles, toggleFiles } from "./label/files.js";
import { Folds } from "./label/folds.js";
import { showIssue } from "./label/issue.js";
import { Keys, showHelp } from "./label/keys.js";
import { Pair } from "./label/pair.js";
import { OF_SEARCH } from "./label/places.js";
import { Search } from "./label/search.js";
import { isSheetOpen, setSheet } from "./label/sheet.js";
import { Trace } from "./label/trace.js";
import { element, said } from "./said.js";
import { articleOf, fileAt, isOfFile, placeOf, rowAt, unfold, wholeChange } from "./schemes/code_review/lines.js";

const state = JSON.parse(byId("reading-state").textContent);
state.comments.forEach((comment, number) => (comment.number = number));
let trace = null;
let folds = null;

function start() {
  const pair = Pair.find(state);
  trace = new Trace({
    root: byId("trace"),
    nSteps: state.n_steps,
    chunkSteps: state.chunk_steps,
    onarrive: fill,
    onmove(step) {
      if (!state.n_steps) return;
      byId("position").textContent = `#${step} · ${state.n_steps.toLocaleString("en")} step${state.n_steps === 1 ? "" : "s"}`;
    },
  });
  folds = new Folds(trace.root);
  const search = Search.find({ trace, pair });
  const bindings = [
    ...(search ? [{ key: "/", text: "Search in the trace", run: () => search.open() }] : []),
    { key: "Escape", text: "", run: () => search?.isOpen && search.stay() },
    { key: "j", text: "Next step", run: () => trace.goTo(trace.current + 1) },
    { key: "k", text: "Previous step", run: () => trace.goTo(trace.current - 1) },
    { key: "n", text: "Next step where people differ", run: () => jump(1) },
    { key: "N", text: "Previous step where people differ", run: () => jump(-1) },
    { key: "o", text: "Open or close all steps", run: () => folds.toggleAll() },
    { key: "t", text: "Show or hide the files", run: toggleFiles },
    { key: "?", text: "This list", run: showHelp },
  ];
  new Keys(bindings, search ? [OF_SEARCH] : []);
  document.addEventListener("click", clicked);
  byId("help-button").addEventListener("click", showHelp);
  byId("sheet-toggle").addEventListener("click", () => setSheet(!isSheetOpen()));
  const changes = byId("changes");
  if (changes) new MutationObserver(() => comment(null)).observe(changes, { childList: true });
  startFiles();
  showIssue(trace.root);
  document.body.dataset.ready = "";
}

/** What was said of one step, beside it, and the comments on its lines. */
function fill(controls) {
  const places = state.steps[controls.step] ?? [];
  controls.replaceChildren(...places.map(said));
  controls.closest("article").classList.toggle("no-controls", !places.length);
  comment(controls.step);
}

/** Put the comments of a step (null: of the whole change) under their lines. */
function comment(step) {
  for (const one of state.comments) {
    if (one.anchor.step !== step || boxOf(one.number)) continue;
    const article = articleOf(one.anchor);
    if (!article) continue;
    const row = rowAt(article, one.anchor);
    let last = row;
    while (last?.nextElementSibling?.matches(".review-comment")) last = last.nextElementSibling;
    if (last) last.after(box(one));
    else {
      const file = isOfFile(one.anchor) ? fileAt(article, one.anchor.file) : null;
      (file ?? article.querySelector(".step-body") ?? article).append(box(one));
    }
  }
}

function box({ number, name, text, category, resolved, anchor }) {
  const place = element("div", `review-comment${resolved ? " is-resolved" : ""}`);
  Object.assign(place, { tabIndex: -1, role: "group", ariaLabel: `Comment of ${name}, ${placeOf(anchor).toLowerCase()}` });
  place.dataset.number = number;
  const head = element("p", "review-head");
  head.append(element("strong", "", name), element("span", "", placeOf(anchor)));
  if (category) head.append(element("span", "review-tag", category));
  if (resolved) head.append(element("span", "review-tag review-done", "Resolved"));
  const words = element("p", "review-text", text);
  words.dir = "auto";
  place.append(head, words);
  return place;
}

function boxOf(number) {
  return document.querySelector(`.review-comment[data-number="${number}"]`);
}

function jump(by) {
  const behind = state.differing.filter((step) => (by > 0 ? step > trace.current : step < trace.current));
  const next = by > 0 ? behind[0] : behind.at(-1);
  if (next !== undefined) trace.goTo(next, { block: "start" });
}

async function clicked(event) {
  const link = event.target.closest("[data-step-link]");
  const core = event.target.closest("[data-core]");
  const told = event.target.closest("[data-comment-link]");
  if (link) {
    event.preventDefault();
    setSheet(false);
    trace.goTo(Number(link.dataset.stepLink), { block: "start" });
  } else if (core) {
    folds.setAll(core.dataset.core === "expand_all");
  } else if (told) {
    setSheet(false);
    await show(state.comments[Number(told.dataset.commentLink)]);
  }
}

async function show({ number, anchor }) {
  if (anchor.step !== null) await trace.goTo(anchor.step, { focus: false });
  else await wholeChange();
  const place = boxOf(number);
  unfold(place);
  place?.scrollIntoView({ block: "center" });
  place?.focus({ preventScroll: true });
}

document.addEventListener("DOMContentLoaded", start);
