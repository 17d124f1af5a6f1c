"""The overview and the lists of a project of 100,000 items and 300,000 assignments against one of 1,000 items."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Max

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership, Presence, Project, Slot, Submission
from annotation.quality import statistics
from potato_site.accounts.models import User
from tests.benchmarks.measure import Browser, Row, cost_ms
from tests.factory import FIRST_ERROR, OUTCOME, make_project, make_traces, person
from traces.models import Trace, TraceVersion

SMALL, LARGE, EACH = 1_000, 100_000, 3
PEOPLE, AT_WORK = 60, 20
BLOCK, BLOCKS = 5, 7
TARGET = 2

PAGES = {
    "overview": "/admin/p/{slug}/",
    "overview, fetched again": "live",
    "agreement": "/admin/p/{slug}/quality/",
    "project's page": "/projects/{slug}/",
    "items": "/admin/annotation/item/?project={pk}",
    "items short of overlap": "/admin/annotation/item/?project={pk}&work=short_of_overlap",
    "items with free places": "/admin/annotation/item/?project={pk}&work=free",
    "items finished": "/admin/annotation/item/?project={pk}&work=finished",
    "items, searched": "/admin/annotation/item/?project={pk}&q=bulk-",
    "items, one searched": "/admin/annotation/item/?project={pk}&q={last}",
    "items, searched in vain": "/admin/annotation/item/?project={pk}&q=nowhere",
    "assignments": "/admin/annotation/assignment/?project={pk}",
    "assignments, last page shown": "/admin/annotation/assignment/?project={pk}&p=10",
    "assignments submitted": "/admin/annotation/assignment/?project={pk}&state__exact=submitted",
    "assignments too fast": "/admin/annotation/assignment/?project={pk}&attention=too_fast",
    "assignments overdue": "/admin/annotation/assignment/?project={pk}&attention=overdue",
    "assignments surplus": "/admin/annotation/assignment/?project={pk}&attention=surplus",
    "assignments, searched": "/admin/annotation/assignment/?project={pk}&q=bulk-",
    "assignments, one searched": "/admin/annotation/assignment/?project={pk}&q={last}",
    "assignments, searched in vain": "/admin/annotation/assignment/?project={pk}&q=nowhere",
    "submissions": "/admin/annotation/submission/?project={pk}",
    "submissions too fast": "/admin/annotation/submission/?project={pk}&flag=too_fast",
    "people": "/admin/annotation/membership/?project={pk}",
    "people, searched": "/admin/annotation/membership/?project={pk}&q=worker0",
    "people of the project": "/admin/p/{slug}/people/",
}


def run(folder: Path) -> Iterator[Row]:
    small, large = _project(folder / "small", "Small", SMALL), _project(folder / "large", "Large", LARGE)
    # What the server does by itself to tables that grew by so much.
    refresh = "VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize"
    with connection.cursor() as cursor:
        cursor.execute(refresh)
    seconds = {project.pk: _counted(project) for project in (small, large)}
    user = User.objects.create_superuser("bench-manager")
    for project in (small, large):
        Membership.objects.create(project=project, user=user, role="manager", source="admin")
    manager = Browser(user)
    for name, path in PAGES.items():
        cost, one, other = _side_by_side(_opened(manager, path, large), _opened(manager, path, small))
        yield Row(f"{name}: {LARGE:,} items against {SMALL:,}", cost, "x", TARGET, f"{one:.1f} ms, {other:.1f} ms")
    per_label = seconds[large.pk] / seconds[small.pk] / (LARGE / SMALL)
    yield Row("counting it, per label", per_label, "x", 1.3, f"{seconds[large.pk]:.1f} s of CPU")


def _counted(project: Project) -> float:
    start = time.process_time()
    statistics.compute(project)
    return time.process_time() - start


def _opened(manager: Browser, path: str, project: Project) -> Callable[[], None]:
    # A trace that is found alone: at the end, so that whoever reads all of them does.
    last = f"bulk-{(LARGE if project.name == 'Large' else SMALL) - 1}"
    address = path.format(slug=project.slug, pk=project.pk, last=last)

    def request() -> None:
        status, _ = manager.get(address) if path != "live" else manager.get(f"/admin/p/{project.slug}/", target="live")
        assert status == 200, (status, address)

    return request


def _side_by_side(work: Callable[[], object], against: Callable[[], object]) -> tuple[float, float, float]:
    """(ratio, milliseconds, milliseconds): medians over blocks in which the two are measured in turn."""
    cost_ms(work, 2), cost_ms(against, 2)
    pairs = [(cost_ms(work, BLOCK), cost_ms(against, BLOCK)) for _ in range(BLOCKS)]
    ratio = median(one / other for one, other in pairs)
    return ratio, median(one for one, _ in pairs), median(other for _, other in pairs)


# --- The two projects ----------------------------------------------------------------------------------------


def _project(folder: Path, name: str, items: int) -> Project:
    """Everything submitted but a few items at the front, some of which are in somebody's hands."""
    names = [f"worker{number:02}" for number in range(PEOPLE)]
    made = make_project(
        folder, name=name, schemes=[FIRST_ERROR, OUTCOME], traces=make_traces(30), overlap=100, people=names
    )
    for person_name in names[:AT_WORK]:
        assert hand_out(made, person(person_name)).assignment is not None
    with transaction.atomic():
        _fill(made, items, [person(person_name).pk for person_name in names])
    made.refresh_from_db()
    return made


