/** In a narrow window the panel is a sheet at the bottom: one line with Submit, or all questions. */

export function isSheetOpen() {
  return document.body.classList.contains("sheet-open");
}

export function setSheet(open) {
  document.body.classList.toggle("sheet-open", open);
  document.getElementById("sheet-toggle").setAttribute("aria-expanded", String(open));
}
