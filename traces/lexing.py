"""Source code as highlighted lines of HTML, in a process of its own.

Some lexers take quadratic time or worse on hostile input and cannot be interrupted from inside, so this module runs as
a child (``python -m traces.lexing``, started by traces.highlight) under an alarm clock that nobody catches: the kernel
ends it, even in the middle of a regular expression. One JSON request a line on stdin, ``[lexer name, [text, ...]]``;
one reply a line: for each text its lines as HTML, or null.
"""

from __future__ import annotations

import signal
import sys
from functools import cache
from itertools import groupby

import orjson
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

from traces.markup import Html, esc

# One letter is a class of the stylesheet. Names, operators and punctuation stay plain: they are half of all tokens.
CLASSES = {
    Token.Comment: "c",
    Token.Keyword: "k",
    Token.Keyword.Type: "t",
    Token.Operator.Word: "k",
    Token.Literal.String: "s",
    Token.Literal.String.Escape: "e",
    Token.Literal.String.Interpol: "e",
    Token.Literal.Number: "n",
    Token.Literal.Date: "n",
    Token.Name.Attribute: "t",
    Token.Name.Builtin: "t",
    Token.Name.Class: "f",
    Token.Name.Constant: "n",
    Token.Name.Decorator: "d",
    Token.Name.Entity: "e",
    Token.Name.Exception: "t",
    Token.Name.Function: "f",
    Token.Name.Label: "d",
    Token.Name.Namespace: "f",
    Token.Name.Tag: "k",
    Token.Name.Variable: "d",
    Token.Generic.Heading: "k",
}


@cache
def class_of(token: _TokenType) -> str:
    """The class of the nearest ancestor that has one, else nothing."""
    if token in CLASSES:
        return CLASSES[token]
    return class_of(token.parent) if token.parent is not None else ""


def lines(text: str, lexer: Lexer) -> list[Html] | None:
    """``text`` by lines, every token closed before the line ends. None if the lexer changed the text."""
    rows: list[list[str]] = [[]]
    length = 0
    # Not get_tokens(): it strips and rewrites line ends, and then lines would no longer match their numbers.
    tokens = ((class_of(kind), value) for _, kind, value in lexer.get_tokens_unprocessed(text + "\n"))
    for name, group in groupby(tokens, key=lambda token: token[0]):
        value = "".join(piece for _, piece in group)
        length += len(value)
        for index, piece in enumerate(value.split("\n")):
            if index:
                rows.append([])
            if piece:
                rows[-1].append(
                    f'<span class="{name}">{esc(piece)}</span>' if name and not piece.isspace() else esc(piece)
                )
    rows.pop()
    if length != len(text) + 1:
        return None
    return [Html("".join(row)) for row in rows]


def answer(request: bytes) -> list[list[Html]] | None:
    """The reply to one request; null for an unknown lexer or where a lexer failed."""
    name, texts = orjson.loads(request)
    try:
        lexer = get_lexer_by_name(name)
        replies = [lines(text, lexer) for text in texts]
    except (ClassNotFound, RecursionError, ValueError, IndexError, KeyError, AttributeError, TypeError):
        return None
    done = [reply for reply in replies if reply is not None]
    return done if len(done) == len(replies) else None


def main(seconds: float) -> None:
    """Answer until stdin ends, which it does when the parent is gone, or until an answer takes longer than that."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _reply(b"ready")
    for request in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        reply = orjson.dumps(answer(request))
        signal.setitimer(signal.ITIMER_REAL, 0)
        _reply(reply)


def _reply(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
