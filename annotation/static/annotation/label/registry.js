/**
 * The painters of schemes, by `annotation_type`.
 *
 * A scheme whose inputs carry `data-key` (panel) or `data-action="choose" data-value` (steps) needs none. One that needs
 * more registers, from its own module, an object with any of:
 *
 *   step(el, index, api)            paint the control of one step
 *   panel(el, api)                  paint the part in the panel
 *   action(name, value, api, at)    a key or a [data-action] element was used; at = {step, element, byKey}; true: done
 *   input(element, api, at)         something was typed into a [data-part] field
 *   labeled(index, api)             has this step what the scheme asks of it?
 *   missing(api)                    [{message, step?}] still to be answered
 *   unfinished(api)                 the same, of an optional question: what was begun and is no answer yet
 *   narrows(scheme), narrow(steps, answers, scheme)    whether its answers decide which steps it asks; those it still asks
 *   final(answers, scheme, steps)   what of the answers would be submitted; `steps` are those it is asked of
 *   said(answers, scheme, steps)    {key: [plain values]}, what the conditions of other schemes compare
 *   hasError(answers, scheme, steps), errors(answers, scheme, steps)    what `show_if: has_error` asks; the wrong steps
 *   move(by, api)                   "next step" (1) or "previous step" (-1) was pressed; true: it meant something else here
 *   leave(api)                      Escape was pressed; true: there was something to leave
 *   keys                            [{key, action, text}] it takes where the project and the page leave them free
 *   places(scheme)                  [{place, keys: [{key, text}]}] it takes in one place only, for the list of shortcuts
 *   words(key, value)               a value in words where the page cannot know them
 *   summary(api)                    the answer in words, for the review before submitting
 *
 * `api` is described in page.js.
 */

const painters = new Map();
let generic = {};

export function registerScheme(type, painter) {
  painters.set(type, painter);
}

/** What every painter falls back on. */
export function registerGeneric(painter) {
  generic = painter;
}

export function painterOf(type) {
  return { ...generic, ...painters.get(type) };
}
