/** Code review: comments on lines and files, a rating for every file, a verdict. */

import { worst } from "../label/generic.js";
import { registerScheme } from "../label/registry.js";
import { Comments, keyOf } from "./code_review/comments.js";
import { Cursor } from "./code_review/cursor.js";
import { anchorOfFile, articleOf, changed, firstRow, hasRows, isOfFile, placeIn, spoken, unfold, wholeChange } from "./code_review/lines.js";
import { placesOf } from "./code_review/places.js";
import * as viewed from "./code_review/viewed.js";

const reviews = new Map();
const section = () => document.getElementById("changes");

/** What one review keeps beside its answers. */
function reviewOf(api) {
  const { name } = api.scheme;
  if (!reviews.has(name)) {
    const panel = document.querySelector(`.question[data-scheme="${name}"]`);
    const comments = new Comments(api, panel);
    const review = { comments, panel, cursor: new Cursor((rows, side) => comments.begin(rows, side)) };
    reviews.set(name, review);
    // Rows are pressed and dragged over only where there is something to say about them.
    for (const place of [document.getElementById("trace"), section()]) {
      place?.classList.toggle("can-comment", api.scheme.comments);
    }
    // The link's own jump ends where the steps on their way stood before they came.
    document.querySelector(".trace-tools a[href='#changes']")?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      ACTIONS.changes(review, "", api);
    });
    if (section()) new MutationObserver(() => paintChanges(review, api)).observe(section(), { childList: true });
    panel.querySelector("[data-part=list]")?.addEventListener("toggle", () => paintList(review));
    // Before the page's own: Escape in the editor is the editor's.
    document.addEventListener("keydown", (event) => keyed(event, review, api), true);
  }
  return reviews.get(name);
}

registerScheme("code_review", {
  step(el, index, api) {
    const review = reviewOf(api);
    const article = el.closest("article");
    if (el.dataset.lines === undefined) prepare(el, article, api);
    if (el.dataset.lines === "no") return;
    if (api.scheme.comments) {
      review.comments.paint(article);
      const n = review.comments.in(article).filter(([, comment]) => comment.text).length;
      el.querySelector("[data-part=count]").textContent = n ? plural(n, "comment") : "";
    }
    paintRatings(el, api);
  },

  panel(el, api) {
    const review = reviewOf(api);
    review.comments.changed();
    for (const input of el.querySelectorAll("[data-key=verdict]")) input.checked = input.value === api.value("verdict");
    el.dataset.save = worst(["verdict"].map((key) => api.stateOf(key)));
    const rated = el.querySelector("[data-part=rated]");
    if (rated) rated.textContent = `${plural(ratedFiles(api).length, "file")} rated`;
    const tally = el.querySelector("[data-part=tally]");
    if (tally) tally.textContent = tallyOf(review.comments);
    paintList(review);
    paintChanges(review, api);
  },

  action(name, value, api, at) {
    ACTIONS[name]?.(reviewOf(api), value, api, at);
  },

  input(field, api) {
    if (field.dataset.key === "verdict") api.set({ verdict: field.value });
    else if (field.dataset.part === "viewed-box") viewed.toggle(field.closest("article"), api);
    else reviewOf(api).comments.typed(field);
  },

  labeled: () => true,

  missing(api) {
    const { title, choices: verdicts, require_comment_on_reject: needsOne } = api.scheme;
    const { comments } = reviewOf(api);
    const gaps = comments.unsaved().map(([, { anchor }]) => ({
      message: `a comment on ${isOfFile(anchor) ? anchor.file : placeIn(anchor)} is not saved yet`,
      step: anchor.step,
    }));
    const verdict = api.value("verdict");
    if (verdicts.length && !verdict) gaps.push({ message: `“${title}” has no verdict yet` });
    else if (!Object.keys(viewed.withoutMarks(api.answers())).length) gaps.push({ message: `“${title}” has no answer yet` });
    const given = verdicts.find((one) => one.value === verdict);
    if (needsOne && given?.rejects && !comments.saved().length) {
      gaps.push({ message: `“${given.text}” needs at least one comment` });
    }
    return gaps;
  },

  final: viewed.withoutMarks,

  /** The verdict, the ratings, and of every saved comment its category. */
  said(answers) {
    const values = Object.entries(viewed.withoutMarks(answers)).map(([key, value]) => [
      key,
      typeof value === "object" ? value.text && value.category : value,
    ]);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined).map(([key, value]) => [key, [value]]));
  },

  /** A mark in words. Of answers the page knows what they say. */
  words: (key, value) => (viewed.isMark(key) ? (value ? "viewed" : "not viewed") : undefined),

  keys: [{ key: "m", action: "viewed", text: "Mark the file as viewed, or not (all changes)" }],

  places: placesOf,

  hasError: (answers, scheme) => scheme.choices.some((one) => one.rejects && one.value === answers.verdict),

  summary(api) {
    const verdict = api.scheme.choices.find((one) => one.value === api.value("verdict"))?.text;
    const parts = [verdict, tallyOf(reviewOf(api).comments), `${plural(ratedFiles(api).length, "file")} rated`];
    return parts.filter(Boolean).join(" · ");
  },

  move(by, api) {
    const { cursor } = reviewOf(api);
    if (cursor.choosing && cursor.last?.isConnected) {
      api.announce(spoken(cursor.move(by, true)));
      return true;
    }
    const files = changed();
    const here = files.indexOf(document.activeElement?.closest("#changes article"));
    if (here < 0) return false;
    const next = files[here + by];
    if (next) show(next);
    else if (by < 0) api.goTo(api.step());
    return true;
  },

  leave(api) {
    const { cursor } = reviewOf(api);
    const had = cursor.rows.length > 0;
    cursor.clear();
    if (had) return true;
    if (!document.activeElement?.closest("#changes")) return false;
    api.goTo(api.step());
    return true;
  },
});

