/** What the whole run changed, as a place to search: of a page, or of each side of a pair. */

import { byId } from "./dom.js";
import { has } from "./found.js";
import { wholeChange } from "../schemes/code_review/lines.js";

export class AllChanges {
  constructor(pair) {
    const ofPane = (pane) => pane.querySelector('.pane-body[data-view="changes"]');
    this.places = pair ? pair.panes.map(ofPane) : [byId("changes")];
  }

  /** Fetch what is not on the page yet. Resolves to whether all of it is there now. */
  async bring() {
    const there = await Promise.all(this.places.map((place) => wholeChange(place)));
    return there.every(Boolean);
  }

  /** [{file, number}]: the articles of a side in which a reader finds the pattern, and how-manieth they are. */
  found(pattern, side) {
    const files = [...(this.places[side]?.querySelectorAll("article") ?? [])];
    return files.map((file, number) => ({ file, number })).filter(({ file }) => has(file, pattern));
  }

  /** How-manieth file an element is in; -1 where it is in none. */
  numberOf(element) {
    const file = element?.closest("#changes article");
    return file ? [...this.places[0].querySelectorAll("article")].indexOf(file) : -1;
  }
}
