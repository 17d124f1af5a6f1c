/** Process reward labels: the first wrong step, or a label on every step. */

import { paintProgress, stepsIn } from "../label/generic.js";
import { wellFormed } from "../label/ids.js";
import { registerScheme } from "../label/registry.js";

const GLYPHS = { correct: "✓", incorrect: "✗", partially_correct: "~", neutral: "○" };

const STOP = "stop_at_first_error";

registerScheme("process_reward", {
  step(el, index, api) {
    const first = api.scheme.mode === "first_error";
    const label = api.asks(index) ? labelAt(index, api.answers(), api.scheme) : null;
    const key = first ? "first_error" : String(index);
    const isClicked = first && api.value(key)?.step === index;
    const save = label ? api.stateOf(key) : "saved";
    for (const button of el.querySelectorAll("[data-action=label], [data-action=first_error]")) {
      const pressed = first ? isClicked : button.dataset.value === label;
      button.setAttribute("aria-pressed", String(pressed));
    }
    el.dataset.save = save;
    // Where steps have labels of their own the pressed button says it.
    if (first) paintVerdict(el.querySelector("[data-part=verdict]"), label, save, api);
    paintReason(el, first ? isClicked : label !== null, api.value(key)?.reason ?? "", api);
    paintSuggestion(el, index, api);
    if (api.colors) paintArticle(el.closest("article"), label, save, api, isClicked && api.scheme.highlight_clicked_step);
  },

  panel(el, api) {
    paintOffer(el, api);
    if (api.scheme.mode !== "first_error") {
      const place = el.querySelector("[data-part=progress]");
      if (place) paintProgress(place, api, "labeled");
      if (api.scheme.mode === STOP) el.querySelector("[data-part=verdict]").textContent = stopSentence(api);
      return;
    }
    const mark = api.value("first_error");
    el.dataset.save = mark ? api.stateOf("first_error") : "saved";
    el.querySelector("[data-part=verdict]").textContent = sentence(mark, api);
    press(el.querySelector("[data-action=all_correct]"), mark?.step === null);
    press(el.querySelector("[data-action=all_incorrect]"), mark?.step === api.steps()[0]);
  },

  action(name, value, api, at) {
    if (name === "reason") openReason(at.element.closest("[data-scheme]"));
    else if (name === "label") toggleLabel(value, api, at);
    else if (name === "accept") accept(api, at);
    else if (name === "accept_all") acceptAll(api);
    else if (name === "all_correct") markFirst(null, api);
    else if (name === "all_incorrect" && api.steps().length) markFirst(api.steps()[0], api);
    else if (name === "first_error" && api.asks(at.step)) {
      if (api.value("first_error")?.step === at.step) clear(api);
      else markFirst(at.step, api);
    }
  },

  input(element, api, { step }) {
    const key = api.scheme.mode === "first_error" ? "first_error" : String(step);
    api.typed(element, () => ({ [key]: withReason(api.value(key), wellFormed(element.value)) }));
  },

  labeled(index, api) {
    return Object.hasOwn(api.answers(), api.scheme.mode === "first_error" ? "first_error" : String(index));
  },

  missing(api) {
    const { title, mode, require_all_steps: all, allow_all_correct: orAll } = api.scheme;
    if (mode === "first_error") {
      const hint = `mark the first wrong step${orAll ? ", or “All Correct”" : ""}`;
      return api.value("first_error") ? [] : [{ message: `“${title}”: ${hint}` }];
    }
    const open = api.steps().filter((step) => !api.value(String(step)));
    if (all || mode === STOP) return open.map((step) => ({ message: `step ${step} has no label`, step }));
    return open.length && open.length === api.steps().length ? [{ message: `“${title}” has no answer yet` }] : [];
  },

  narrows: (scheme) => scheme.mode === STOP,

  /** Nothing is asked behind the first wrong step. */
  narrow(steps, answers, scheme) {
    if (scheme.mode !== STOP) return steps;
    const stop = steps.findIndex((step) => isWrong(answers[step]?.label, scheme));
    return stop < 0 ? steps : steps.slice(0, stop + 1);
  },

  said(answers, scheme, steps) {
    const labels = steps.map((step) => [step, labelAt(step, answers, scheme)]);
    return Object.fromEntries(labels.filter(([, label]) => label !== null).map(([step, label]) => [step, [label]]));
  },

  hasError(answers, scheme, steps) {
    if (scheme.mode === "first_error") return Number.isInteger(answers.first_error?.step);
    return this.errors(answers, scheme, steps).length > 0;
  },

  errors(answers, scheme, steps) {
    return steps.filter((step) => isWrong(labelAt(step, answers, scheme), scheme));
  },

  summary(api) {
    if (api.scheme.mode === "first_error") return sentence(api.value("first_error"), api);
    const given = api.steps().map((step) => api.value(String(step))?.label);
    const counts = api.scheme.labels.map(({ value, text }) => [text, given.filter((label) => label === value).length]);
    return counts.filter(([, n]) => n).map(([text, n]) => `${text}: ${n}`).join(", ") || "No step labeled";
  },
});

