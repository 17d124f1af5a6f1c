"""By which rules labels become rows, as a number, so that rows of different ones are told apart.

An export of what changed since an earlier one is added to that one's rows. Where an upgrade in between makes other rows
of the same labels, together they are a mixture: the manifest has the number of both, and whoever asks for it is warned.
"""

from __future__ import annotations

from typing import Any

from exports.models import Export
from exports.options import Options, as_json
from potato_site.canonical import digest

# One more whenever the same labels make other rows. CHANGELOG.md says what differs.
ROWS_VERSION = 1
# That of exports from before there was a number.
UNNUMBERED = 0


def number_of(manifest: dict[str, Any]) -> int:
    return int(manifest.get("rows_version", UNNUMBERED))


def digest_of(options: dict[str, Any], rows_version: int) -> str:
    """Of options (as JSON values) under these rules: with other rules it is another export."""
    return digest(options) if rows_version == UNNUMBERED else digest(options, rows_version)


def number_since(project_id: int, format_name: str, since_seq: int, options: Options) -> int | None:
    """That of the export which one of what changed goes on from: published last at that counter, with the same options.
    None where there is none, or none any more: then nobody knows."""
    wanted = as_json(options) | {"since_seq": None}
    # Exports from before an upgrade lack the options that came with it.
    usual = as_json(Options())
    found = Export.objects.filter(project=project_id, format=format_name, seq=since_seq).order_by("-pk")
    manifests = (one.manifest for one in found if usual | one.options | {"since_seq": None} == wanted)
    return next(map(number_of, manifests), None)


def told(since_seq: int, number: int | None) -> str:
    """A sentence where the rows of ``number`` and today's are a mixture; else nothing."""
    if number in (None, ROWS_VERSION):
        return ""
    return (
        f"since_seq: the export at {since_seq:,} was made by other rules of rows (rows_version {number}, now "
        f"{ROWS_VERSION}); with these rows it would be a mixture. Make a full export."
    )
