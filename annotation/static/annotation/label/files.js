/** The list of files: beside the trace as the person left it; above it, in a narrow window, closed until it is wanted. */

import { byId } from "./dom.js";

const CHOICE = "potato-files";

export function startFiles() {
  const list = byId("filetree");
  if (!list) return;
  const narrow = matchMedia("(max-width: 1180px)");
  const arrange = () => (list.open = !narrow.matches && read() !== "closed");
  list.addEventListener("toggle", () => narrow.matches || write(list.open ? "open" : "closed"));
  narrow.addEventListener("change", arrange);
  arrange();
}

export function toggleFiles() {
  byId("filetree")?.toggleAttribute("open");
}

function read() {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null;
  }
}

function write(value) {
  try {
    localStorage.setItem(CHOICE, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
