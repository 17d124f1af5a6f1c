/** The keys that work in one place only, for the list of shortcuts: `[{place, keys: [{key, text}]}]`. */

export const OF_SEARCH = {
  place: "In the search",
  keys: [
    { key: "Enter", text: "Next place" },
    { key: "Shift Enter", text: "Previous place" },
    { key: "Ctrl Enter", text: "Stay at what was found" },
    { key: "Escape", text: "Back to where you were" },
  ],
};
const AT_LABELS = { place: "At the labels of a step", keys: [{ key: "← →", text: "From label to label" }] };

/** Those of a labeling page; what a scheme has of its own is named by its painter. */
export function placesOf({ page, search }) {
  const controls = document.getElementById("step-controls").content;
  const reasons = document.querySelectorAll("#skip [name=why]").length;
  return [
    ...page.entries.flatMap(({ scheme, painter }) => painter.places?.(scheme) ?? []),
    ...(controls.querySelector(".label-buttons button.label-button") ? [AT_LABELS] : []),
    ...(search ? [OF_SEARCH] : []),
    ...(reasons ? [{ place: "When you skip the item", keys: [{ key: `1 – ${reasons}`, text: "Choose a reason" }] }] : []),
  ];
}