const ACTIONS = {
  comment({ comments, cursor }, _, api, at) {
    const article = placeFor(api, at);
    const rows = cursor.isIn(article) ? cursor.rows : [firstRow(article)].filter(Boolean);
    if (!rows.length) {
      const anchor = anchorOfFile(article);
      if (anchor) comments.beginAt(anchor);
      else api.announce("Nothing here has lines to comment on.");
      return;
    }
    cursor.choosing = false;
    if (!cursor.isIn(article)) cursor.choose(rows[0]);
    comments.begin(rows, cursor.side);
  },

  lines({ cursor }, _, api, at) {
    const article = placeFor(api, at);
    if (!cursor.isIn(article)) {
      const row = firstRow(article);
      if (!row) {
        api.announce("Nothing here has lines to choose.");
        return;
      }
      cursor.choose(row);
    }
    cursor.choosing = !cursor.choosing;
    cursor.last.scrollIntoView({ block: "nearest" });
    api.announce(cursor.choosing ? `Choosing lines. ${spoken(cursor.last)}` : "Lines chosen.");
  },

  async changes(review, _, api) {
    const isThere = await wholeChange();
    const [first] = changed();
    const place = first ?? section();
    if (place) show(place);
    const without = isThere ? "This run changed no files" : "All changes could not be loaded";
    api.announce(first ? "All changes, file by file" : without);
  },

  rate(_, value, api, at) {
    const article = placeFor(api, at);
    const place = (at.element ?? article)?.closest("[data-path]") ?? article?.querySelector(".file[data-path]");
    if (!place) {
      api.announce("There is no file to rate here.");
      return;
    }
    if (!viewed.keeps(place.dataset.path, api)) {
      api.announce("The name of this file is too long to rate it.");
      return;
    }
    const key = `file:${place.dataset.path}`;
    const rating = Number(value);
    api.set({ [key]: api.value(key) === rating ? null : rating });
    api.announce(`${place.dataset.path}: ${api.value(key) === null ? "not rated" : spokenRating(rating, api)}`);
  },

  viewed(_, value, api) {
    const file = document.activeElement?.closest("#changes article[data-path]");
    if (!file) api.announce("Go to a file under All changes first.");
    else if (viewed.keeps(file.dataset.path, api)) viewed.toggle(file, api);
    else api.announce("The name of this file is too long to mark it.");
  },

  verdict(_, value, api) {
    api.set({ verdict: api.value("verdict") === value ? null : value });
  },

  edit_comment: ({ comments }, _, api, { element }) => comments.edit(keyOf(element)),
  save_comment: ({ comments }, _, api, { element }) => comments.save(keyOf(element)),
  shut_comment: ({ comments }, _, api, { element }) => comments.shut(keyOf(element)),
  discard_comment: ({ comments }, _, api, { element }) => comments.discard(keyOf(element)),
  delete_comment: ({ comments }, _, api, { element }) => comments.remove(keyOf(element)),
  resolve_comment: ({ comments }, _, api, { element }) => comments.resolve(keyOf(element)),
  extend_comment: ({ comments }, value, api, { element }) => comments.extend(keyOf(element), Number(value)),
  category: ({ comments }, value, api, { element }) => comments.categorize(keyOf(element), value),

  async goto_comment({ comments }, key, api) {
    const { anchor } = comments.all().find(([one]) => one === key)[1];
    if (anchor.step === null) await wholeChange();
    else await api.goTo(anchor.step, { focus: false });
    const box = comments.box(key);
    unfold(box);
    box?.scrollIntoView({ block: "center" });
    box?.focus({ preventScroll: true });
  },
};

