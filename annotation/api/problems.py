"""What this app's refusals are to a program."""

from __future__ import annotations

from dataclasses import asdict

from django.core.exceptions import ValidationError

from annotation.answers.ops import Malformed
from annotation.answers.submission import NotYet
from annotation.assignments.states import Closed
from annotation.projects.lifecycle import NotReady
from annotation.projects.membership import Refused
from potato_site.api.problems import Problem, translate


@translate(Malformed)
def malformed(exc: Malformed) -> Problem:
    return Problem("malformed", f"{exc}.")


@translate(Closed)
def closed(exc: Closed) -> Problem:
    return Problem("closed", str(exc))


@translate(NotYet)
def not_yet(exc: NotYet) -> Problem:
    """What it carried was kept all the same, as ``reply`` says."""
    return Problem(
        "not-yet",
        f"Go on for {exc.wait_seconds} s." if exc.wait_seconds else "",
        errors=[{"field": gap.scheme, "message": gap.message, "step": gap.step} for gap in exc.missing],
        wait_seconds=exc.wait_seconds,
        changed_elsewhere=exc.changed_elsewhere,
        reply=asdict(exc.reply),
    )


@translate(Refused)
def refused(exc: Refused) -> Problem:
    return Problem("conflict", str(exc))


@translate(NotReady)
def not_ready(exc: NotReady) -> Problem:
    return Problem("conflict", errors=[{"field": "state", "message": message} for message in exc.missing])


@translate(ValidationError)
def unacceptable(exc: ValidationError) -> Problem:
    """What a model or a validator of Django said."""
    return Problem("invalid", errors=[{"field": "", "message": message} for message in exc.messages])
