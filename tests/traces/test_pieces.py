"""Canonical documents in pieces."""

import pytest

from potato_site.canonical import canonical
from traces.pieces import in_pieces

STEPS = [{"type": "system", "content": "x"}]


@pytest.mark.parametrize(
    "doc",
    [
        {"id": "a", "structured_turns": STEPS, "title": "é", "agent": {"structured_turns": None}},
        {"id": "a", "structured_turns": STEPS, "tokens": 2**70},
        {"id": "a", "structured_turns": [{"tokens": 2**70}]},
        {"id": "a", "structured_turns": []},
        {"id": "a"},
    ],
)
def test_a_document_in_pieces_is_the_same_document_and_so_is_one_with_other_fields(doc):
    pieces = in_pieces(doc)
    assert pieces.body == canonical(doc)
    about = pieces.about | {"id": "another"}
    assert pieces.with_about(about).body == canonical(doc | {"id": "another"})


def test_steps_are_not_read_for_the_other_fields():
    pieces = in_pieces({"id": "a", "structured_turns": STEPS, "title": "t"}, "digest")
    assert pieces.about == {"id": "a", "title": "t"}
    assert pieces.with_about({"id": "b"}).beginning == "digest"