/** In the editor: Ctrl+Enter saves, Escape keeps a draft, Alt and a digit choose the category. While lines are chosen: arrows. */
function keyed(event, { comments, cursor }, api) {
  const box = event.target.closest?.(".review-comment[data-kind=editor]");
  if (box?.dataset.scheme === api.scheme.name && !event.isComposing) {
    const digit = event.altKey && /^Digit[1-9]$/.test(event.code) ? Number(event.code.slice(5)) : 0;
    const category = api.scheme.categories[digit - 1];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) comments.save(box.dataset.comment);
    else if (event.key === "Escape") comments.shut(box.dataset.comment);
    else if (category !== undefined) comments.categorize(box.dataset.comment, category);
    else return;
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by || !cursor.choosing || !cursor.last?.isConnected || event.defaultPrevented) return;
  if (event.target.closest("textarea, input, select, dialog, .label-buttons")) return;
  event.preventDefault();
  api.announce(spoken(cursor.move(by, event.shiftKey)));
}

/** Where a key acts: the file of the whole change that has the focus, else the current step. */
function placeFor(api, { element, step }) {
  const inside = (element ?? document.activeElement)?.closest("#changes article");
  return inside ?? articleOf({ step: step ?? api.step() });
}

/** Once: whether the step has lines or files to comment on, and its files' ratings. */
function prepare(el, article, api) {
  const hasFile = anchorOfFile(article) !== null;
  el.dataset.lines = hasRows(article) ? "yes" : hasFile ? "none" : "no";
  const words = el.querySelector("[data-part=comment-words]");
  if (words && el.dataset.lines === "none") words.textContent = "Comment on the file";
  if (el.dataset.lines === "no") {
    article.classList.toggle("no-controls", !article.querySelector("step-controls .control:not([data-lines=no])"));
    return;
  }
  const place = el.querySelector("[data-part=ratings]");
  const paths = [...article.querySelectorAll(".file[data-path]")].map((file) => file.dataset.path);
  const rated = [...new Set(paths)].filter((path) => viewed.keeps(path, api));
  place?.append(...rated.map((path) => rating(path, api)));
}

