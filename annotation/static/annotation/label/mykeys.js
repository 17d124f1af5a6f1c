/** A person's own keys (the profile page): `moves` says for each key that is set which one is pressed instead. */

/** The same bindings, by the person's own keys. */
export function moved(bindings, moves) {
  return bindings.map((binding) => ({ ...binding, key: own(binding.key, moves) }));
}

/** What the page shows beside its buttons, and what they tell a screen reader. Before anything is painted. */
export function showOwnKeys(moves) {
  if (!Object.keys(moves).length) return;
  const roots = [document, ...[...document.querySelectorAll("template")].map(({ content }) => content)];
  for (const root of roots) {
    for (const cap of root.querySelectorAll("kbd.key")) cap.textContent = own(cap.textContent, moves);
    for (const element of root.querySelectorAll("[aria-keyshortcuts]")) {
      element.setAttribute("aria-keyshortcuts", own(element.getAttribute("aria-keyshortcuts"), moves));
    }
  }
}

function own(key, moves) {
  return Object.hasOwn(moves, key) ? moves[key] : key;
}
