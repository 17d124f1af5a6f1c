"""Seeing an export before it is made."""

import pytest
from django.urls import reverse

from exports import preview as module
from exports.formats import formats
from exports.options import Options
from exports.preview import preview
from potato_site.jobs.models import Job
from tests.api.people import member
from tests.factory import PER_STEP, answers, make_project, make_trace, make_traces, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


@pytest.fixture
def project(tmp_path):
    traces = [*make_traces(2), make_trace("long", structured_turns=[{"type": "thinking", "content": "<b>" * 3000}])]
    project = make_project(tmp_path, traces=[*traces, make_trace("later")], overlap=0)
    for first_error in (None, 1, 0):
        submit_item(project, "ann", answers(first_error))
    return project


@pytest.mark.parametrize("name", formats.names())
def test_every_format_can_be_looked_at(project, name):
    shown = preview(project, name, Options())
    assert shown.looked_at == 3
    assert shown.is_whole
    assert shown.files or name in ("swe_bench", "code_review", "preference_pairs", "dpo")


def test_it_warns_of_what_a_trainer_will_stumble_over(project):
    warnings = " ".join(preview(project, "prm", Options()).warnings)
    assert "1 of 3 examples is longer than 1,024 tokens" in warnings
    assert "1 of 4 traces has no label yet" in warnings
    assert "no row" in " ".join(preview(project, "prm", Options(outcome=("nope",))).warnings)
    rare = preview(project, "prm", Options(reward_values={"incorrect": 1.0})).warnings
    assert "Only 0.0% of the step labels are negative" in " ".join(rare)


def test_a_tie_is_told_and_promises_nobody_who_decides_it(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), people=["ann", "mia"])
    for name, first_error in (("ann", None), ("mia", 1)):
        submit_item(project, name, answers(first_error))
    assert "1 trace is tied; it is in it as the options say." in preview(project, "prm", Options()).warnings


def test_pairs_that_are_too_close_are_told_where_they_are_most(tmp_path):
    traces = [make_trace(f"t{n}", 30 + n, issue_id="x") for n in range(3)]
    project = make_project(tmp_path, traces=traces, schemes=[PER_STEP], people=["ann"], overlap=0)
    for n, wrong in enumerate((0, 1, 12)):
        labels = {str(place): {"label": "incorrect" if place < wrong else "correct"} for place in range(30 + n)}
        submit_item(project, "ann", {"per_step": labels})

    def told(**options):
        return [one for one in preview(project, "dpo", Options(**options)).warnings if "min_margin" in one]

    assert told() == []
    (one,) = told(min_margin=0.36)
    assert one.startswith("2 pairs differ by less than 0.36 in the mean reward of their steps")
    assert told(min_margin=0.0) == []


def test_only_the_first_traces_are_read(project, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT", 2)
    shown = preview(project, "prm", Options())
    assert (shown.looked_at, shown.is_whole, shown.counts["rows"]) == (2, False, 2)


def test_comparisons_are_looked_at_where_nothing_else_is_asked(tmp_path, client, monkeypatch):
    schemes = [{"annotation_type": "pairwise", "name": "better"}]
    traces = [make_trace(f"t{n}", n, issue_id="x") for n in (3, 4, 5)]
    project = make_project(tmp_path, traces=traces, schemes=schemes, people=["ann", "mia"], overlap=0)
    for _ in range(2):
        submit_item(project, "ann", {"better": {"choice": {"side": "a"}}})
    shown = preview(project, "preference_pairs", Options())
    assert (shown.looked_at, shown.compared, shown.is_whole, shown.counts["rows"]) == (0, 2, True, 2)
    assert (shown.counts["pairs"], shown.counts["uncompared"], shown.counts["unlabeled"]) == (3, 1, 0)
    assert "1 of 3 pairs is not compared yet: not in it." in shown.warnings
    client.force_login(member("max", project))
    page = reverse("manage-exports", args=[project.slug])
    told = " ".join(client.post(page, {"format": "preference_pairs", "preview": "1"}).content.decode().split())
    assert "Looked at: 2 comparisons, all there are." in told
    monkeypatch.setattr(module, "LOOKED_AT", 1)
    told = " ".join(client.post(page, {"format": "preference_pairs", "preview": "1"}).content.decode().split())
    assert "Looked at: 1 comparison, the first ones; the export holds all of them." in told


def test_the_page_shows_it_and_makes_nothing(client, project):
    client.force_login(member("mia", project))
    page = reverse("manage-exports", args=[project.slug])
    shown = client.post(page, {"format": "prm", "preview": "1", "post_error": "truncate"}).content.decode()
    assert "What it would hold" in shown
    assert "&quot;trace_id&quot;:&quot;trace_001&quot;" in shown
    assert "<b><b>" not in shown
    # The form keeps what was chosen.
    assert '<option value="truncate" selected>' in shown
    assert not Job.objects.filter(kind="exports.build").exists()
    assert "no process_reward scheme is called" not in shown