/** The whole change: comments under its lines, ratings in the headers, and what was viewed. */
function paintChanges({ comments, panel }, api) {
  for (const article of changed()) {
    const header = article.querySelector("file-controls");
    article.tabIndex = -1;
    if (!header.firstChild && viewed.keeps(article.dataset.path, api)) {
      header.dataset.scheme = api.scheme.name;
      if (api.scheme.ratings.length) header.append(rating(article.dataset.path, api));
      if (api.scheme.comments && !hasRows(article)) header.append(commentButton(panel));
      header.append(viewed.box(article.dataset.path, panel));
    }
    if (api.scheme.comments) comments.paint(article);
    paintRatings(header, api);
    viewed.paint(article, api);
  }
  for (const place of [panel.querySelector("[data-part=viewed]"), document.getElementById("changes-viewed")]) {
    if (!place) continue;
    place.textContent = viewed.countOf(api);
    place.hidden = !place.textContent;
  }
}

/** Where no line can be pressed: for the header of a file. */
function commentButton(panel) {
  return panel.querySelector("template[data-part=comment-file-template]").content.firstElementChild.cloneNode(true);
}

function rating(path, api) {
  const { panel } = reviewOf(api);
  const group = panel.querySelector("template[data-part=rating-template]").content.firstElementChild.cloneNode(true);
  group.dataset.path = path;
  group.setAttribute("aria-label", `Rate ${path}`);
  group.querySelector("[data-part=file]").textContent = `Rate ${path.split("/").at(-1)}`;
  return group;
}

function paintRatings(place, api) {
  for (const group of place.querySelectorAll(".review-rating")) {
    const key = `file:${group.dataset.path}`;
    const value = api.value(key);
    for (const button of group.querySelectorAll("[data-action=rate]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.value) === value));
    }
    group.dataset.save = api.stateOf(key);
    group.querySelector("[data-part=rating-text]").textContent = wordOf(value, api);
  }
}

function spokenRating(value, api) {
  const word = wordOf(value, api);
  return word ? `${value}, ${word}` : String(value);
}

/** What a rating means, where the project says so. The number stands on its button. */
function wordOf(value, api) {
  return api.scheme.ratings.find((one) => one.value === value)?.text ?? "";
}

function ratedFiles(api) {
  return Object.keys(api.answers()).filter((key) => key.startsWith("file:"));
}

function tallyOf(comments) {
  const saved = comments.saved();
  const resolved = saved.filter(([, comment]) => comment.resolved).length;
  const parts = [saved.length ? plural(saved.length, "comment") : "No comments"];
  if (resolved) parts.push(`${resolved} resolved`);
  if (comments.unsaved().length) parts.push(`${comments.unsaved().length} not saved yet`);
  return parts.join(", ");
}

/** The list in the panel, as long as it is open. */
function paintList({ comments, panel }) {
  const list = panel.querySelector("[data-part=list]");
  if (!list?.open) return;
  list.querySelector("[data-part=entries]").replaceChildren(...comments.all().map(entry));
}

function entry([key, comment]) {
  const item = document.createElement("li");
  const link = document.createElement("button");
  Object.assign(link, { type: "button", className: "link-button" });
  Object.assign(link.dataset, { action: "goto_comment", value: key });
  const place = comment.anchor.step === null ? "" : `#${comment.anchor.step} `;
  link.textContent = `${place}${comment.anchor.file.split("/").at(-1)}${isOfFile(comment.anchor) ? "" : `:${comment.anchor.end_line}`}`;
  const text = comment.draft === undefined ? (comment.text ?? "") : `Not saved: ${comment.draft}`;
  const words = document.createElement("span");
  words.dir = "auto";
  words.textContent = [comment.category, text].filter(Boolean).join(": ").slice(0, 120);
  item.classList.toggle("is-resolved", Boolean(comment.resolved));
  item.append(link, " ", words);
  return item;
}

function show(place) {
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
  aim(place);
}

/** Scroll to a place that may be far: what is above it takes its true height only when it comes near, and pushes. */
function aim(place, before = Infinity, frames = 12) {
  let { top } = place.getBoundingClientRect();
  if (Math.abs(top - before) > 1) {
    place.scrollIntoView({ block: "start" });
    ({ top } = place.getBoundingClientRect());
  }
  if (frames && document.activeElement === place) requestAnimationFrame(() => aim(place, top, frames - 1));
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
