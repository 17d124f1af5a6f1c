/** Opening and closing all steps: what was asked for holds for the steps that come later, too. */

export class Folds {
  constructor(root) {
    this.root = root;
    // Not observed before somebody asks: until then steps stand as they come.
    this.arrivals = null;
  }

  /** Open (or close) every part of every step. A part that a person opens or closes afterwards stays as they left it. */
  setAll(open) {
    set(this.root, open);
    this.arrivals?.disconnect();
    this.arrivals = new MutationObserver((changes) => {
      for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
        if (node.matches?.("article")) set(node, open);
      }
    });
    this.arrivals.observe(this.root, { childList: true, subtree: true });
  }

  /** Close all where any part is open, else open all. */
  toggleAll() {
    this.setAll(!this.root.querySelector("details[open]"));
  }
}

function set(place, open) {
  for (const part of place.querySelectorAll("details")) part.open = open;
}
