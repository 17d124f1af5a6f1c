"""Items and places are planned in batches: none is forgotten, wherever a batch ends."""

import pytest

from annotation.assignments import items
from annotation.models import Item, Slot
from tests.factory import make_project, make_traces

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_every_trace_has_an_item_and_every_item_its_places(tmp_path, monkeypatch, count):
    monkeypatch.setattr(items, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(count), overlap=100)
    positions = Item.objects.filter(project=project).order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(count))
    assert Slot.objects.filter(project=project).count() == 2 * count
    assert items.sync_items(project) == 0


def test_one_batch_is_asked_for_once(tmp_path, django_assert_max_num_queries):
    """Projects smaller than a batch, most of all, are not asked again whether that was all."""
    project = make_project(tmp_path)
    with django_assert_max_num_queries(26):
        items.sync_items(project)
