"""Numbers that come in as text: of an address, a form, a cursor."""

from __future__ import annotations

import re

# What the widest column of a database holds.
MOST = 2**63 - 1


def whole_number(text: str) -> int | None:
    """``text`` as a whole number from 0; None for anything else, also for one that no row could have.

    ``str.isdigit`` alone lets through "²", which ``int`` refuses, and thousands of digits.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MOST)) or int(text) > MOST:
        return None
    return int(text)


# Signs and marks as other keyboards have them. The Arabic mark of decimals parts no thousands.
SIGNS = str.maketrans({"−": "-", "－": "-", "＋": "+", "．": ".", "，": ",", "٫": "."})


def in_ascii(text: str) -> str:
    """``text``, stripped, with digits, signs and marks of decimals of any script as those of ASCII: "٣" and "３" are 3.

    The labeling page has the same rule (label/numbers.js).
    """
    return re.sub(r"\d", lambda digit: str(int(digit[0])), text.strip().translate(SIGNS))


DECIMAL = re.compile(r"[+-]?\d*,\d*", re.ASCII)
# Digits that would be three of thousands behind a comma: "1,500" is 1500 to some, and 1.5 to others.
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


def with_point(text: str) -> str:
    """``text`` with a point as the mark of decimals, where it is a number with a comma; else as it is, in ASCII.

    Raises ValueError, with a sentence, for one that can be read in two ways. The labeling page has the same rule
    (label/numbers.js).
    """
    text = in_ascii(text)
    if THOUSANDS.fullmatch(text):
        thousands, decimals = text.replace(",", ""), f"{float(text.replace(',', '.')):g}"
        raise ValueError(f"“{text}” can mean {thousands} or {decimals}: type the one you mean like that.")
    return text.replace(",", ".") if DECIMAL.fullmatch(text) else text
