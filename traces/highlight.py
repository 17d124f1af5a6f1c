"""Highlighting that cannot hang: an allow-list of languages, caps on size, and a child process that dies in time.

The child (traces.lexing) has one second for a request; the kernel then ends it, and its pipe with it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from potato_site.canonical import canonical, loads
from traces.markup import Html

MAX_CHARS = 50_000
MAX_LINES = 2_000
MAX_LINE_CHARS = 500
SECONDS = 1.0
# What one trace may lose to blocks that ran into the limit, before the rest of it stays plain.
TOTAL_SECONDS = 20.0

# Languages by extension, and by whole name: an allow-list, for every lexer is more code that strangers can feed.
LANGUAGES = {
    "bash": "sh bash zsh",
    "c": "c h",
    "cpp": "cpp cc cxx hpp hh",
    "csharp": "cs",
    "css": "css",
    "docker": "dockerfile",
    "go": "go",
    "html": "html htm vue svelte",
    "ini": "ini cfg conf",
    "java": "java",
    "javascript": "js mjs cjs jsx",
    "json": "json jsonl ipynb",
    "kotlin": "kt kts",
    "lua": "lua",
    "php": "php",
    "python": "py pyi",
    "r": "r",
    "ruby": "rb rake",
    "rust": "rs",
    "scala": "scala",
    "scss": "scss",
    "sql": "sql",
    "swift": "swift",
    "toml": "toml",
    "typescript": "ts tsx mts",
    "xml": "xml svg",
    "yaml": "yaml yml",
}
FILE_NAMES = {
    "dockerfile": "docker",
    "gemfile": "ruby",
    "rakefile": "ruby",
    ".bashrc": "bash",
    ".editorconfig": "ini",
    ".gitconfig": "ini",
}
# What people call a language in Markdown, where that is neither its name nor an extension.
ALIASES = {"c++": "cpp", "c#": "csharp", "golang": "go", "shell": "bash"}
_BY_EXTENSION = {extension: language for language, names in LANGUAGES.items() for extension in names.split()}
_SURROGATE = re.compile("[\ud800-\udfff]")


def language_of(path: str) -> str | None:
    """The language of a file by its name alone; None if it is not on the list. Content is never guessed at."""
    name = PurePosixPath(path[-255:].replace("\\", "/")).name.lower()
    _, dot, extension = name.rpartition(".")
    return FILE_NAMES.get(name) or (_BY_EXTENSION.get(extension) if dot else None)


def name_for(language: str) -> str:
    """A name that a file in that language could have, by what stands at the head of a block of code; "" for nothing."""
    word = (language.split() or [""])[0].lower()
    return f"code.{LANGUAGES.get(ALIASES.get(word, word), word).split()[0]}" if word else ""


def is_language(word: str) -> bool:
    """Whether a word names a language of the list, and says no more than that."""
    word = word.lower()
    return word in LANGUAGES or word in _BY_EXTENSION or word in ALIASES


def is_small_enough(text: str) -> bool:
    return len(text) <= MAX_CHARS and text.count("\n") < MAX_LINES and max(map(len, text.split("\n"))) <= MAX_LINE_CHARS


class Highlighter:
    """A ``Highlight`` for the blocks of one trace. Owns at most one child: use it in a ``with``, in one thread."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._seconds_lost = 0.0

    def __enter__(self) -> Highlighter:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def __call__(self, path: str, texts: Sequence[str]) -> list[list[Html]] | None:
        """Each text as highlighted lines; None where they are to stay plain: unknown name, too large, too slow."""
        language = language_of(path)
        if language is None or not any(texts) or self._seconds_lost > TOTAL_SECONDS:
            return None
        if sum(map(len, texts)) > MAX_CHARS * 2 or not all(map(is_small_enough, texts)):
            return None
        if any(_SURROGATE.search(text) for text in texts):
            return None
        started = time.monotonic()
        reply = self._ask(canonical([language, list(texts)]) + b"\n")
        if reply is None:
            self._seconds_lost += time.monotonic() - started
            return None
        rows = loads(reply)
        return rows and [[Html(row) for row in block] for block in rows]

    def _ask(self, request: bytes) -> bytes | None:
        """One request and its reply line; None if the child did not answer in time. It is then gone."""
        child = self._started()
        if child is None:
            return None
        assert child.stdin is not None
        try:
            child.stdin.write(request)
            child.stdin.flush()
        except OSError:
            self._stop()
            return None
        return self._line(child)

    def _started(self) -> subprocess.Popen[bytes] | None:
        """The child, started on first use; None if it could not start."""
        if self._child is not None:
            return self._child
        # Where this process found our package, the child finds it too, whatever folder it is started in.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "traces.lexing", str(self._seconds)]
        try:
            self._child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        except OSError:
            # No room for another process: the trace is shown plain rather than not at all.
            return None
        return self._child if self._line(self._child) else None

    def _line(self, child: subprocess.Popen[bytes]) -> bytes | None:
        assert child.stdout is not None
        reply = child.stdout.readline()
        if reply.endswith(b"\n"):
            return reply
        self._stop()
        return None

    def _stop(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            child.communicate()


def plain(path: str, texts: Sequence[str]) -> None:
    """A ``Highlight`` that leaves everything plain."""
    return None