function isWrong(value, scheme) {
  return scheme.labels.some((label) => label.value === value && label.wrong);
}

/** The label of a step. A first-error mark gives all before it the right label, it and all after it the wrong one. */
function labelAt(index, answers, scheme) {
  if (scheme.mode !== "first_error") return answers[index]?.label ?? null;
  const mark = answers.first_error;
  if (!mark) return null;
  const isBefore = mark.step === null || index < mark.step;
  return scheme.labels.find(({ wrong }) => wrong !== isBefore).value;
}

function sentence(mark, api) {
  if (!mark) return "No step marked yet";
  if (mark.step === null) return api.steps().length === 1 ? "The one step is correct" : `All ${stepsIn(api)} correct`;
  return `First error: step #${mark.step} · ${stepsIn(api)}`;
}

function stopSentence(api) {
  const last = api.steps().at(-1);
  const isError = last !== undefined && isWrong(api.value(String(last))?.label, api.scheme);
  return isError ? `First error: step #${last}. Steps behind it are not labeled.` : "";
}

function markFirst(step, api) {
  const mark = { ...api.value("first_error"), step };
  if (step === null) delete mark.reason;
  api.set({ first_error: withOrigin(mark, api.suggested("first_error")) });
  api.announce(sentence(mark, api));
  if (step !== null && api.scheme.auto_scroll_on_click) api.goTo(step, { block: "start" });
}

function clear(api) {
  api.set({ first_error: null });
  api.announce("The mark is removed");
}

function toggleLabel(value, api, { step }) {
  if (!api.asks(step)) return;
  const key = String(step);
  const now = api.value(key);
  const labeled = () => withOrigin({ ...now, label: value }, api.suggested(key));
  api.set({ [key]: now?.label === value ? null : labeled() });
}

/** Whose label it is, by the rule of annotation.schemes.suggestions.origin, which decides. */
function withOrigin(answer, hint) {
  const part = "label" in answer ? "label" : "step";
  return { ...answer, origin: !hint ? "human" : answer[part] === hint[part] ? "ai" : "ai_changed" };
}

function accept(api, { step }) {
  const key = api.scheme.mode === "first_error" ? "first_error" : String(step);
  const hint = api.suggested(key);
  if (!hint || (key !== "first_error" && !api.asks(step))) return;
  api.set({ [key]: { ...hint, origin: "ai" } });
  if (key === "first_error") api.announce(sentence(hint, api));
}

/** Every suggestion for a step that has no label yet; as one change, so that one undo takes it back. */
function acceptAll(api) {
  if (api.scheme.mode === "first_error") return accept(api, { step: null });
  const set = {};
  for (const step of api.steps()) {
    const hint = api.suggested(String(step));
    const now = api.value(String(step));
    if (hint && !now) set[step] = { ...hint, origin: "ai" };
    if (api.scheme.mode === STOP && isWrong((now ?? hint)?.label, api.scheme)) break;
  }
  const n = Object.keys(set).length;
  if (n) api.set(set);
  api.announce(`${n} suggestion${n === 1 ? "" : "s"} accepted`);
}

