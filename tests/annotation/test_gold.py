"""Known answers: checked like an annotator's, kept once per question, recorded, counted as a change."""

import json

import pytest

from annotation.assignments.items import sync_items
from annotation.models import Gold, Item
from annotation.projects.revisions import current, set_config
from annotation.quality.gold import NotGold, delete_gold, set_gold
from potato_site.accounts.models import AuditEntry
from tests.factory import FIRST_ERROR, make_project, make_trace, person
from traces.imports import import_files

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def item(project):
    return Item.objects.filter(project=project).order_by("position").first()


def seq(project) -> int:
    project.refresh_from_db()
    return project.seq


def test_a_known_answer_is_kept_recorded_and_counted(project, item):
    before = seq(project)
    gold = set_gold(
        project, item, "step_reward", {"first_error": {"step": 2}}, rationale="x = 3", use="hidden", user=person("ann")
    )
    assert gold.value == {"first_error": {"step": 2, "origin": "human"}}
    assert (gold.rationale, gold.use, gold.scheme.name) == ("x = 3", "hidden", "step_reward")
    assert seq(project) == before + 1
    entry = AuditEntry.objects.get(action="gold.set")
    assert (entry.user, entry.project, entry.before) == (person("ann"), project, None)


def test_the_record_of_changes_does_not_give_it_away(project, item):
    set_gold(project, item, "error_description", {"": "canary-7"}, rationale="canary-8", user=None)
    gold = set_gold(project, item, "error_description", {"": "canary-9"}, user=None)
    delete_gold(project, gold, None)
    entries = list(AuditEntry.objects.filter(action__startswith="gold.").order_by("pk"))
    assert [entry.action for entry in entries] == ["gold.set", "gold.set", "gold.delete"]
    assert entries[0].after == entries[1].before != entries[1].after == entries[2].before
    assert "canary" not in str([(entry.object, entry.before, entry.after) for entry in entries])


def test_another_one_replaces_it_and_the_same_one_changes_nothing(project, item):
    set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    second = set_gold(project, item, "outcome", {"": "partial"}, user=None)
    before = seq(project)
    assert set_gold(project, item, "outcome", {"": "partial"}, user=None) == second
    assert seq(project) == before
    assert Gold.objects.get().value == {"": "partial"}
    assert AuditEntry.objects.filter(action="gold.set").count() == 2


@pytest.mark.parametrize(
    ("scheme", "value", "where"),
    [
        ("nothing", {"": "resolved"}, "scheme"),
        ("outcome", {"": "perfect"}, "value."),
        ("outcome", {}, "value"),
        ("outcome", {"": None}, "value."),
        ("outcome", ["resolved"], "value"),
        ("outcome", {"5": "resolved"}, "value.5"),
        ("step_reward", {"first_error": {"step": 99}}, "value.first_error"),
        ("step_reward", {"first_error": 3}, "value.first_error"),
        ("error_description", {}, "value"),
    ],
)
def test_what_no_annotator_could_answer_is_refused(project, item, scheme, value, where):
    before = seq(project)
    with pytest.raises(NotGold) as caught:
        set_gold(project, item, scheme, value, user=None)
    assert [name for name, _ in caught.value.problems] == [where]
    assert (seq(project), Gold.objects.count()) == (before, 0)


def test_a_use_nobody_knows_and_a_rationale_without_end_are_refused(project, item):
    for wrong in ({"use": "exam"}, {"rationale": "x" * 10_001}, {"rationale": 5}):
        with pytest.raises(NotGold):
            set_gold(project, item, "outcome", {"": "resolved"}, user=None, **wrong)


def test_deleting_one_is_recorded_and_counted_once(project, item):
    gold = set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    before = seq(project)
    for _ in range(2):
        delete_gold(project, gold, person("bob"))
    assert seq(project) == before + 1
    assert not Gold.objects.exists()
    assert AuditEntry.objects.get(action="gold.delete").user == person("bob")


def test_an_item_with_a_known_answer_keeps_its_version(project, item, tmp_path):
    set_gold(project, item, "step_reward", {"first_error": {"step": 4}}, user=None)
    changed = tmp_path / "changed.jsonl"
    changed.write_text(json.dumps(make_trace(item.trace_a.external_id, 2)))
    import_files(project.dataset, [changed])
    sync_items(project)
    kept = item.a_id
    item.refresh_from_db()
    assert item.a_id == kept
    assert item.trace_a.current_id != kept


def test_when_the_question_changes_its_meaning_the_new_answer_takes_the_place_of_the_old(project, item):
    set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    plain = current(project).plain()
    outcome = next(scheme for scheme in plain["annotation_schemes"] if scheme["name"] == "outcome")
    outcome["options"] = [{"value": "yes", "text": "Yes"}, {"value": "no", "text": "No"}]
    set_config(project, type(current(project)).from_plain(plain), None)
    set_gold(project, item, "outcome", {"": "no"}, user=None)
    assert Gold.objects.get().value == {"": "no"}


def test_a_question_that_the_item_is_not_asked_has_no_known_answer(tmp_path):
    schemes = [FIRST_ERROR, {"annotation_type": "pairwise", "name": "preference"}]
    traces = [make_trace(f"try_{n}", 2, issue_id="x") for n in range(2)]
    project = make_project(tmp_path, traces=traces, schemes=schemes)
    trace = Item.objects.filter(project=project).first()
    with pytest.raises(NotGold, match="not asked of a trace"):
        set_gold(project, trace, "preference", {"choice": {"side": "a"}}, user=None)
