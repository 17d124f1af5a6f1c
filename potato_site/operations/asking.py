"""What commands share that remove something for good: who is asked, and who is told to have run it."""

from __future__ import annotations

import getpass
import sys

from django.core.management import CommandError


def confirm(question: str, wanted: str) -> None:
    """Have it typed. Raises CommandError."""
    if not sys.stdin.isatty():
        raise CommandError("nobody is there to be asked: give --yes")
    try:
        answer = input(question)
    except EOFError:
        answer = ""
    if answer.strip() != wanted:
        raise CommandError("nothing was changed")


def operator() -> str:
    """Who runs a command, as the system calls them."""
    try:
        return f"the command line ({getpass.getuser()})"
    except (KeyError, OSError):  # an account without a name, as in a container
        return "the command line"
