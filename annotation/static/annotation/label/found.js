/** Where a text stands in a step that is on the page: ranges for the browser's highlights; no markup is touched. */

import { unfold } from "../schemes/code_review/lines.js";

const NAME = "search";
// More places than these in one step are not marked.
const MAX_RANGES = 1000;
// What the page says beside the trace's own text, and what is there twice.
const NOT_TEXT =
  ".g, .badges, .raw-switch, .preview, .review-comment, .more > summary, .rest > summary, step-controls, file-controls";
// A match does not go from one of these to the next.
const BLOCKS = "div, p, li, td, th, dd, dt, h3, h4, h5, h6, summary, section";

/** Mark every place of `pattern` in `article`, open what folds them, and show the first. Returns how many there are. */
export function mark(article, pattern) {
  let ranges = rangesIn(article, pattern);
  if (!ranges.length) ranges = rangesIn(showRaw(article) ?? article, pattern);
  for (const { startContainer } of ranges) unfold(startContainer.parentElement);
  clear();
  if (window.Highlight) CSS.highlights.set(NAME, new Highlight(...ranges));
  if (ranges.length) reveal(ranges[0]);
  return ranges.length;
}

/** Whether a reader of `element` finds the pattern, be it in what was written before Markdown. */
export function holds(element, pattern) {
  if (!element) return false;
  const written = element.querySelector(".said > .raw")?.textContent ?? "";
  return has(element, pattern) || written.search(pattern) >= 0;
}

/** Whether what is shown of `element`, or folded in it, has the pattern. */
export function has(element, pattern) {
  return textOf(element).text.search(pattern) >= 0;
}

export function clear() {
  CSS.highlights?.delete(NAME);
}

/** The words as a pattern: plain text, in upper or lower case. */
export function patternOf(words) {
  return new RegExp(words.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
}

/** Signs of Markdown are in the raw text only: the switch of the messages shows it. */
function showRaw(article) {
  const switches = article.querySelectorAll(".raw-switch input:not(:checked)");
  for (const box of switches) box.click();
  return switches.length ? article : null;
}

function rangesIn(article, pattern) {
  const { text, pieces } = textOf(article);
  const ranges = [];
  for (const { index, 0: words } of text.matchAll(pattern)) {
    const range = document.createRange();
    range.setStart(...placeIn(pieces, index));
    range.setEnd(...placeIn(pieces, index + words.length - 1, 1));
    ranges.push(range);
    if (ranges.length === MAX_RANGES) break;
  }
  return ranges;
}

/** What a step says, a line break between its blocks, and where each text node of it begins. */
function textOf(article) {
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
    node.nodeType === Node.TEXT_NODE ? NodeFilter.FILTER_ACCEPT : isText(node) ? NodeFilter.FILTER_SKIP : NodeFilter.FILTER_REJECT,
  );
  const pieces = [];
  let text = "";
  let before = null;
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const block = node.parentElement.closest(BLOCKS);
    if (before && block !== before) text += "\n";
    before = block;
    pieces.push({ start: text.length, node });
    text += node.data;
  }
  return { text, pieces };
}

function isText(element) {
  if (element.matches(NOT_TEXT)) return false;
  // Of a message in Markdown one of the two is shown.
  const isRaw = element.matches(".said > .raw");
  if (!isRaw && !element.matches(".said > .prose")) return true;
  return element.parentElement.querySelector(".raw-switch input").checked === isRaw;
}

/** [text node, offset] of a place in the text, `after` characters behind it. */
function placeIn(pieces, index, after = 0) {
  let [low, high] = [0, pieces.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pieces[middle].start <= index) low = middle;
    else high = middle - 1;
  }
  return [pieces[low].node, index - pieces[low].start + after];
}

/** Scroll all that scrolls until the range is in sight: what is above it takes its true height only when it comes near. */
function reveal(range, frames = 12, before = null) {
  for (let box = range.startContainer.parentElement; box; box = box.parentElement) {
    if (box === document.scrollingElement) break;
    if (box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY)) centre(range, box);
    if (box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX)) sideways(range, box);
  }
  const { top } = range.getBoundingClientRect();
  const head = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
  if (top < head || top > innerHeight * 0.8) scrollBy({ top: top - innerHeight * 0.4, behavior: "instant" });
  const now = range.getBoundingClientRect().top;
  if (frames && (before === null || Math.abs(now - before) > 1)) {
    requestAnimationFrame(() => reveal(range, frames - 1, now));
  }
}

function centre(range, box) {
  box.scrollTop += range.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight * 0.4;
}

function sideways(range, box) {
  const [words, frame] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
  if (words.left < frame.left) box.scrollLeft += words.left - frame.left - 40;
  else if (words.right > frame.right) box.scrollLeft += words.right - frame.right + 40;
}
