/**
 * The search in the trace. The server says which steps hold a text, whatever of them is on the page; going to one fetches
 * and opens it. The issue is whole on the page and stands before all steps; what the whole run changed is fetched for the
 * search, and its files stand behind all steps: they join what was found when they come. It answers nothing and changes
 * nothing.
 */

import { AllChanges } from "./changes.js";
import { byId } from "./dom.js";
import { clear, holds, mark, patternOf } from "./found.js";
import { wellFormed } from "./ids.js";
import { showWholeIssue } from "./issue.js";

const PAUSE_MS = 250;
// How long the server may take for one answer, and how often it is asked again while it has another search of this person.
const PATIENCE_MS = 20_000;
const AGAIN_MS = 500;
const TRIES = 20;
// The place in the issue, as one more step before the first.
const ISSUE = { side: 0, step: -1 };

export class Search {
  /** The search of this page, or null where there is nothing to search. */
  static find(parts) {
    const bar = byId("search");
    return bar ? new Search(bar, parts) : null;
  }

  constructor(bar, { trace, pair }) {
    Object.assign(this, { bar, trace, pair });
    this.changes = new AllChanges(pair);
    this.urls = bar.dataset.urls.split(" ");
    this.field = byId("search-text");
    // What was answered before: a trace stays as it is while its page is open. And the request that is on its way.
    this.known = new Map();
    this.turn = Promise.resolve();
    this.#forget("");
    this.field.addEventListener("input", () => this.#typed());
    bar.addEventListener("keydown", (event) => this.#pressed(event));
    byId("search-next").addEventListener("click", () => this.go(1));
    byId("search-previous").addEventListener("click", () => this.go(-1));
    byId("search-stay").addEventListener("click", () => this.stay());
    byId("search-close").addEventListener("click", () => this.close());
    byId("search-button").addEventListener("click", () => this.open());
  }

  get isOpen() {
    return !this.bar.hidden;
  }

  open() {
    if (!this.isOpen) {
      this.before = this.#place();
      this.bar.hidden = false;
      if (this.field.value) this.#typed();
    }
    this.field.focus();
    this.field.select();
  }

  /** Back to where the search began. */
  close() {
    this.#shut();
    const { element, step, pane, views, scrolled, top } = this.before;
    views.forEach((view, side) => this.pair.view(this.pair.panes[side], view));
    if (this.pair) this.pair.show(pane.dataset.place);
    else this.trace.goTo(step, { focus: false });
    for (const [box, place] of scrolled) box.scrollTop = place;
    scrollTo({ top, behavior: "instant" });
    const isThere = element?.isConnected && element !== document.body && element.checkVisibility();
    if (isThere) element.focus({ preventScroll: true });
    else this.#focusTrace();
  }

  /** Leave the search at what it has found: at a step keys label, and the next step is the one behind it. */
  stay() {
    const at = this.found?.[this.at];
    this.#shut();
    if (at === ISSUE) byId("issue-title").focus({ preventScroll: true });
    else if (at?.file && !this.pair) focusFile(at.file);
    else this.#focusTrace();
  }

  /** To the next (`by` 1) or previous (-1) place that holds the text; first ask for it, if it was not asked for. */
  async go(by) {
    if (!(await this.#ask())) return;
    const { asking } = this;
    // Where no step has it, a file may that is still to come.
    if (!this.found.length) await this.whole;
    if (this.asking !== asking || !this.found.length) return;
    const at = this.at === null ? this.#first(by) : this.at + by;
    await this.#show((at + this.found.length) % this.found.length);
  }

  #pressed(event) {
    if (event.isComposing) return;
    const isEnter = event.key === "Enter" && event.target === this.field;
    if (event.key === "Escape") this.close();
    else if (isEnter && (event.ctrlKey || event.metaKey)) this.stay();
    else if (isEnter) this.go(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #typed() {
    clearTimeout(this.timer);
    if (this.found && wellFormed(this.field.value) === this.words) return;
    this.#forget("");
    this.timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  /** Find out which steps hold what is in the field, once. Resolves to whether that is known, and still asked for. */
  #ask() {
    clearTimeout(this.timer);
    const words = wellFormed(this.field.value);
    if (words !== this.words || !this.asked) {
      this.#forget(words);
      if (words.trim()) this.asked = this.#find(words);
    }
    return this.asked;
  }

  async #find(words) {
    const asking = (this.asking = {});
    const isOver = () => this.asking !== asking;
    this.#say("Searching…");
    this.isWhole = null;
    this.whole = this.changes.bring().then((isWhole) => {
      if (isOver()) return;
      this.isWhole = isWhole;
      if (this.found) this.#gather();
    });
    let answers;
    try {
      answers = await (this.known.get(words) ?? this.#inTurn(words, isOver));
    } catch (problem) {
      if (isOver()) return false;
      // The next try asks again.
      this.asked = null;
      this.#say(problem instanceof Refused ? problem.message : "The server was not reached.", "none");
      return false;
    }
    if (answers) this.known.set(words, answers);
    if (isOver()) return false;
    this.answers = answers;
    this.#gather();
    return true;
  }

  /** All places that are known now, in their order; one stays at the place one is at. */
  #gather() {
    const { answers, shown } = this;
    const pattern = patternOf(this.words);
    const behind = answers.flatMap(({ steps }, side) => [...steps.map((step) => ({ side, step })), ...this.#files(pattern, side)]);
    this.found = holds(byId("issue-text"), pattern) ? [ISSUE, ...behind] : behind;
    if (shown) this.at = this.found.findIndex(({ side, step }) => side === shown.side && step === shown.step);
    // The step it came to on each side, where it did not come to the end.
    const ends = answers.map(({ searched }, side) => Math.min(searched, this.#length(side) - 1));
    this.end = answers.some(({ searched }, side) => searched < this.#length(side)) ? ends : null;
    this.#count();
  }

  /** The files of a side's whole change that have it, as if they were steps behind the last. */
  #files(pattern, side) {
    const files = this.changes.found(pattern, side);
    return files.map(({ file, number }) => ({ side, step: this.#length(side) + number, file }));
  }

  /** The server works on until it has an answer, so one request at a time; what is no longer asked for then is not sent. */
  #inTurn(words, isOver) {
    const before = this.turn;
    const mine = (async () => {
      await before;
      const answers = [];
      for (const url of this.urls) {
        if (isOver()) return null;
        answers.push(await ask(url, words, isOver));
      }
      return answers;
    })();
    this.turn = mine.catch(() => null);
    return mine;
  }

  async #show(at) {
    const one = this.found[at];
    this.at = at;
    this.shown = one;
    this.#count();
    byId("search-stay").hidden = false;
    const article = await this.#bring(one);
    if (!this.isOpen || this.shown !== one) return;
    if (article) mark(article, patternOf(this.words));
    else this.#say(`Step ${one.step} could not be loaded.`, "none");
  }

  async #bring(one) {
    const { step, file } = one;
    if (one === ISSUE) return showWholeIssue();
    if (this.pair) return this.#bringOfPair(one);
    if (file) return file;
    await this.trace.goTo(step, { focus: false });
    return this.trace.article(step);
  }

  async #bringOfPair({ side, step, file }) {
    const pane = this.pair.panes[side];
    this.pair.show(pane.dataset.place, { view: file ? "changes" : "steps" });
    if (file) {
      pane.scrollIntoView({ block: "nearest" });
      return file;
    }
    const chunk = pane.querySelector(`[data-chunk="${Math.floor(step / this.trace.chunkSteps)}"]`);
    await this.trace.load(chunk);
    pane.scrollIntoView({ block: "nearest" });
    return pane.querySelector(`article[data-step="${step}"]`);
  }

  /** Where to begin: from the step one is at, or of a pair on its side. */
  #first(by) {
    const { step, file, pane } = this.before;
    const side = this.pair ? this.pair.panes.indexOf(pane) : 0;
    // Who is at the first step has just come, past the issue.
    const inSteps = this.pair || !step ? ISSUE.step : step;
    const here = file < 0 ? inSteps : this.#length(side) + file;
    const isBehind = (one) => one.side > side || (one.side === side && one.step >= here);
    const behind = this.found.findIndex(isBehind);
    if (by > 0) return Math.max(0, behind);
    return behind < 0 ? this.found.length - 1 : behind - 1;
  }

  #length(side) {
    return this.pair ? Number(this.pair.panes[side].dataset.steps) : this.trace.nSteps;
  }

  #count() {
    const { found, at, end } = this;
    const n = found.length;
    const what = found.some((one) => one === ISSUE || one.file) ? "place" : "step";
    const steps = `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
    const upTo = end ? `, searched up to step ${end.map((one) => one.toLocaleString("en")).join(" and ")}` : "";
    const isComing = this.isWhole === null;
    const without = isComing ? ", all changes still to come" : ", without all changes, which did not load";
    const part = upTo + (this.isWhole ? "" : without);
    this.#offer(n > 0);
    if (!n && isComing) {
      this.#say(`Nothing found yet${part}`);
    } else if (!n) {
      this.#say(`Nothing found${part}`, "none");
    } else if (at === null) {
      this.#say(`${steps}${part}`);
    } else {
      this.#say(`${(at + 1).toLocaleString("en")} of ${steps}${part}`, "", this.#where(found[at]));
    }
  }

  #where(one) {
    if (one === ISSUE) return ", the issue";
    const side = this.pair ? `, ${this.pair.panes[one.side].dataset.place}` : "";
    return `${side}, ${one.file ? `all changes, ${one.file.dataset.path}` : `step ${one.step}`}`;
  }

  /** `aside` is for those who do not see where the page went. */
  #say(text, state = "", aside = "") {
    const place = byId("search-count");
    place.dataset.state = state;
    // More words than a narrow window has room for beside the buttons.
    place.toggleAttribute("data-long", this.found !== null && (this.end !== null || !this.isWhole));
    place.textContent = text;
    if (!aside) return;
    const more = document.createElement("span");
    more.className = "visually-hidden";
    more.textContent = aside;
    place.append(more);
  }

  /** The arrows lead nowhere where there is nothing to look for, or nothing was found. They keep the focus. */
  #offer(leads) {
    for (const id of ["search-previous", "search-next"]) byId(id).setAttribute("aria-disabled", String(!leads));
  }

  #forget(words) {
    this.asking = null;
    this.words = words;
    this.asked = null;
    this.answers = null;
    this.found = null;
    this.shown = null;
    this.end = null;
    this.isWhole = true;
    this.at = null;
    byId("search-stay").hidden = true;
    this.#offer(Boolean(this.field.value.trim()));
    this.#say("");
    clear();
  }

  #shut() {
    clearTimeout(this.timer);
    this.#forget("");
    this.bar.hidden = true;
  }

  #place() {
    const boxes = document.querySelectorAll(".pane-body");
    return {
      element: document.activeElement,
      step: this.trace.current,
      file: this.changes.numberOf(document.activeElement),
      views: this.pair?.panes.map((pane) => this.pair.viewOf(pane)) ?? [],
      pane: this.pair?.active,
      scrolled: [...boxes].map((box) => [box, box.scrollTop]),
      top: scrollY,
    };
  }

  #focusTrace() {
    if (this.pair) this.pair.focus();
    else this.trace.goTo(this.trace.current);
  }
}

function focusFile(file) {
  file.tabIndex = -1;
  file.focus({ preventScroll: true });
}

class Refused extends Error {}

async function ask(url, words, isOver) {
  const address = `${url}?q=${encodeURIComponent(words)}`;
  for (let tries = TRIES; ; tries -= 1) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(address, { signal, headers: { Accept: "application/json" } });
    if (response.ok) return response.json();
    if (response.status !== 429 || !tries || isOver()) {
      throw new Refused(response.status === 401 ? "You are signed out." : "The search failed. Try again.");
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
