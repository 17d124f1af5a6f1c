"""What changes the markup of a rendered trace, and the key of it.

View options (terminal theme and height, what is shown of a command, the file tree, label colours) are not here: they
are classes and custom properties on the page, so that switching them never renders a trace again.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from potato_site.canonical import digest

# Raise it with every change of markup: golden chunks fail the build otherwise.
RENDERER_VERSION = "18"


class RenderOptions(BaseModel):
    """The render options of the two commissioned documents, with their defaults. Immutable, so usable as a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    diff_style: Literal["unified", "split"] = "unified"
    context_lines: int = Field(default=3, ge=0, le=1000)
    syntax_highlighting: bool = True
    ansi_colors: bool = True
    collapse_large_diffs: bool = True
    large_diff_threshold: int = Field(default=100, ge=0)  # lines
    auto_collapse_thinking: bool = True
    auto_collapse_long_output: bool = True
    long_output_threshold: int = Field(default=50, ge=1)  # lines
    # Steps of these types start with every part of them open.
    default_expanded_types: tuple[str, ...] = ()
    # A project's html_layout, for records without steps.
    layout: str = ""
    # Keeps ids unique when two traces share a page.
    id_prefix: Literal["", "a-", "b-"] = ""


def options_key(options: RenderOptions) -> str:
    """SHA-256 (hex) of the renderer's version and the options: one key per markup."""
    return digest(RENDERER_VERSION, options.model_dump(mode="json"))
