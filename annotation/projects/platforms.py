"""The crowd platforms people are sent from: what their addresses say, and the way back. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

# Where a page may send people back to, and nowhere else (Platform checks it).
HOSTS = ("app.prolific.com", "www.mturk.com", "workersandbox.mturk.com")
ID = re.compile(r"[A-Za-z0-9]{1,64}")
# What Mechanical Turk says in place of an id to who looks at a task without having accepted it.
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"


@dataclass(frozen=True)
class Platform:
    """``person``, ``study`` and ``session`` are the parameters of the address that name them. ``back`` is where the
    person goes afterwards, at one of HOSTS; raises ValueError for another."""

    name: str
    title: str
    person: str
    study: str
    session: str
    back: str
    # What the platform puts in for a parameter, where its addresses are written that way.
    placeholder: str = ""

    def __post_init__(self) -> None:
        back = urlsplit(self.back)
        if back.scheme != "https" or back.netloc not in HOSTS:
            raise ValueError(f"{self.name}: {self.back} is not an https address of {', '.join(HOSTS)}")

    @property
    def query(self) -> str:
        """What stands behind the address that is given to the platform; "" where the platform adds it by itself."""
        if not self.placeholder:
            return ""
        names = (self.person, self.study, self.session)
        return "?" + "&".join(f"{name}={self.placeholder.format(name)}" for name in names)

    def back_to(self, code: str) -> str:
        """The address that takes a person with this code back."""
        return f"{self.back}?{urlencode({'cc': code})}" if self.name == "prolific" and code else self.back


@dataclass(frozen=True)
class Arrival:
    """Who comes: the platform's name of the person, of the study (the HIT), and of this one participation in it."""

    platform: Platform
    person: str
    study: str
    session: str


_MTURK = ("workerId", "hitId", "assignmentId")
PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform(
            "prolific", "Prolific", "PROLIFIC_PID", "STUDY_ID", "SESSION_ID",
            "https://app.prolific.com/submissions/complete", "{{{{%{}%}}}}",
        ),
        Platform("mturk", "Mechanical Turk", *_MTURK, "https://www.mturk.com/"),
        Platform("mturk_sandbox", "Mechanical Turk (sandbox)", *_MTURK, "https://workersandbox.mturk.com/"),
    )
}  # fmt: skip


def arrival(platform: Platform, parameters: Mapping[str, str]) -> Arrival | None:
    """Who an address says comes. None unless it names all three by ids as the platforms make them."""
    ids = [parameters.get(name, "") for name in (platform.person, platform.study, platform.session)]
    return Arrival(platform, *ids) if all(map(ID.fullmatch, ids)) else None


def is_preview(platform: Platform, parameters: Mapping[str, str]) -> bool:
    """Whether somebody looks at the task without having accepted it."""
    return parameters.get(platform.session) == PREVIEW
