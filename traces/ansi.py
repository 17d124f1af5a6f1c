"""Terminal output as lines of HTML: an allow-list of colours and styles, and nothing else.

Kept: SGR 0–9, 21–29, 30–49, 90–107 with 256 and true colours (mapped to the nearest of 256), as classes ``a-fg-N``,
``a-bg-N``, ``a-bold`` and so on. Conceal (8) is ignored, so nothing can be hidden. Every other sequence is dropped:
cursor moves, titles, device strings. A link (OSC 8) becomes its text followed by the address, as text. Where a
carriage return overwrote a line, the last state shows and the earlier ones are folded under it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from potato_site.counts import plural
from traces.markup import LINE_CHARS, Html, el, esc, join, long_line

# Past this many differently styled pieces the rest of a text is shown in one style: a page must stay a page.
MAX_RUNS = 3_000
# Past this many lines nothing gets an element: all of it is one text.
MAX_LINES = 3_000

# The strings of OSC, DCS, SOS, PM and APC end at their terminator on the same line. One that never ends loses only its
# introducer, so a stray ESC cannot swallow what follows. No class here can match an introducer: linear on any input.
_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d)(?P<osc>[^\x07\x1b\x90\x98\x9c-\x9f\n]*)(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x1b\\|\x9c|\x07)"
    r"|(?:\x1b\[|\x9b)(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b(?:[ #%()*+./-][0-9A-Za-z@]|[78<=>cDEHMNOPVWXZ\[\]\\^_no|}~])?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_OVERSTRIKE = re.compile(r"(.)\x08\1|_\x08(?=[^\x08\n])")


@dataclass(frozen=True, slots=True)
class Style:
    """What SGR has switched on. Colours are palette numbers 0–255."""

    fg: int | None = None
    bg: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    strike: bool = False

    def classes(self) -> str:
        """The classes, empty for plain text. With a background the text is black or white (by the stylesheet):
        a pair of colours chosen by a stranger may be unreadable, or meant to be.
        """
        fg, bg = (self.bg, self.fg) if self.inverse else (self.fg, self.bg)
        names = []
        if bg is not None:
            names.append(f"a-bg-{bg}")
        elif self.inverse:
            names.append("a-inverse")
        elif fg is not None:
            names.append(f"a-fg-{fg}")
        elif self.dim:
            names.append("a-dim")
        names += [f"a-{name}" for name in ("bold", "italic", "underline", "strike") if getattr(self, name)]
        return " ".join(names)


PLAIN = Style()
Run = tuple[str, str]  # classes, text
Line = list[Run]


def lines(text: str, *, colors: bool = True) -> list[Html]:
    """One Html per line of ``text``, each closed in itself. Empty text has no lines; a final newline adds none."""
    rows = enumerate(_terminal_lines(text, colors))
    return [_line(row) if index < MAX_LINES else _plain_line(row) for index, row in rows]


def has_controls(text: str) -> bool:
    """Whether ``bare`` has something to take out."""
    return _CONTROLS.search(text) is not None


def bare(text: str) -> str:
    """``text`` without sequences, overwritten states left in: for a search, which must be quick."""
    if "\x08" in text:
        text = _OVERSTRIKE.sub(r"\1", text)
    return _SEQUENCE.sub("", text) if has_controls(text) else text


def strip(text: str) -> str:
    """``text`` without sequences and overwritten states, for a heading."""
    rows = _terminal_lines(text, colors=False)
    return "\n".join("".join(piece for _, piece in _last_state(row)[0]) for row in rows)


def _terminal_lines(text: str, colors: bool) -> Iterator[Line]:
    """Styled runs by line. A carriage return inside a line is kept as a run of its own."""
    text = text.replace("\r\n", "\n").removesuffix("\n")
    if not text:
        return
    if "\x08" in text:
        text = _OVERSTRIKE.sub(r"\1", text)
    line: Line = []
    for count, (classes, piece) in enumerate(_runs(text, colors)):
        classes = classes if count < MAX_RUNS else ""
        *ended, rest = piece.split("\n")
        for part in ended:
            _append(line, classes, part)
            yield line
            line = []
        _append(line, classes, rest)
    yield line


def _append(line: Line, classes: str, text: str) -> None:
    """Add text, joined to the run before it when that looks the same: an unstyled line is one run."""
    if not text:
        return
    if line and line[-1][0] == classes:
        text = line.pop()[1] + text
    line.append((classes, text))


def _runs(text: str, colors: bool) -> Iterator[Run]:
    style = PLAIN
    link = ""
    end = 0
    for match in _SEQUENCE.finditer(text):
        if match.start() > end:
            yield style.classes() if colors else "", text[end : match.start()]
        end = match.end()
        if (csi := match["csi"]) is not None and csi.endswith("m"):
            style = _sgr(style, csi[:-1])
        elif (osc := match["osc"]) is not None and osc.startswith("8;"):
            if link:
                yield "", f" ({link})"
            link = osc.split(";", 2)[2] if osc.count(";") >= 2 else ""
    yield style.classes() if colors else "", text[end:]
    if link:
        yield "", f" ({link})"


_SWITCHES: dict[int, dict[str, Any]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"inverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"inverse": False},
    29: {"strike": False},
    39: {"fg": None},
    49: {"bg": None},
}
_STANDARD = {30: ("fg", 0), 40: ("bg", 0), 90: ("fg", 8), 100: ("bg", 8)}


def _sgr(style: Style, parameters: str) -> Style:
    """The style after one SGR sequence. Codes that are not on the list change nothing."""
    codes = _codes(parameters[:200])
    while codes:
        code = codes.pop(0)
        decade, unit = code - code % 10, code % 10
        if code == 0:
            style = PLAIN
        elif code in (38, 48):
            color = _extended(codes)
            style = _colored(style, "fg" if code == 38 else "bg", color)
        elif code in _SWITCHES:
            style = replace(style, **_SWITCHES[code])
        elif decade in _STANDARD and unit < 8:
            name, offset = _STANDARD[decade]
            style = _colored(style, name, offset + unit)
    return style


def _colored(style: Style, ground: str, color: int | None) -> Style:
    if color is None:
        return style
    return replace(style, fg=color) if ground == "fg" else replace(style, bg=color)


def _codes(parameters: str) -> list[int]:
    """The numbers of a sequence. Of sub-parameters (``38:2::255:0:0``, ``4:3``) only colours and underlines count."""
    codes: list[int] = []
    for part in parameters.split(";"):
        head, *rest = (int(n) if n.isdecimal() and len(n) < 5 else -1 for n in part.split(":"))
        if not rest:
            codes.append(0 if part == "" else head)
        elif head in (38, 48):
            codes += [head, rest[0], *([n for n in rest[1:] if n >= 0][-3:] if rest[0] == 2 else rest[1:2])]
        elif head == 4:
            codes.append(24 if rest[0] == 0 else 4)
    return codes


def _extended(codes: list[int]) -> int | None:
    """Take ``5;n`` or ``2;r;g;b`` off the front: a palette number. None if it is neither: nothing after it is read."""
    mode = codes.pop(0) if codes else None
    if mode == 5 and codes:
        color = codes.pop(0)
        return color if 0 <= color < 256 else None
    if mode == 2 and len(codes) >= 3:
        red, green, blue = codes.pop(0), codes.pop(0), codes.pop(0)
        return nearest(red, green, blue) if all(0 <= c < 256 for c in (red, green, blue)) else None
    codes.clear()
    return None


CUBE = (0, 95, 135, 175, 215, 255)


def nearest(red: int, green: int, blue: int) -> int:
    """The closest of the palette's colours 16–255: the 6×6×6 cube or the grey ramp."""
    steps = [min(range(6), key=lambda i: abs(CUBE[i] - c)) for c in (red, green, blue)]
    cube = [CUBE[i] for i in steps]
    grey_step = max(0, min(23, round((sum((red, green, blue)) / 3 - 8) / 10)))
    grey = 8 + 10 * grey_step
    wanted = (red, green, blue)
    if sum((grey - c) ** 2 for c in wanted) < sum((a - b) ** 2 for a, b in zip(cube, wanted, strict=True)):
        return 232 + grey_step
    return 16 + 36 * steps[0] + 6 * steps[1] + steps[2]


