"""Numbers that come in as text: of an address, a form, a cursor."""

from __future__ import annotations

# What the widest column of a database holds.
MOST = 2**63 - 1


def whole_number(text: str) -> int | None:
    """``text`` as a whole number from 0; None for anything else, also for one that no row could have.

    ``str.isdigit`` alone lets through "²", which ``int`` refuses, and thousands of digits.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MOST)) or int(text) > MOST:
        return None
    return int(text)
