"""How each type of step is shown: one file per family, registered under the step types it shows. Plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from potato_site.registry import Registry, UnknownPlugin
from traces.blocks import Highlight
from traces.markup import Html
from traces.options import RenderOptions


@dataclass(frozen=True, slots=True)
class Context:
    """What a display needs beside the step."""

    options: RenderOptions
    highlight: Highlight
    # The project wants every part of this type of step open from the start.
    is_open: bool = False


class Display(Protocol):
    """One family of steps. Everything a step holds is untrusted: displays build Html only by traces.markup."""

    # Whether the summary only repeats how the body begins.
    repeats: bool

    def summary(self, step: dict[str, Any]) -> str:
        """What the step is about, as plain text: a path, a command, the first words."""

    def badges(self, step: dict[str, Any]) -> list[Html]:
        """Short words for the head of the step."""

    def body(self, step: dict[str, Any], context: Context) -> Html:
        """Everything else. Must not raise for any normalised step."""

    def starts_closed(self, step: dict[str, Any], options: RenderOptions) -> bool:
        """Whether the whole step is folded at first."""


class Plain:
    """What most displays leave as it is."""

    repeats = False

    def badges(self, step: dict[str, Any]) -> list[Html]:
        return []

    def starts_closed(self, step: dict[str, Any], options: RenderOptions) -> bool:
        return False


displays: Registry[Display] = Registry("potato_site.displays", package="traces.displays")


def display_of(step_type: object) -> Display:
    """The display of a step type; for a type nobody shows, that of any tool call."""
    try:
        return displays.get(str(step_type))
    except UnknownPlugin:
        return displays.get("tool_call")
