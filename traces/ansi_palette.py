"""The stylesheet of terminal colours: 256 of them, readable on light and on dark ground.

``python -m traces.ansi_palette > traces/static/traces/ansi.css`` writes it; a test compares. Every foreground is moved
toward black or white until it stands at least 4.5:1 against the grounds text can lie on. On a coloured ground the text
is black or white, whichever stands out more: one of them always reaches 4.5:1.
"""

from __future__ import annotations

from traces.ansi import CUBE

Color = tuple[int, int, int]

# The grounds of trace.css: a step, an inset, a terminal.
LIGHT_GROUNDS = ("#ffffff", "#f6f8fa")
DARK_GROUNDS = ("#0d1117", "#11161d", "#1a2029")
CONTRAST = 4.5

_LIGHT = """24292f cf222e 116329 7d4e00 0969da 8250df 1b7c83 6e7781
            57606a a40e26 1a7f37 633c01 218bff a475f9 3192aa 8c959f"""
_DARK = """484f58 ff7b72 3fb950 d29922 58a6ff bc8cff 39c5cf b1bac4
           6e7681 ffa198 56d364 e3b341 79c0ff d2a8ff 56d4dd ffffff"""
_XTERM = """000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5
            7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"""


def rgb(text: str) -> Color:
    """``#rrggbb`` or ``rrggbb``."""
    value = int(text.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


def css(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def contrast(one: Color, other: Color) -> float:
    """The ratio of WCAG 2, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def readable(color: Color, grounds: tuple[str, ...], toward: Color) -> Color:
    """``color``, or the nearest mix of it with ``toward`` that stands out from all grounds."""
    for percent in range(0, 101, 2):
        red, green, blue = (round(c + (t - c) * percent / 100) for c, t in zip(color, toward, strict=True))
        mixed = red, green, blue
        if all(contrast(mixed, rgb(ground)) >= CONTRAST for ground in grounds):
            return mixed
    return toward


def palette(first_16: str) -> list[Color]:
    """All 256: the given sixteen, the cube, the greys."""
    cube = [(r, g, b) for r in CUBE for g in CUBE for b in CUBE]
    greys = [(level, level, level) for level in range(8, 248, 10)]
    return [*map(rgb, first_16.split()), *cube, *greys]


def stylesheet() -> str:
    rules = ["/* Made by traces/ansi_palette.py. */"]
    for number, (light, dark) in enumerate(zip(palette(_LIGHT), palette(_DARK), strict=True)):
        on_light = readable(light, LIGHT_GROUNDS, (0, 0, 0))
        on_dark = readable(dark, DARK_GROUNDS, (255, 255, 255))
        rules.append(f".a-fg-{number} {{ color: light-dark({css(on_light)}, {css(on_dark)}); }}")
    for number, ground in enumerate(palette(_XTERM)):
        text = max((0, 0, 0), (255, 255, 255), key=lambda color: contrast(color, ground))
        rules.append(f".a-bg-{number} {{ background: {css(ground)}; color: {css(text)}; }}")
    return "\n".join(rules) + "\n"


if __name__ == "__main__":
    print(stylesheet(), end="")
