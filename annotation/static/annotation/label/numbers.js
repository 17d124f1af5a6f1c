/**
 * Numbers that are typed: into text fields, since an English browser makes 15 of "1,5" in one that is for numbers.
 *
 * `data-takes` of a field says in words what is an answer, `data-min`, `data-max` and `data-step` ("any") the same for
 * the page: the rules of annotation.schemes.numbers.
 */

// Signs and marks as other keyboards have them. The Arabic mark of decimals parts no thousands.
const SIGNS = { "−": "-", "－": "-", "＋": "+", "．": ".", "，": ",", "٫": "." };
const NUMBER = /^([+-]?)(\d*)(?:[.,](\d*))?(?:e([+-]?\d+))?$/i;
// Digits that would be three of thousands behind a mark: "1,500" is 1500 to some, and 1.5 to others.
const GROUP = /^[+-]?[1-9]\d{0,2}[.,]\d{3}$/;
// So far from a stop, in steps, is at it: decimals are not exact.
const NEAR = 1e-6;

export function isNumberField(element) {
  return element.dataset.takes !== undefined || element.type === "number";
}

/** {value, problem}: the number in a field, null where it is empty; or why it holds none that is an answer, in words. */
export function numberIn(field) {
  const text = inAscii(field.value.trim());
  if (text === "") return { value: null, problem: "" };
  const [, sign, whole, fraction = "", power = "0"] = NUMBER.exec(text) ?? [];
  if (sign === undefined || !(whole || fraction)) return { value: null, problem: `“${text}” is not a number.` };
  const value = Number(`${sign}${whole || "0"}.${fraction || "0"}e${power}`);
  // A point is the mark of decimals on this page; where there are none, it can only part thousands.
  if (GROUP.test(text) && (text.includes(",") || isWhole(field))) {
    const thousands = text.replace(/[.,]/, "");
    return { value: null, problem: `“${text}” can mean ${thousands} or ${value}: type the one you mean like that.` };
  }
  // Beyond, a browser cannot tell a whole number from the next.
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return { value: null, problem: `“${text}” is too large a number.` };
  return { value, problem: isTaken(value, field) ? "" : `This takes ${field.dataset.takes ?? "another number"}.` };
}

/** Digits, signs and marks of decimals of any script as those of ASCII: potato_site.numbers.in_ascii. */
function inAscii(text) {
  return text.replace(/[−－＋．，٫]/g, (sign) => SIGNS[sign]).replace(/[^\P{Nd}0-9]/gu, digit);
}

/** Digits stand in rows of ten, from 0 on; a row may follow another one. */
function digit(character) {
  const place = character.codePointAt(0);
  let before = place;
  while (/\p{Nd}/u.test(String.fromCodePoint(before - 1))) before -= 1;
  return String((place - before) % 10);
}

/** An arrow key in a number field goes to the next number that is taken, up or down. */
export function listenToArrows(root) {
  root.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const field = event.target;
    if (!by || !field.matches?.("input[data-takes]") || field.readOnly || event.ctrlKey || event.metaKey || event.altKey) return;
    // The key chooses what an input method offers.
    if (event.isComposing) return;
    event.preventDefault();
    const next = nextIn(field, by);
    if (next === null) return;
    field.value = String(next);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function limits({ dataset }) {
  const of = (text, without) => (text === undefined ? without : Number(text));
  const step = dataset.step === undefined || dataset.step === "any" ? null : Number(dataset.step);
  return {
    min: of(dataset.min, Number.MIN_SAFE_INTEGER),
    max: of(dataset.max, Number.MAX_SAFE_INTEGER),
    from: of(dataset.min, 0),
    step,
  };
}

function isWhole(field) {
  const { from, step } = limits(field);
  return step !== null && Number.isInteger(step) && Number.isInteger(from);
}

function isTaken(value, field) {
  const { min, max, from, step } = limits(field);
  if (!(min <= value && value <= max)) return false;
  const places = step === null ? 0 : (value - from) / step;
  return Math.abs(places - Math.round(places)) <= NEAR;
}

/** The number that an arrow key leads to; null where there is none. */
function nextIn(field, by) {
  const { value } = numberIn(field);
  if (value === null && field.value.trim()) return null;
  const { min, max, from, step } = limits(field);
  const start = value ?? within(0, min, max);
  // The first press in an empty field shows where the numbers begin.
  const begins = value === null && start !== 0;
  if (step === null) return begins ? start : ahead(start, within(exact(start + by), min, max), by);
  const places = (start - from) / step;
  const near = Math.round(places);
  const isStop = Math.abs(places - near) <= NEAR;
  const to = begins ? Math.floor(places + NEAR) : isStop ? near + by : by > 0 ? Math.ceil(places) : Math.floor(places);
  // The last stop may lie before the limit.
  const place = within(to, Math.ceil((min - from) / step - NEAR), Math.floor((max - from) / step + NEAR));
  const next = exact(from + place * step);
  return begins ? next : ahead(start, next, by);
}

function within(number, least, most) {
  return Math.min(most, Math.max(least, number));
}

function ahead(start, next, by) {
  return (next - start) * by > 0 ? next : null;
}

/** Without what adding left behind the decimals: 0.30000000000000004 is 0.3. */
function exact(number) {
  return Number.isInteger(number) ? number : Number(number.toPrecision(15));
}
