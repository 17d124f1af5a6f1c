/** The keys of a review that work in one place only, for the list of shortcuts. */

export function placesOf(scheme) {
  return scheme.comments ? [WHILE_CHOOSING, inComment(scheme)] : [];
}

const WHILE_CHOOSING = {
  place: "While lines are chosen",
  keys: [
    { key: "↑ ↓", text: "Choose another line" },
    { key: "Shift ↑ ↓", text: "Choose more lines, as the keys of the next and the previous step do" },
  ],
};

function inComment({ categories }) {
  const n = Math.min(9, categories.length);
  const choose = { key: n > 1 ? `Alt 1 – ${n}` : "Alt 1", text: "Choose the category" };
  return {
    place: "In a comment",
    keys: [
      { key: "Ctrl Enter", text: "Save the comment" },
      ...(n ? [choose] : []),
      { key: "Escape", text: "Close it; what is typed stays as a draft" },
    ],
  };
}
