/** The chosen lines: by keys (`v`, then next and previous step's keys), by a click, or by dragging over line numbers. */

import { rowOf, rowsBetween, rowsIn, sideOf, unfold } from "./lines.js";

export class Cursor {
  /** `onchoose(rows, side)` is called when lines were pressed or dragged over. */
  constructor(onchoose) {
    this.onchoose = onchoose;
    this.rows = [];
    this.first = this.last = null;
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
  choose(first, last = first) {
    const rows = rowsBetween(first, last);
    if (!rows) return false;
    this.#paint(false);
    Object.assign(this, { first, last, rows });
    unfold(last);
    this.#paint(true);
    return true;
  }

  /** One line on; `extend` keeps the others chosen. Returns the row that is reached. */
  move(by, extend) {
    const rows = rowsIn(extend ? this.last.closest(".hunk") : this.last.closest("article"));
    const next = rows[rows.indexOf(this.last) + by];
    if (next) this.choose(extend ? this.first : next, next);
    this.last.scrollIntoView({ block: "nearest" });
    return this.last;
  }

  clear() {
    this.#paint(false);
    Object.assign(this, { first: null, last: null, rows: [], choosing: false });
  }

  #paint(on) {
    for (const row of this.rows) row.classList.toggle("is-chosen", on);
    this.last?.classList.toggle("is-cursor", on);
  }

  /** On a line number a range begins. A finger there scrolls: it presses, and the editor extends. */
  #down(event) {
    const row = event.button === 0 && event.target.closest(".g") && rowOf(event.target);
    if (!row || event.pointerType === "touch" || !row.closest(".can-comment")) return;
    event.preventDefault();
    this.dragging = { row, side: sideOf(event.target), moved: false };
    this.choose(event.shiftKey && this.first?.isConnected && rowsBetween(this.first, row) ? this.first : row, row);
  }

  #over(event) {
    if (!this.dragging) return;
    const row = rowOf(document.elementFromPoint(event.clientX, event.clientY) ?? document.body);
    if (row && row !== this.last && this.choose(this.first, row)) this.dragging.moved = true;
  }

  #up() {
    const dragged = this.dragging;
    this.dragging = null;
    if (!dragged || !this.rows.length) return;
    this.pressed = true;
    this.onchoose(this.rows, this.rows.length === 1 ? dragged.side : null);
  }

  #clicked(event) {
    if (this.pressed) {
      this.pressed = false;
      return;
    }
    const row = event.target.closest(".can-comment") && rowOf(event.target);
    // Text that was selected to be copied is no wish to comment.
    if (!row || !getSelection().isCollapsed) return;
    this.choose(row);
    if (event.target.closest(".g")) this.onchoose(this.rows, sideOf(event.target));
  }
}
