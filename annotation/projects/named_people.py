"""The people a configuration file names (``annotators``), as they stand there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from pydantic import SecretStr

from annotation.models.projects import GROUP_LENGTH
from annotation.projects.notes import Notebook
from potato_site.accounts.models import name_key, validate_username
from potato_site.safe_yaml import KeyPath

ENVIRONMENT = "env:"
NOT_SET = (
    "the environment has no variable {}: an account that is there keeps its password, a new one has none and is let in "
    "by `potato login-link {}`"
)


@dataclass(frozen=True)
class Person:
    """One entry of ``annotators``. ``password`` is never shown: not in repr, messages or stored copies."""

    username: str
    password: SecretStr | None
    path: KeyPath
    # None: the file does not say, and a group that a manager gave stays.
    group: str | None = None

    @property
    def is_plain_text(self) -> bool:
        return self.password is not None and not self.password.get_secret_value().startswith(ENVIRONMENT)


def read_people(raw: Any, book: Notebook) -> tuple[Person, ...]:
    """The entries of ``annotators``: a name, or ``{username, password?, group?}``. What is wrong goes to ``book``."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        book.error(("annotators",), "Input should be a list of people")
        return ()
    found = [_read_person(entry, ("annotators", index), book) for index, entry in enumerate(raw)]
    people = [person for person in found if person is not None]
    _refuse_namesakes(people, book)
    if any(person.is_plain_text for person in people):
        book.warn(
            ("annotators",),
            f"{book.file} holds passwords as plain text: keep it out of git and mail, or write `password: env:NAME`, "
            "or leave passwords out and send log-in links (`potato login-link NAME`)",
            "secret",
        )
    return tuple(people)


def _read_person(entry: Any, path: KeyPath, book: Notebook) -> Person | None:
    entry = {"username": entry} if isinstance(entry, str) else entry
    if not isinstance(entry, dict):
        book.error(path, "Input should be a name, or a mapping with username and password")
        return None
    for key in set(entry) - {"username", "password", "group"}:
        book.warn((*path, key), "is not a key we know; ignored", "unknown")
    name = _text(entry.get("username"), (*path, "username"), book)
    password = _text(entry["password"], (*path, "password"), book) if entry.get("password") is not None else None
    if name is None or not _is_username(name, (*path, "username"), book):
        return None
    group = _group(entry["group"], (*path, "group"), book) if entry.get("group") is not None else None
    return Person(name, None if password is None else SecretStr(password), path, group)


def _group(value: Any, path: KeyPath, book: Notebook) -> str | None:
    group = "" if value == "" else _text(value, path, book)
    if group is not None and len(group) > GROUP_LENGTH:
        book.error(path, f"is longer than {GROUP_LENGTH} characters")
        return None
    return group if group is None else group.strip()


def _text(value: Any, path: KeyPath, book: Notebook) -> str | None:
    if value is None:
        book.error(path, "Field required")
    elif not isinstance(value, str):
        book.error(path, "Input should be a valid string (put it in quotes)")
    elif not value:
        book.error(path, "is empty")
    elif "\x00" in value or len(value) > 1000:
        book.error(path, "is no text of at most 1,000 characters")
    else:
        return value
    return None


def _is_username(name: str, path: KeyPath, book: Notebook) -> bool:
    try:
        validate_username(name)
    except ValidationError as error:
        book.error(path, error.messages[0])
        return False
    return True


def _refuse_namesakes(people: Sequence[Person], book: Notebook) -> None:
    first: dict[str, Person] = {}
    for person in people:
        other = first.setdefault(name_key(person.username), person)
        if other is not person:
            message = (
                f"{person.username!r} is the same name as {other.username!r} above: names differ by more than case"
            )
            book.error((*person.path, "username"), message)


def warn_if_not_set(person: Person, book: Notebook) -> None:
    """Of a password that shall come from the environment, and does not."""
    value = person.password.get_secret_value() if person.password else ""
    name = value.removeprefix(ENVIRONMENT)
    if value.startswith(ENVIRONMENT) and not os.environ.get(name):
        book.warn((*person.path, "password"), NOT_SET.format(name, person.username))
