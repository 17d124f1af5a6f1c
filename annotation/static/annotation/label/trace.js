/** The trace in the middle: its steps, which of them is the current one, and the chunks that are not here yet. */

const RETRY_MS = [1000, 3000, 10_000];

export class Trace {
  /** `onarrive(controls)` paints a step's controls; `onmove(step)` is told of another current step. */
  constructor({ root, nSteps, chunkSteps, onarrive, onmove }) {
    Object.assign(this, { root, nSteps, chunkSteps, onarrive, onmove });
    this.current = 0;
    // Resolves when the chunk of the step that is to be the current one is here; null otherwise.
    this.going = null;
    this.waiting = new Map();
    root.addEventListener("focusin", (event) => this.#choose(event));
    root.addEventListener("pointerdown", (event) => this.#choose(event));
    root.addEventListener("htmx:afterRequest", (event) => this.#arrived(event));
    defineControls(this);
    this.#watch();
    this.#mark(0);
  }

  article(step) {
    return this.root.querySelector(`article[data-step="${step}"]`);
  }

  controls() {
    return this.root.querySelectorAll("step-controls");
  }

  /** Make `step` the current one; fetches its chunk first where that is missing. */
  async goTo(step, { block = "nearest", focus = true } = {}) {
    if (step < 0 || step >= this.nSteps) return;
    if (!this.article(step)) {
      this.going = this.load(this.chunkOf(step)).finally(() => (this.going = null));
      await this.going;
    }
    const article = this.article(step);
    if (!article) return;
    this.#mark(step);
    if (focus) article.focus({ preventScroll: true });
    scrollTo(article, block);
  }

  chunkOf(step) {
    return this.root.querySelector(`[data-chunk="${Math.floor(step / this.chunkSteps)}"]`);
  }

  /** Fetch a chunk once. Resolves when its steps are on the page, or when every try has failed. */
  load(chunk) {
    if (chunk.hasAttribute("data-loaded")) return Promise.resolve();
    if (!this.waiting.has(chunk)) {
      const wait = { tries: 0 };
      wait.promise = new Promise((resolve) => (wait.resolve = resolve));
      this.waiting.set(chunk, wait);
      window.htmx.trigger(chunk, "load-steps");
    }
    return this.waiting.get(chunk).promise;
  }

  #arrived({ detail, target }) {
    const wait = this.waiting.get(target);
    if (!wait) return;
    if (detail.xhr.status === 200) {
      target.setAttribute("data-loaded", "");
      target.style.removeProperty("min-height");
    } else if (wait.tries < RETRY_MS.length) {
      setTimeout(() => window.htmx.trigger(target, "load-steps"), RETRY_MS[wait.tries]);
      wait.tries += 1;
      return;
    } else {
      this.#offerRetry(target);
    }
    this.waiting.delete(target);
    // The swap follows this event.
    setTimeout(wait.resolve);
  }

  #offerRetry(chunk) {
    const retry = document.createElement("button");
    retry.type = "button";
    retry.className = "button";
    retry.textContent = "Try again";
    retry.addEventListener("click", () => this.load(chunk));
    chunk.replaceChildren(`Steps ${chunk.dataset.first} to ${chunk.dataset.last} could not be loaded. `, retry);
  }

  /** Fetch chunks that come near the window, and at once those of a short trace. */
  #watch() {
    const near = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => this.load(target)),
      { rootMargin: "1500px 0px" },
    );
    for (const chunk of this.root.querySelectorAll(".chunk:not([data-loaded])")) {
      // Room for the steps to come, so that the scroll bar tells the truth and only near chunks are near.
      chunk.style.minHeight = `${(chunk.dataset.last - chunk.dataset.first + 1) * 110}px`;
      if (chunk.hasAttribute("data-eager")) this.load(chunk);
      else near.observe(chunk);
    }
  }

  #choose(event) {
    const article = event.target.closest("article[data-step]");
    if (article) this.#mark(Number(article.dataset.step));
  }

  #mark(step) {
    const before = this.article(this.current);
    const article = this.article(step);
    if (before && before !== article) {
      before.removeAttribute("aria-current");
      before.tabIndex = -1;
    }
    this.current = step;
    if (!article) return;
    article.setAttribute("aria-current", "step");
    article.tabIndex = 0;
    this.onmove(step);
  }
}

/** `<step-controls>` in a step's article: a copy of the page's template, painted when it arrives. */
function defineControls(trace) {
  const template = document.getElementById("step-controls");
  customElements.define(
    "step-controls",
    class extends HTMLElement {
      connectedCallback() {
        if (this.step !== undefined) return;
        const article = this.closest("article[data-step]");
        this.step = Number(article.dataset.step);
        article.tabIndex = this.step === trace.current ? 0 : -1;
        this.append(template.content.cloneNode(true));
        trace.onarrive(this);
      }
    },
  );
}

function scrollTo(article, block) {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "auto";
  if (block !== "nearest") {
    article.scrollIntoView({ block, behavior });
    return;
  }
  const { top, bottom } = article.getBoundingClientRect();
  const padding = getComputedStyle(document.documentElement);
  const header = parseFloat(padding.scrollPaddingTop) || 0;
  const end = innerHeight - (parseFloat(padding.scrollPaddingBottom) || 0);
  // A step taller than the window is read from its top.
  if (top < header || (bottom > end && top > header)) {
    article.scrollIntoView({ block: bottom - top > end - header ? "start" : "nearest", behavior });
  }
}
