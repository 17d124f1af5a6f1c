"""Options that name what is not there are named, wherever an export is asked for."""

import io

import pytest
from django.core.management import call_command

from exports.models import Export
from exports.options import Options
from exports.preview import preview
from potato_site.jobs import run_now
from tests.factory import answers, make_project, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])

MISTAKES = [
    ({"exclude_annotators": ("ann", "bbo")}, "exclude_annotators: nobody here is called 'bbo'; there are: ann"),
    (
        {"reward_values": {"incorect": 0.2}},
        "reward_values: no label is called 'incorect'; there are: correct, incorrect",
    ),
    ({"outcome": ("solved",)}, "outcome: no outcome is called 'solved'; there are: not_resolved, partial, resolved"),
    ({"traces": ("trace_001", "trace_9")}, "traces: 1 of the 2 ids are of no trace here"),
]


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path)
    for name in ("ann", "bob"):
        submit_item(made, name, answers(1))
    return made


@pytest.mark.parametrize(("given", "sentence"), MISTAKES)
def test_a_name_that_is_not_there_is_said_before_it_is_made_and_in_the_manifest(project, given, sentence):
    assert preview(project, "prm", Options(**given)).warnings[0] == sentence
    options = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    made = run_now("exports.build", {"project": project.pk, "format": "prm", "options": options})
    assert Export.objects.get(pk=made["export"]).manifest["without_effect"] == [sentence]


def test_the_command_says_it_and_names_that_are_there_are_not(project, tmp_path):
    for name, expected in (("bbo", "no effect: exclude_annotators: nobody here is called 'bbo'\n"), ("bob", "")):
        err = io.StringIO()
        call_command(
            "export", format="prm", project=project.slug, output=tmp_path / "out.jsonl", exclude_annotators=[name],
            outcome=["resolved"], reward_values={"incorrect": 0.1}, stdout=io.StringIO(), stderr=err,
        )  # fmt: skip
        assert err.getvalue() == expected


def test_what_is_no_time_is_said_with_an_example(project, tmp_path):
    with pytest.raises(Exception, match="--submitted_since: is no time; one is 2026-01-31T18:00"):
        call_command(
            "export", format="prm", project=project.slug, output=tmp_path / "out.jsonl", submitted_since="yesterday"
        )
