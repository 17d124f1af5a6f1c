/** What the annotators answered, beside an adjudicator's own answers: hidden until asked for, and taken over on demand. */

import { said } from "../said.js";
import { byId } from "./dom.js";
import { newId } from "./ids.js";
import { announce, notify } from "./notices.js";
import { setSheet } from "./sheet.js";

export class Voices {
  /** Null where nobody adjudicates. */
  static find(parts) {
    return parts.state.voices ? new Voices(parts) : null;
  }

  constructor({ state, store, drafts, trace }) {
    Object.assign(this, { store, drafts, trace, voices: state.voices });
    byId("voices").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-voices]");
      if (button?.dataset.voices === "toggle") this.toggle();
      else if (button) this.take(button.dataset.letter);
    });
    this.#show(state.voices.shown);
  }

  get isShown() {
    return !byId("voices-body").hidden;
  }

  toggle({ focus = false } = {}) {
    this.#show(!this.isShown);
    announce(this.isShown ? "The others’ answers are shown." : "The others’ answers are hidden.");
    if (!focus) return;
    setSheet(this.isShown);
    if (this.isShown) byId("voices-body").focus();
    else this.trace.goTo(this.trace.current);
  }

  #show(shown) {
    byId("voices-body").hidden = !shown;
    byId("voices-show").setAttribute("aria-expanded", String(shown));
    byId("voices-show").querySelector("span").textContent = shown ? "Hide answers" : "Show answers";
    for (const controls of this.trace.controls()) this.fill(controls);
  }

  /** What was said of one step, below its own controls. */
  fill(controls) {
    controls.querySelector(".voices-step")?.remove();
    const places = this.isShown ? (this.voices.steps[controls.step] ?? []) : [];
    if (!places.length) return;
    const box = document.createElement("div");
    box.className = "voices-step";
    box.append(...places.map(said));
    controls.append(box);
  }

  /** All of one person's answers, through the same queue as one's own; undone in one go. */
  take(letter) {
    this.drafts.flush();
    const group = newId();
    let differs = false;
    for (const [scheme, theirs] of Object.entries(this.voices.answers[letter])) {
      const none = Object.fromEntries(Object.keys(this.store.answers(scheme)).map((key) => [key, null]));
      differs = this.store.set(scheme, { ...none, ...theirs }, { group }) || differs;
    }
    if (!differs) announce(`These are ${letter}’s answers already.`);
    else notify("taken", `${letter}’s answers are yours now: change what you see otherwise.`, [{ text: "Undo", run: () => this.#undo(group) }]);
  }

  #undo(group) {
    if (this.store.undoable.at(-1)?.group === group) this.store.undo();
    else announce("You have changed something since: z takes back one change after the other.");
  }
}
