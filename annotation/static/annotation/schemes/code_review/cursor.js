/** The chosen lines: by keys (`v`, then next and previous step's keys), by a click, or by dragging over line numbers. */

import { anchorOf, cellOf, rowOf, rowsBetween, rowsIn, sideOf, unfold } from "./lines.js";

export class Cursor {
  /** `onchoose(rows, side)` is called when lines were pressed or dragged over. */
  constructor(onchoose) {
    this.onchoose = onchoose;
    this.rows = [];
    this.first = this.last = null;
    // Of which side they were chosen; null: of the side that they changed.
    this.side = null;
    this.painted = [];
    // Keys move between lines.
    this.choosing = false;
    this.dragging = null;
    document.addEventListener("pointerdown", (event) => this.#down(event));
    document.addEventListener("pointermove", (event) => this.#over(event));
    document.addEventListener("pointerup", () => this.#up());
    document.addEventListener("pointercancel", () => (this.dragging = null));
    document.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Whether the chosen lines are in this place, still on the page. */
  isIn(place) {
    return Boolean(this.last?.isConnected && place.contains(this.last));
  }

  /** Choose the rows from `first` to `last`. Returns whether that is possible: they are of one hunk. */
  choose(first, last = first, side = null) {
    const rows = rowsBetween(first, last);
    if (!rows) return false;
    // In one column several lines are of the side that they changed, wherever the first was pressed.
    Object.assign(this, { first, last, rows, side: rows.length === 1 || last.matches(".pair") ? side : null });
    unfold(last);
    this.#paint();
    return true;
  }

  /** One line on; `extend` keeps the others chosen. Returns the row that is reached. */
  move(by, extend) {
    const rows = rowsIn(extend ? this.last.closest(".hunk") : this.last.closest("article"));
    const next = rows[rows.indexOf(this.last) + by];
    if (next) this.choose(extend ? this.first : next, next, next.matches(".pair") ? this.side : null);
    this.last.scrollIntoView({ block: "nearest" });
    return this.last;
  }

  clear() {
    Object.assign(this, { first: null, last: null, rows: [], side: null, choosing: false });
    this.#paint();
  }

  /** Mark what a comment would be on: of rows in two columns the cells of one side. */
  #paint() {
    for (const cell of this.painted) cell.classList.remove("is-chosen", "is-cursor");
    const side = this.rows.length ? anchorOf(this.rows, this.side).side : null;
    this.painted = this.rows.map((row) => cellOf(row, side));
    for (const cell of this.painted) cell.classList.toggle("is-chosen", !cell.matches(".none"));
    if (this.last) cellOf(this.last, side).classList.add("is-cursor");
  }

  /** On a line number a range begins. A finger there scrolls: it presses, and the editor extends. */
  #down(event) {
    const row = event.button === 0 && event.target.closest(".g") && rowOf(event.target);
    if (!row || event.pointerType === "touch" || !row.closest(".can-comment")) return;
    event.preventDefault();
    this.dragging = { row, side: sideOf(event.target), moved: false };
    const isLonger = event.shiftKey && this.first?.isConnected && rowsBetween(this.first, row);
    this.choose(isLonger ? this.first : row, row, this.dragging.side);
  }

  #over(event) {
    if (!this.dragging) return;
    const row = rowOf(document.elementFromPoint(event.clientX, event.clientY) ?? document.body);
    if (row && row !== this.last && this.choose(this.first, row, this.dragging.side)) this.dragging.moved = true;
  }

  #up() {
    const dragged = this.dragging;
    this.dragging = null;
    if (!dragged || !this.rows.length) return;
    this.pressed = true;
    this.onchoose(this.rows, this.side);
  }

  #clicked(event) {
    if (this.pressed) {
      this.pressed = false;
      return;
    }
    const row = event.target.closest(".can-comment") && rowOf(event.target);
    // Text that was selected to be copied is no wish to comment.
    if (!row || !getSelection().isCollapsed) return;
    this.choose(row, row, sideOf(event.target));
    if (event.target.closest(".g")) this.onchoose(this.rows, this.side);
  }
}
