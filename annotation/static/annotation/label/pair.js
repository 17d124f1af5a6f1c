/** The two traces of a pair: beside each other or one at a time, scrolling together or apart, steps or all changes. */

const LAYOUT = "potato-pair-layout";

export class Pair {
  /** The pair of this page, or null where it shows one trace. `layout` and `sync` are what the project starts with. */
  static find({ pair }) {
    const root = document.querySelector(".pair");
    return root && pair ? new Pair(root, pair) : null;
  }

  constructor(root, { layout, sync }) {
    this.root = root;
    this.panes = [...root.querySelectorAll(".pane")];
    this.active = this.panes[0];
    this.narrow = matchMedia("(max-width: 1100px)");
    this.narrow.addEventListener("change", () => this.#arrange());
    this.tabbed = (read() ?? layout) === "tabs";
    this.synced = sync;
    document.addEventListener("click", (event) => this.#clicked(event));
    root.addEventListener("focusin", (event) => this.#activate(event.target.closest(".pane")));
    root.addEventListener("pointerdown", (event) => this.#activate(event.target.closest(".pane")));
    root.addEventListener("scroll", ({ target }) => this.#scrolled(target), { capture: true, passive: true });
    this.#arrange();
  }

  /** Scroll the active side to its next (`by` 1) or previous (-1) step. */
  step(by) {
    const body = this.#body(this.active);
    const top = body.getBoundingClientRect().top;
    const places = [...body.querySelectorAll("article")].map((one) => one.getBoundingClientRect().top - top);
    const target = by > 0 ? places.find((place) => place > 8) : places.filter((place) => place < -8).at(-1);
    if (target !== undefined) body.scrollTop += target;
    this.focus();
  }

  /** Work on the other side. */
  other() {
    this.#activate(this.panes.find((pane) => pane !== this.active));
    this.#arrange();
    this.focus();
  }

  /** The attempt that keys scroll takes the focus. */
  focus() {
    this.#body(this.active).focus({ preventScroll: true });
  }

  /** Work on the attempt at this place, on its `view` ("steps" or "changes"), or on the one that it shows. */
  show(place, { view = null } = {}) {
    this.#activate(this.panes.find((pane) => pane.dataset.place === place));
    if (view) this.view(this.active, view);
    this.#arrange();
  }

  /** The view that a side shows. */
  viewOf(pane) {
    return this.#body(pane).dataset.view;
  }

  toggleSync() {
    this.synced = !this.synced;
    this.#arrange();
  }

  toggleLayout() {
    this.tabbed = !this.tabbed;
    write(this.tabbed ? "tabs" : "side_by_side");
    this.#arrange();
  }

  #clicked({ target }) {
    const button = target.closest("[data-pair]");
    if (!button) return;
    const what = button.dataset.pair;
    if (what === "layout") this.toggleLayout();
    else if (what === "sync") this.toggleSync();
    else if (what === "show") this.show(button.dataset.place);
    else this.view(button.closest(".pane"), what);
  }

  view(pane, view) {
    for (const body of pane.querySelectorAll(".pane-body")) body.hidden = body.dataset.view !== view;
    for (const button of pane.querySelectorAll(".pane-views button")) {
      button.setAttribute("aria-pressed", String(button.dataset.pair === view));
    }
    // Until it is there: one that did not come is asked for again.
    const waiting = view === "changes" && this.#body(pane).querySelector(".chunk-waiting[hx-get]");
    if (waiting) window.htmx.trigger(waiting, "load-changes");
  }

  #body(pane) {
    return pane.querySelector(".pane-body:not([hidden])");
  }

  #activate(pane) {
    if (!pane) return;
    this.active = pane;
    for (const one of this.panes) one.toggleAttribute("data-active", one === pane);
  }

  #arrange() {
    const single = this.tabbed || this.narrow.matches;
    this.root.classList.toggle("is-tabbed", single);
    document.getElementById("pair-tabs").hidden = !single;
    for (const pane of this.panes) pane.hidden = single && pane !== this.active;
    this.#activate(this.active);
    pressed('[data-pair="layout"]', this.tabbed);
    pressed('[data-pair="sync"]', this.synced);
    document.querySelector('[data-pair="layout"]').hidden = this.narrow.matches;
    document.querySelector('[data-pair="sync"]').hidden = single;
    for (const button of document.querySelectorAll('[data-pair="show"]')) {
      button.setAttribute("aria-pressed", String(button.dataset.place === this.active.dataset.place));
    }
  }

  /** The other side goes to the same share of its length. Its own event, which follows, is not passed back. */
  #scrolled(body) {
    if (!this.synced || !body.matches?.(".pane-body") || body === this.led) {
      this.led = null;
      return;
    }
    const other = this.#body(this.panes.find((pane) => !pane.contains(body)));
    if (other.closest(".pane").hidden) return;
    const share = body.scrollTop / Math.max(1, body.scrollHeight - body.clientHeight);
    const place = share * (other.scrollHeight - other.clientHeight);
    if (Math.abs(other.scrollTop - place) < 1) return;
    this.led = other;
    other.scrollTop = place;
  }
}

function pressed(selector, on) {
  document.querySelector(selector).setAttribute("aria-pressed", String(on));
}

function read() {
  try {
    return localStorage.getItem(LAYOUT);
  } catch {
    return null;
  }
}

function write(value) {
  try {
    localStorage.setItem(LAYOUT, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