function withReason(answer, reason) {
  if (!answer) return null;
  const { reason: _, ...rest } = answer;
  return reason.trim() ? { ...rest, reason } : rest;
}

function press(button, pressed) {
  button?.setAttribute("aria-pressed", String(pressed));
}

function labelOf(value, api) {
  return api.scheme.labels.findIndex((label) => label.value === value);
}

function paintVerdict(place, label, save, api) {
  place.textContent = label === null ? "" : `${GLYPHS[label] ?? "•"} ${api.scheme.labels[labelOf(label, api)].text}`;
  place.dataset.save = save;
}

/** What the trace suggests for this step, and what became of it. */
function paintSuggestion(el, index, api) {
  const first = api.scheme.mode === "first_error";
  const hint = api.suggested(first ? "first_error" : String(index));
  const isHere = hint && (!first || hint.step === index);
  const place = el.querySelector("[data-part=suggestion]");
  if (!place) return;
  place.hidden = !isHere;
  if (!isHere) return;
  const given = api.value(first ? "first_error" : String(index));
  const text = first ? "first error here" : api.scheme.labels[labelOf(hint.label, api)].text;
  const done = { ai: "confirmed", ai_changed: "changed" }[given?.origin] ?? "";
  place.dataset.state = done || "open";
  place.querySelector("[data-part=suggested]").textContent = `Suggested: ${text}${done && ` · ${done}`}`;
  place.querySelector("[data-part=why]").textContent = hint.reason ?? "";
  place.querySelector("[data-action=accept]").hidden = Boolean(done);
}

/** The line above the labels: what is suggested, by whom, and how much of it is settled. */
function paintOffer(el, api) {
  const place = el.querySelector("[data-part=offer]");
  if (!place) return;
  const first = api.scheme.mode === "first_error";
  const keys = (first ? ["first_error"] : api.steps().map(String)).filter((key) => api.suggested(key));
  place.hidden = !keys.length;
  if (!keys.length) return;
  const settled = keys.filter((key) => api.value(key)).length;
  const by = api.suggestedBy ? ` by ${api.suggestedBy}` : "";
  const what = first ? sentence(api.suggested("first_error"), api) : `${settled} of ${keys.length} settled`;
  place.querySelector("[data-part=offered]").textContent = `Suggested${by}: ${what}`;
  place.querySelector("[data-action=accept_all]").hidden = settled === keys.length;
}

function paintReason(el, isOffered, reason, api) {
  const field = el.querySelector("[data-part=reason]");
  if (!field) return;
  const isOpen = isOffered && (reason !== "" || field.dataset.open === "yes");
  field.hidden = !isOpen;
  el.querySelector("[data-action=reason]").hidden = !isOffered || isOpen;
  if (!api.isTyping(field) && field.value !== reason) field.value = reason;
}

function openReason(el) {
  const field = el.querySelector("[data-part=reason]");
  field.dataset.open = "yes";
  field.hidden = false;
  el.querySelector("[data-action=reason]").hidden = true;
  field.focus();
}

/** Bar and tint of the whole step. The words beside it say the same. */
function paintArticle(article, label, save, api, isClicked) {
  const color = label === null ? "" : `c-${api.scheme.name}-${labelOf(label, api)}`;
  if (article.dataset.color !== color) {
    if (article.dataset.color) article.classList.remove(article.dataset.color);
    if (color) article.classList.add(color);
    article.dataset.color = color;
  }
  article.classList.toggle("is-labeled", label !== null);
  article.classList.toggle("is-clicked", Boolean(isClicked));
  if (label === null) delete article.dataset.label;
  else article.dataset.label = label;
  article.dataset.save = save;
}