def _fill(project: Project, items: int, people: list[int]) -> None:
    assert people == list(range(people[0], people[0] + PEOPLE))
    base = {model: _next_id(model) for model in (Trace, TraceVersion, Item, Assignment, Slot, Submission)}
    numbers = {
        "items": items, "labels": items * EACH, "each": EACH, "people": PEOPLE, "person": people[0],
        "project": project.pk, "dataset": project.dataset_id, "revision": project.revision_id,
        "position": Item.objects.filter(project=project).aggregate(last=Max("position"))["last"] + 1,
        **{model.__name__.lower(): start for model, start in base.items()},
    }  # fmt: skip
    postgres = connection.vendor == "postgresql"
    words = {
        "uuid": "gen_random_uuid()" if postgres else "lower(hex(randomblob(16)))",
        "now": "now()" if postgres else "strftime('%Y-%m-%d %H:%M:%S.000000', 'now')",
        # Spread over sixty days.
        "then": "now() - ((i * 37) % 5184000) * interval '1 second'"
        if postgres
        else "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || ((i * 37) % 5184000) || ' seconds')",
    }
    with connection.cursor() as cursor:
        for statement in FILL:
            cursor.execute(_formatted(statement, numbers, words))
        for statement in connection.ops.sequence_reset_sql(no_style(), list(base)):
            cursor.execute(statement)
    Project.objects.filter(pk=project.pk).update(seq=items * EACH)
    assert Presence.objects.filter(assignment__project=project).count() == items * EACH + AT_WORK


def _next_id(model: Any) -> int:
    return (model.objects.aggregate(last=Max("pk"))["last"] or 0) + 1


def _formatted(statement: str, numbers: dict[str, Any], words: dict[str, str]) -> str:
    for name, value in {**numbers, **words}.items():
        statement = statement.replace(f"<{name}>", str(value))
    return statement


ITEMS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < <items>)"
LABELS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < <labels>)"
# One in thirty is too fast: a full page of them in the small project as well.
FILL = (
    f"""INSERT INTO traces_trace
    (id, dataset_id, external_id, issue_id, issue_key, instance_id, is_withdrawn, current_id)
    {ITEMS} SELECT <trace> + i, <dataset>, 'bulk-' || i, '', 'bulk-' || i, '', FALSE, <traceversion> + i FROM n""",
    f"""INSERT INTO traces_traceversion
    (id, trace_id, number, sha256, source_sha256, converter, converter_version, n_steps, agent, outcome, meta,
    created_at)
    {ITEMS} SELECT <traceversion> + i, <trace> + i, 1, 'bulk-' || i, '', 'native', '1', 5 + i % 60, '', '', '{{}}',
    <now> FROM n""",
    f"""INSERT INTO annotation_item
    (id, project_id, kind, trace_a_id, trace_b_id, a_id, b_id, position, priority, stratum, in_overlap, is_withdrawn,
    changed_seq)
    {ITEMS} SELECT <item> + i, <project>, 'trace', <trace> + i, NULL, <traceversion> + i, NULL, <position> + i, 0, '',
    TRUE, FALSE, 0 FROM n""",
    f"""INSERT INTO annotation_assignment
    (id, public_id, item_id, project_id, annotator_id, purpose, state, revision_id, version, head, swapped, opened_at,
    lease_until, reason, is_too_fast)
    {LABELS} SELECT <assignment> + i, <uuid>, <item> + i / <each>, <project>, <person> + i % <people>, 'production',
    'submitted', <revision>, 1, '', FALSE, <then>, NULL, '', i % 30 = 0 FROM n""",
    f"""INSERT INTO annotation_slot
    (id, item_id, project_id, number, purpose, queue_key, assignment_id)
    {LABELS} SELECT <slot> + i, <item> + i / <each>, <project>, 1 + i % <each>, 'planned', 'bulk', <assignment> + i
    FROM n""",
    f"""INSERT INTO annotation_submission
    (id, assignment_id, project_id, number, seq, op_id, revision_id, "values", active_ms, flags, is_current,
    submitted_at)
    {LABELS} SELECT <submission> + i, <assignment> + i, <project>, 1, 1 + i, 'bulk', <revision>,
    '{{"outcome":{{"":"' || CASE WHEN i % 7 < 5 THEN 'resolved' ELSE 'partial' END
    || '"}},"step_reward":{{"first_error":{{"origin":"human","step":' || (i / <each> % 5) || '}}}}}}',
    20000 + CAST(i AS bigint) * 7919 % 400000, CASE WHEN i % 30 = 0 THEN '["too_fast"]' ELSE '[]' END, TRUE, <then>
    FROM n""",
    f"""INSERT INTO annotation_presence (assignment_id, active_ms, last_seen_at, seq, steps)
    {LABELS} SELECT <assignment> + i, 60000, <then>, 4, '{{}}' FROM n""",
)
