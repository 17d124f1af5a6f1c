"""What schemes may know of an opened item, read once per process."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

from annotation.models import Item
from annotation.projects.config import ProjectConfig
from annotation.schemes.base import ItemContext, Scheme, context_of_document
from potato_site.canonical import digest
from traces.changes import Changes, slim
from traces.store import load_document

# Of a pair no single step is asked about.
OF_A_PAIR = ItemContext(())


class Opened(NamedTuple):
    """The versions an opened item shows, which it keeps."""

    a: int
    b: int | None
    a_sha256: str
    b_sha256: str | None


@lru_cache(maxsize=4096)
def context_of_version(version_id: int) -> ItemContext:
    """The shape of a trace version. Versions are immutable, so this never goes stale."""
    context = context_of_document(load_document(version_id))
    # The document is not kept for its changes' sake.
    return replace(context, read_changes=partial(changes_of_version, version_id))


@lru_cache(maxsize=64)
def changes_of_version(version_id: int) -> Changes:
    """The lines a run changed. The texts of its other steps are not kept."""
    return Changes(slim(load_document(version_id)))


@lru_cache(maxsize=4096)
def opened(item_id: int) -> Opened:
    """What an item shows that somebody has opened."""
    return Opened(*Item.objects.values_list("a", "b", "a__sha256", "b__sha256").get(pk=item_id))


def is_pair(item_id: int) -> bool:
    return opened(item_id).b is not None


def digest_of(item_id: int) -> str:
    """SHA-256 of the trace version that an opened item shows; of a pair: of both."""
    item = opened(item_id)
    return shown_digest(item.a_sha256, item.b_sha256)


def shown_digest(a_sha256: str, b_sha256: str | None) -> str:
    return a_sha256 if b_sha256 is None else digest(a_sha256, b_sha256)


def context_of(item_id: int) -> ItemContext:
    """The shape of an item that somebody has opened, which keeps its version."""
    item = opened(item_id)
    return context_of_version(item.a) if item.b is None else OF_A_PAIR


def n_steps_of(item_id: int) -> int:
    """How many steps there are to read in an opened item; of a pair: in both traces."""
    item = opened(item_id)
    return sum(context_of_version(version).n_steps for version in (item.a, item.b) if version is not None)


def asked_of(config: ProjectConfig, item_id: int) -> tuple[Scheme, ...]:
    """The schemes that an opened item is asked."""
    return config.asked_of(pair=is_pair(item_id))


def questions_digest(schemes: Iterable[Scheme]) -> str:
    """SHA-256 of the questions as a page shows them, their words among it."""
    return digest(*(scheme.model_dump(mode="json") for scheme in schemes))


def suggestions(schemes: Iterable[Scheme], ctx: ItemContext) -> dict[str, dict[str, Any]]:
    """Scheme name → what came with the trace: ``{"by", "answers"}``. Schemes without are left out."""
    found = {scheme.name: scheme.suggested(ctx) for scheme in schemes}
    return {name: asdict(suggested) for name, suggested in found.items() if suggested.answers}
