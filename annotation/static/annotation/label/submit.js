/** Submitting: what is missing, the review, the request, and what became of it. */

import { byId } from "./dom.js";
import { newId } from "./ids.js";
import { announce, notify } from "./notices.js";
import { send } from "./requests.js";
import { setSheet } from "./sheet.js";

const RETRY_MS = [1000, 2000, 4000];
// More gaps than these are only counted.
const LISTED = 50;
// When no more than this is left of the minimum time, nobody is sent away: the page waits and submits by itself.
const SOON_SECONDS = 3;
const LOOK_MS = 200;

export class Submission {
  constructor({ page, store, sender, drafts, presence, onsubmitted }) {
    Object.assign(this, { page, store, sender, drafts, presence, onsubmitted });
    // One id until it has worked: trying again is the same submission.
    this.id = newId();
    // It is confirmed, and waits for the rest of the minimum time.
    this.isDue = false;
    byId("submit-button").addEventListener("click", () => this.begin());
    byId("confirm").addEventListener("click", () => this.#submit());
    byId("back").addEventListener("click", () => this.back());
  }

  get isReviewing() {
    return !byId("review").hidden;
  }

  /** Submit, or show first what is missing, what was refused, or the review. */
  begin() {
    if (this.busy || this.isDue) return;
    this.drafts.flush();
    if (this.store.refused.size) {
      this.#complain([{ message: "A change was refused. Settle it in the notice above first." }]);
      document.querySelector(".notice button")?.focus();
      return;
    }
    const missing = this.page.missing();
    if (missing.length) this.#complain(missing);
    else if (this.presence.left() > SOON_SECONDS) this.#wait(this.presence.left());
    else if (this.page.state.schemes.some((scheme) => scheme.confirmation_dialog)) this.#review();
    else this.#submit();
  }

  /** Leave the review. */
  back() {
    this.#leave();
    byId("submit-button").focus();
  }

  /** An answer has changed: what is confirmed is what is listed, and complete. The focus stays where it is. */
  changed() {
    this.callOff();
    if (!this.isReviewing || this.busy) return;
    if (this.page.missing().length) this.#leave();
    else this.#list();
  }

  /** What waits for its time is not submitted: something has changed since it was confirmed. */
  callOff() {
    if (!this.isDue) return;
    this.isDue = false;
    this.presence.say();
  }

  #leave() {
    byId("review").hidden = true;
    byId("finish").hidden = false;
  }