def _line(line: Line) -> Html:
    shown, overwritten = _last_state(line)
    last = _html(shown)
    length = sum(len(text) for _, text in shown)
    if length > LINE_CHARS:
        last = long_line(*_split(shown, LINE_CHARS), length - LINE_CHARS)
    if not overwritten:
        return last
    title = f"{plural(len(overwritten), 'earlier state')} of this line, overwritten by carriage returns"
    earlier = "\n".join("".join(text for _, text in state) for state in overwritten)
    summary = el("summary", last, el("i", title=title, class_="redrawn", data_times=len(overwritten)))
    return el("details", summary, el("div", earlier, class_="earlier"), class_="overwritten")


def _plain_line(line: Line) -> Html:
    return esc("".join(text for _, text in line).replace("\r", "␍"), badges=0)


def _last_state(line: Line) -> tuple[Line, list[Line]]:
    """What a terminal would show of a line, and the states before it that it overwrote."""
    states: list[Line] = [[]]
    for classes, text in line:
        first, *others = text.split("\r")
        _append(states[-1], classes, first)
        for part in others:
            states.append([])
            _append(states[-1], classes, part)
    states = [state for state in states if any(text.strip() for _, text in state)] or [states[-1]]
    return states[-1], states[:-1]


def _html(runs: Line) -> Html:
    return join(el("span", text, class_=classes) if classes else esc(text) for classes, text in runs)


def _split(runs: Line, limit: int) -> tuple[Html, Html]:
    """The first ``limit`` characters, and the rest."""
    head: Line = []
    for index, (classes, text) in enumerate(runs):
        if len(text) > limit:
            head.append((classes, text[:limit]))
            return _html(head), _html([(classes, text[limit:]), *runs[index + 1 :]])
        head.append((classes, text))
        limit -= len(text)
    return _html(head), Html("")
