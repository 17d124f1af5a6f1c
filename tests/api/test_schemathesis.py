"""Whatever a program sends, by the description or against it: no error of ours, and answers as described."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.generation import GenerationMode

from annotation.assignments.handout import hand_out
from annotation.models import Item, Membership
from potato_site.api import tokens
from potato_site.wsgi import application
from tests import factory
from tests.api.calls import ALL

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "snapshot"]),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
EXAMPLES = 6
SEED = 20261122
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def world(tmp_path, settings) -> dict[str, Any]:
    """A project in which a manager, who labels too, has one item submitted and one open."""
    settings.POTATO_HOME = tmp_path / "site"
    settings.API_REQUESTS_PER_MINUTE = 10**9
    project = factory.make_project(tmp_path)
    ann = factory.person("ann")
    Membership.objects.create(project=project, user=ann, role=Membership.Role.MANAGER, source="admin")
    project.dataset.managers.add(ann)
    factory.submit_item(project, "ann", factory.answers())
    opened = hand_out(project, ann).assignment
    assert opened is not None
    return {
        "secret": tokens.make(ann, scopes=ALL)[1],
        "slug": project.slug,
        "public_id": str(opened.public_id),
        "item_id": Item.objects.filter(project=project).first().pk,
        "dataset_id": project.dataset_id,
        "trace_id": project.dataset.traces.first().pk,
        "scheme": "outcome",
        "membership_id": Membership.objects.get(project=project, user=ann, role=Membership.Role.ANNOTATOR).pk,
    }


def test_no_call_makes_an_error_of_ours(world):
    description = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) > 40
    failures = [fuzz(operation, mode, world) for operation in operations for mode in GenerationMode]
    assert not any(failures), "\n\n".join(filter(None, failures))


def fuzz(operation: Any, mode: GenerationMode, world: dict[str, Any]) -> str:
    """Some calls of one operation, mostly of what is there, so that they come past the look-up. What went wrong."""
    headers = {"Authorization": f"Bearer {world['secret']}"}

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.sampled_from([True, True, True, False]))
    def run(case: Any, is_real: bool) -> None:
        if is_real:
            known = {name: world[name] for name in case.path_parameters or {} if name in world}
            case.path_parameters = {**(case.path_parameters or {}), **known}
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)

    try:
        run()
    except (Exception, BaseExceptionGroup) as error:
        inner = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
        return f"{operation.label} ({mode.value}): {error}\n" + "\n".join(
            f"{type(one).__name__}: {one}" for one in inner
        )
    return ""
