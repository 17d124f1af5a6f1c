/** Comments under their lines: reading, writing, and where they stand. */

import { newId, same, wellFormed } from "../../label/ids.js";
import { anchorOf, articleOf, fileAt, isOfFile, placeIn, placeOf, rowAt, rowsBetween, rowsIn, unfold } from "./lines.js";

const FIELDS = "textarea[data-part=draft]";

export class Comments {
  constructor(api, panel) {
    this.api = api;
    this.panel = panel;
    // Key → what is being written here: {anchor, category}, of an edited comment what it was `before`, and `isShut`
    // while its box is closed over a draft.
    this.writing = new Map();
    // What an article, and each box in it, shows: painting again costs only what differs.
    this.painted = new WeakMap();
    this.grouped = null;
  }

  /** [[key, comment]] in the order of steps and lines, `isOpen` where it is being written. */
  all() {
    const answers = this.api.answers();
    // A draft whose box is shut may be settled in another tab: then nothing is being written here any more.
    for (const [key, { isShut }] of this.writing) {
      if (isShut && answers[key]?.draft === undefined) this.writing.delete(key);
    }
    const keys = new Set([...Object.keys(answers).filter((key) => key.startsWith("comment:")), ...this.writing.keys()]);
    const found = [...keys].map((key) => [key, this.#of(key, answers[key])]);
    return found.sort(([, a], [, b]) => order(a.anchor, b.anchor));
  }

  saved() {
    return this.all().filter(([, comment]) => comment.text);
  }

  unsaved() {
    return this.all().filter(([, comment]) => comment.draft !== undefined);
  }

  /** The answers have changed, or what is being written. */
  changed() {
    this.grouped = null;
  }

  in(article) {
    // Sorted once, however many articles are painted in one go.
    if (!this.grouped) {
      this.grouped = new Map();
      for (const entry of this.all()) {
        const place = groupOf(entry[1].anchor);
        this.grouped.set(place, [...(this.grouped.get(place) ?? []), entry]);
      }
      queueMicrotask(() => (this.grouped = null));
    }
    return this.grouped.get(article.dataset.step ?? `file:${article.dataset.path}`) ?? [];
  }

  paint(article) {
    const wanted = this.in(article);
    const looks = wanted.map(([key, comment]) => JSON.stringify([key, comment, this.api.stateOf(key)]));
    const look = looks.join();
    if (this.painted.get(article) === look) return;
    this.painted.set(article, look);
    const boxes = new Map([...article.querySelectorAll(".review-comment")].map((box) => [box.dataset.comment, box]));
    wanted.forEach(([key, comment], place) => {
      const box = boxes.get(key) ?? this.#box(key);
      boxes.delete(key);
      if (this.painted.get(box) === looks[place]) return;
      this.painted.set(box, looks[place]);
      this.#place(box, article, comment.anchor);
      this.#fill(box, key, comment);
    });
    for (const box of boxes.values()) box.remove();
  }

  /** Begin a comment on these lines, or go on with one that is being written there. */
  begin(rows, side = null) {
    this.beginAt(anchorOf(rows, side));
  }

  /** The same at an anchor, which may be that of a whole file. */
  beginAt(anchor) {
    const isBegun = (comment) => comment.isOpen || comment.draft !== undefined;
    const there = this.all().find(([, comment]) => isBegun(comment) && same(bare(comment.anchor), anchor));
    const key = there?.[0] ?? `comment:${uuid()}`;
    if (!there) {
      this.#forgetEmpty();
      this.writing.set(key, { anchor });
    }
    this.#show(key);
  }

  edit(key) {
    const before = this.api.value(key);
    if (before.draft === undefined) this.writing.set(key, { anchor: before.anchor, category: before.category, before });
    this.#show(key);
  }

  /** What was typed is kept as a draft, under the comment's own key. */
  typed(field) {
    const key = keyOf(field);
    this.#open(key);
    const read = () => ({ [key]: this.writing.has(key) ? this.#draft(key, field.value) : this.api.value(key) });
    this.api.typed(field, read, { undoable: false });
  }

  save(key) {
    const field = this.#field(key);
    const text = wellFormed(field.value).trim();
    if (!text) {
      this.api.announce("The comment has no text yet.");
      field.focus();
      return;
    }
    const { anchor, category } = this.#open(key);
    const before = this.#withoutDraft(key);
    this.#close(key, field);
    // The draft is no step of undo: one press takes the whole comment back.
    this.api.set({ [key]: before }, { undoable: false });
    this.api.set({ [key]: clean({ ...before, anchor, category, text }) });
    this.#leave(anchor, `Comment saved: ${placeOf(anchor)}.`);
  }

  /** Close the box over what was typed: it stays as a draft, and opens again. */
  shut(key) {
    const entry = this.#open(key);
    // What waits to be kept of a field is kept when it is left.
    this.#field(key).blur();
    const isDraft = this.api.value(key)?.draft !== undefined;
    if (isDraft) entry.isShut = true;
    else this.writing.delete(key);
    this.#leave(entry.anchor, isDraft ? "Kept as a draft." : "Nothing was changed.");
  }

  /** Throw away what was typed: a comment that was saved before is as it was. */
  discard(key) {
    const { anchor } = this.#open(key);
    const before = this.#withoutDraft(key);
    const field = this.#field(key);
    if (field) this.#close(key, field);
    else this.writing.delete(key);
    this.api.set({ [key]: before }, { undoable: false });
    this.#leave(anchor, "The draft is discarded.");
  }

  resolve(key) {
    const { resolved, ...rest } = this.api.value(key);
    this.api.set({ [key]: resolved ? rest : { ...rest, resolved: true } });
    this.api.announce(resolved ? "The comment is open again." : "The comment is resolved.");
  }

  remove(key) {
    const { anchor } = this.api.value(key);
    this.api.set({ [key]: null });
    this.#leave(anchor, "The comment is deleted. Undo brings it back.");
  }

  categorize(key, category) {
    const entry = this.#open(key);
    entry.category = entry.category === category ? undefined : category;
    this.#keep(key);
    this.api.announce(entry.category ?? "No category");
  }

  /** One line more, above (-1) or below (1). */
  extend(key, by) {
    const entry = this.#open(key);
    const article = articleOf(entry.anchor);
    const ends = [rowAt(article, entry.anchor, false), rowAt(article, entry.anchor)];
    const rows = ends[0] && ends[1] ? rowsIn(ends[1].closest(".hunk")) : [];
    const next = rows[rows.indexOf(ends[by < 0 ? 0 : 1]) + by];
    const wider = next && rowsBetween(by < 0 ? next : ends[0], by < 0 ? ends[1] : next);
    if (!wider) {
      this.api.announce("There are no more lines here.");
      return;
    }
    entry.anchor = anchorOf(wider, entry.anchor.side);
    this.#keep(key);
    this.api.announce(placeOf(entry.anchor));
  }

  /** The box of a comment that is on the page. */
  box(key) {
    return document.querySelector(`.review-comment[data-comment="${key}"]`);
  }

  #of(key, stored) {
    const entry = this.writing.get(key);
    const { anchor, category } = entry ?? stored;
    return { ...stored, anchor, category, isOpen: entry ? !entry.isShut : stored.draft !== undefined };
  }

  /** What is being written under a key; a draft of an earlier page load becomes one. */
  #open(key) {
    if (!this.writing.has(key)) {
      const { anchor, category } = this.api.value(key);
      this.writing.set(key, { anchor, category });
    }
    return this.writing.get(key);
  }

  #draft(key, typed) {
    const before = this.#withoutDraft(key);
    const { anchor, category } = this.writing.get(key);
    const draft = wellFormed(typed);
    if (!draft.trim()) return before;
    if (before?.text === draft && before.category === category && same(bare(before.anchor), bare(anchor))) return before;
    // A saved comment keeps its place and category until it is saved again: after a reload only the text is a draft.
    return clean({ ...(before ?? { anchor, category }), draft });
  }

  /** What was saved last; null for a comment that never was. */
  #withoutDraft(key) {
    const stored = this.api.value(key);
    if (!stored?.text) return null;
    const { draft: _, ...rest } = stored;
    return this.writing.get(key)?.before ?? rest;
  }

