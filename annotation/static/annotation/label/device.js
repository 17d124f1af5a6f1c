/** Texts kept on this device, by name, for as long as it lets us: its storage may be full or forbidden. */

/** {name: text} of those whose name begins like this. */
export function kept(prefix) {
  try {
    return Object.fromEntries(Object.entries(localStorage).filter(([name]) => name.startsWith(prefix)));
  } catch {
    return {};
  }
}

export function keep(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Then it lasts as long as the page.
  }
}

export function forget(name) {
  try {
    localStorage.removeItem(name);
  } catch {
    // There was nothing to forget.
  }
}