  #review() {
    this.#list();
    byId("finish").hidden = true;
    byId("review").hidden = false;
    setSheet(true);
    byId("confirm").focus({ preventScroll: true });
  }

  #list() {
    const lines = this.page.asked().flatMap(({ scheme, painter, api }) => {
      const term = document.createElement("dt");
      term.textContent = scheme.title;
      const words = document.createElement("dd");
      words.textContent = painter.summary(api);
      return [term, words];
    });
    byId("review-answers").replaceChildren(...lines);
  }

  async #submit() {
    if (this.busy) return;
    if (this.sender.rehearses) {
      if (this.isReviewing) this.back();
      notify("submit", "Here the item would be submitted, and the next one would open. Nothing was saved.");
      return;
    }
    if (this.presence.left()) {
      await this.#soon();
      return;
    }
    this.busy = true;
    this.#waiting(true);
    const fits = await this.sender.hold();
    const { status, body } = fits ? await this.#send() : { status: 0, body: {} };
    if (status === 200) {
      await this.sender.delivered(this.carried);
      this.onsubmitted();
      location.assign(body.next);
      return;
    }
    if (body.reply) await this.sender.settle(body.reply);
    this.sender.release();
    this.busy = false;
    this.#waiting(false);
    if (this.isReviewing) this.back();
    this.#explain(status, body);
  }

  /** Submit when the rest of the minimum time is over, by the server's count as well. */
  async #soon() {
    if (this.isReviewing) this.back();
    this.isDue = true;
    this.presence.say();
    announce(`Submitting in ${this.presence.left()} s.`);
    while (this.isDue && (this.presence.left() || this.presence.busy)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    // Typing is a change, too.
    this.drafts.flush();
    if (!this.isDue) return;
    this.isDue = false;
    await this.#submit();
  }

  /** Post, trying again where the server was not reached, or asked to wait: the submission's id makes that harmless. */
  async #send() {
    for (let attempt = 0; ; attempt += 1) {
      const payload = this.#payload();
      const answer = await send(byId("submit"), "send-submission", payload);
      // Only these two have counted what was read.
      if (answer.status !== 200 && answer.status !== 422) this.presence.giveBack(payload.presence);
      if (answer.status && answer.status < 500 && answer.status !== 429) return answer;
      if (attempt >= RETRY_MS.length) return answer;
      const wait = Math.max(RETRY_MS[attempt], answer.retryAfter * 1000);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #payload() {
    this.carried = this.sender.batch();
    return {
      op_id: this.id,
      tab: this.store.tab,
      version: this.store.version,
      ops: this.carried,
      presence: this.presence.take(),
    };
  }

  #explain(status, body) {
    if (status === 422 && body.changed_elsewhere) {
      this.#complain([{ message: "Another tab has changed answers. They are shown now: look at them, then submit again." }]);
    } else if (status === 422 && body.reply.refused.length) {
      this.#complain([{ message: "A change was refused. Settle it in the notice above first." }]);
    } else if (status === 422 && body.missing.length) {
      this.#complain(body.missing);
    } else if (status === 422) {
      this.presence.waitSeconds(body.wait_seconds);
      if (body.wait_seconds > SOON_SECONDS) this.#wait(body.wait_seconds);
      else this.#soon();
    } else if (status === 401 || status === 403) {
      this.#complain([{ message: "You are signed out. Sign in again in another tab, then submit." }]);
      this.sender.now();
    } else if (status === 429) {
      notify("submit", "Too much was sent at once. Nothing is lost: your answers are kept; submit again in a moment.");
    } else if (status === 410) {
      this.#complain([{ message: body.message }]);
    } else {
      notify("submit", "The server could not be reached. Nothing is lost: your answers are kept; submit again in a moment.");
    }
  }

  #wait(seconds) {
    const message = `Please take your time: you can submit in ${seconds} s.`;
    byId("wait").textContent = message;
    byId("wait").hidden = false;
    announce(message);
  }

  #waiting(yes) {
    byId("submit-button").setAttribute("aria-disabled", String(yes));
    byId("confirm").setAttribute("aria-disabled", String(yes));
    document.body.classList.toggle("is-submitting", yes);
  }

  /** List what is to be done, of the whole item first, with a link to each step, and take the person there. */
  #complain(gaps) {
    const place = byId("missing");
    const title = document.createElement("p");
    title.textContent = gaps.length === 1 ? "Before you submit:" : `Before you submit (${gaps.length}):`;
    const list = document.createElement("ul");
    const ofStep = ({ step }) => step !== null && step !== undefined;
    const sorted = [...gaps.filter((gap) => !ofStep(gap)), ...gaps.filter(ofStep)];
    list.append(...sorted.slice(0, LISTED).map((gap) => this.#gap(gap)));
    if (sorted.length > LISTED) list.append(this.#gap({ message: `and ${sorted.length - LISTED} more` }));
    place.replaceChildren(title, list);
    place.hidden = false;
    setSheet(true);
    (place.querySelector("a") ?? place).focus();
  }

  #gap({ scheme, step, message }) {
    const item = document.createElement("li");
    if (step === null || step === undefined) {
      item.textContent = message;
      this.page.byName.get(scheme)?.panel?.scrollIntoView({ block: "nearest" });
      return item;
    }
    const link = document.createElement("a");
    link.href = `#step-${step}`;
    link.dataset.stepLink = String(step);
    link.textContent = message;
    item.append(link);
    return item;
  }
}

/** What is missing changes with every answer: an old list would be wrong. */
export function forgetMissing() {
  byId("missing").hidden = true;
}
