"""What exports may read: order, batches, one consistent view."""

import threading

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from annotation import queries
from annotation.projects.revisions import current, set_config
from annotation.queries import labeled
from annotation.schemes.radio import Radio
from tests.factory import OUTCOME, PER_STEP, answers, make_project, make_trace, make_traces, submit_item
from traces.store import Opened, iter_documents

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


def ids(project, **options) -> list[str]:
    with queries.consistent_read():
        return [trace.trace_id for trace in queries.labeled_traces(project, **options)]


def test_traces_come_in_item_order_across_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(labeled, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(5), overlap=0)
    for _ in range(5):
        submit_item(project, "ann", answers())
    assert ids(project) == [f"trace_{number:03d}" for number in range(1, 6)]


def test_items_of_one_position_are_neither_lost_nor_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(labeled, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(5))
    for _ in range(5):
        for who in ("ann", "bob"):
            submit_item(project, who, answers())
    project.items.update(position=7)
    with queries.consistent_read():
        found = [
            (one.trace_id, [said.annotator for said in one.submissions]) for one in queries.labeled_traces(project)
        ]
    assert sorted(found) == [(f"trace_{number:03d}", ["ann", "bob"]) for number in range(1, 6)]


def test_the_first_traces_can_be_asked_for_alone_with_all_that_was_said_of_them(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    for person in ("ann", "bob"):
        for _ in range(3):
            submit_item(project, person, answers())
    with queries.consistent_read():
        found = [(trace.trace_id, len(trace.submissions)) for trace in queries.labeled_traces(project, most=2)]
    assert found == [("trace_001", 2), ("trace_002", 2)]


def test_a_batch_costs_a_fixed_number_of_queries(tmp_path):
    project = make_project(tmp_path, traces=make_traces(12), overlap=0)
    counts = []
    for more in (2, 10):
        for _ in range(more):
            submit_item(project, "ann", answers())
        with CaptureQueriesContext(connections["snapshot"]) as asked:
            ids(project)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_traces_are_asked_for_by_their_ids_in_the_data_set(tmp_path):
    """The index over ids begins with it."""
    project = make_project(tmp_path, traces=make_traces(2), overlap=0)
    for _ in range(2):
        submit_item(project, "ann", answers())
    with CaptureQueriesContext(connections["snapshot"]) as asked:
        assert ids(project, only=["trace_002"]) == ["trace_002"]
    (by_id,) = [one["sql"] for one in asked if '"external_id" IN' in one["sql"]]
    assert f'"traces_trace"."dataset_id" = {project.dataset_id} ' in by_id


def test_submissions_come_in_the_order_they_were_made(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "bob", answers(1, "partial", "why"))
    submit_item(project, "ann", answers())
    (trace,) = queries.labeled_traces(project)
    assert [labels.annotator for labels in trace.submissions] == ["bob", "ann"]
    bob = trace.submissions[0]
    assert (bob.values["outcome"], bob.values["error_description"], bob.active_seconds) == ("partial", "why", 60.0)
    assert bob.values["step_reward"]["first_error_step"] == 1
    assert bob.raw["step_reward"]["first_error"]["step"] == 1
    assert trace.document["id"] == trace.trace_id


def test_an_answer_is_read_by_the_questions_it_was_given_to(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2, 2), schemes=[OUTCOME], overlap=0)
    submit_item(project, "ann", {"outcome": {"": "resolved"}})
    config = current(project)
    (per_step,) = make_project(tmp_path / "other", name="Other", schemes=[PER_STEP]).revision.config[
        "annotation_schemes"
    ]
    changed = type(config).from_stored({**config.stored(), "annotation_schemes": [per_step]})
    set_config(project, changed, None)
    (trace,) = queries.labeled_traces(project)
    assert trace.submissions[0].values == {"outcome": "resolved"}
    assert [question.name for question in queries.questions(project)] == ["per_step", "outcome"]


def test_labels_are_the_same_without_documents_which_are_read_when_looked_into(tmp_path, monkeypatch):
    project = make_project(tmp_path, traces=make_traces(2), overlap=0)
    submit_item(project, "ann", answers(2))
    submit_item(project, "ann", answers())
    whole = list(queries.labeled_traces(project))
    read = []
    monkeypatch.setattr(
        "annotation.queries.later.iter_documents",
        lambda versions, **options: read.extend(versions) or iter_documents(versions, **options),
    )
    alone = list(queries.labeled_traces(project, documents="later"))
    assert [one.submissions for one in alone] == [one.submissions for one in whole]
    assert read == []
    assert [dict(one.document) for one in alone] == [one.document for one in whole]
    assert read == [one.version_id for one in whole]


def test_of_a_document_with_a_head_steps_are_parsed_when_looked_into(tmp_path, monkeypatch):
    traces = [make_trace("t1", 3, issue_id="a", suggestions={"outcome": {"": "partial"}}), {"id": "t2", "text": "none"}]
    project = make_project(tmp_path, traces=traces, schemes=[OUTCOME], overlap=0)
    for _ in traces:
        submit_item(project, "ann", {"outcome": {"": "partial"}})
    read, whole = [], Opened.whole
    monkeypatch.setattr(Opened, "whole", lambda one: read.append(one) or whole(one))
    first, second = queries.labeled_traces(project, documents="heads")
    assert (first.document["issue_id"], first.document.get("repo"), first.document["id"]) == ("a", None, "t1")
    assert read == []
    assert first.document["structured_turns"][0]["step_idx"] == 0
    assert len(read) == 1
    documents = [one.document for one in queries.labeled_traces(project)]
    assert [dict(one.document) for one in (first, second)] == documents


def test_an_answer_is_exported_once_and_when_somebody_asks_for_it(tmp_path, monkeypatch):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "ann", answers(2, "partial"))
    asked, export = [], Radio.export
    monkeypatch.setattr(Radio, "export", lambda *given: asked.append(given) or export(*given))
    with queries.consistent_read():
        (trace,) = queries.labeled_traces(project)
        values = trace.submissions[0].values
        assert values["step_reward"]["first_error_step"] == 2
        assert not asked
        assert list(values) == ["step_reward", "outcome", "error_description"]
        assert (values["outcome"], values.get("outcome"), values.get("none")) == ("partial", "partial", None)
        assert len(asked) == 1


def test_a_save_during_a_read_neither_waits_nor_shows(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2), overlap=0)
    submit_item(project, "ann", answers())

    def save() -> None:
        submit_item(project, "bob", answers())
        connection.close()

    with queries.consistent_read():
        assert len(list(queries.labeled_traces(project))) == 1
        saving = threading.Thread(target=save)
        saving.start()
        saving.join(timeout=10)
        assert not saving.is_alive()
        assert len(list(queries.labeled_traces(project))) == 1
    assert len(list(queries.labeled_traces(project))) == 2