  #close(key, field) {
    this.writing.delete(key);
    // Whatever waits to be kept of this field is settled now: it is not being written any more.
    field.blur();
  }

  /** Keep a changed place or category with the draft, if there is one, and show it. */
  #keep(key) {
    const field = this.#field(key);
    if (field.value.trim()) this.api.set({ [key]: this.#draft(key, field.value) }, { undoable: false });
    this.#repaint(this.writing.get(key).anchor);
  }

  #forgetEmpty() {
    for (const [key, { anchor }] of this.writing) {
      if (this.api.value(key) || this.#field(key)?.value.trim()) continue;
      this.writing.delete(key);
      this.#repaint(anchor);
    }
  }

  #repaint(anchor) {
    this.changed();
    const article = articleOf(anchor);
    if (article) this.paint(article);
    return article;
  }

  #show(key) {
    const entry = this.#open(key);
    entry.isShut = false;
    this.#repaint(entry.anchor);
    const field = this.#field(key);
    unfold(field);
    field.scrollIntoView({ block: "nearest" });
    field.focus({ preventScroll: true });
    field.setSelectionRange(field.value.length, field.value.length);
  }

  #leave(anchor, words) {
    this.#repaint(anchor)?.focus({ preventScroll: true });
    this.api.announce(words);
  }

  #field(key) {
    return this.box(key)?.querySelector(FIELDS) ?? null;
  }

  #box(key) {
    const box = document.createElement("div");
    box.className = "review-comment";
    box.tabIndex = -1;
    box.role = "group";
    Object.assign(box.dataset, { scheme: this.api.scheme.name, comment: key });
    return box;
  }

  /** Under its last line, behind the comments that are there; of a whole file: at its end; else at the end of the step. */
  #place(box, article, anchor) {
    const look = JSON.stringify(bare(anchor));
    if (box.isConnected && box.dataset.place === look) return;
    box.dataset.place = look;
    const row = rowAt(article, anchor);
    box.classList.toggle("is-elsewhere", !row);
    const had = box.contains(document.activeElement) ? document.activeElement : null;
    if (row) {
      let last = row;
      while (last.nextElementSibling?.matches(".review-comment")) last = last.nextElementSibling;
      last.after(box);
      const fold = row.closest("details.context");
      if (fold) fold.open = true;
    } else {
      const file = isOfFile(anchor) ? fileAt(article, anchor.file) : null;
      (file ?? article.querySelector(".step-body") ?? article).append(box);
    }
    // Moved elements lose the focus.
    had?.focus({ preventScroll: true });
  }

  #fill(box, key, comment) {
    const kind = comment.isOpen ? "editor" : "comment";
    if (box.dataset.kind !== kind) {
      box.dataset.kind = kind;
      box.replaceChildren(this.panel.querySelector(`template[data-part=${kind}-template]`).content.cloneNode(true));
    }
    const part = (name) => box.querySelector(`[data-part=${name}]`);
    const state = this.api.stateOf(key);
    part("place").textContent = placeOf(comment.anchor);
    part("save").textContent = { pending: "saving", refused: "not saved" }[state] ?? "";
    box.setAttribute("aria-label", `Comment, ${placeOf(comment.anchor).toLowerCase()}`);
    box.classList.toggle("is-resolved", Boolean(comment.resolved));
    if (comment.isOpen) this.#fillEditor(box, comment);
    else {
      part("category").textContent = comment.category ?? "";
      part("category").hidden = !comment.category;
      part("done").hidden = !comment.resolved;
      const isDraft = comment.draft !== undefined;
      part("draft").hidden = !isDraft;
      part("text").textContent = comment.draft ?? comment.text;
      const act = (name) => box.querySelector(`[data-action=${name}_comment]`);
      act("discard").hidden = !isDraft;
      act("delete").hidden = act("resolve").hidden = isDraft;
      act("resolve").textContent = comment.resolved ? "Open again" : "Resolve";
    }
  }

  #fillEditor(box, comment) {
    const field = box.querySelector(FIELDS);
    field.setAttribute("aria-label", `Comment on ${placeIn(comment.anchor)}`);
    for (const button of box.querySelectorAll("[data-action=extend_comment]")) button.hidden = isOfFile(comment.anchor);
    const text = comment.draft ?? comment.text ?? "";
    if (field !== document.activeElement && !this.api.isTyping(field) && field.value !== text) field.value = text;
    for (const button of box.querySelectorAll("[data-action=category]")) {
      button.setAttribute("aria-pressed", String(button.dataset.value === comment.category));
    }
  }
}

export function keyOf(element) {
  return element.closest("[data-comment]").dataset.comment;
}

/** The step of an anchor, or its file of the whole change. */
function groupOf({ step, file }) {
  return step === null ? `file:${file}` : String(step);
}

function order(a, b) {
  const step = (anchor) => anchor.step ?? Infinity;
  return (
    (step(a) === step(b) ? 0 : step(a) - step(b)) ||
    (a.file === b.file ? 0 : a.file < b.file ? -1 : 1) ||
    a.end_line - b.end_line ||
    a.start_line - b.start_line
  );
}

function bare({ step, file, side, start_line, end_line }) {
  return { step, file, side, start_line, end_line };
}

/** Without what has no value: JSON would not carry it. */
function clean(comment) {
  return Object.fromEntries(Object.entries(comment).filter(([name, value]) => value !== undefined && name !== "isOpen"));
}

function uuid() {
  const id = newId();
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join("-");
}
