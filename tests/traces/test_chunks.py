"""The cache of rendered chunks, through its functions and its job."""

import gzip
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from potato_site.jobs import run_now
from potato_site.jobs.models import Job
from potato_site.jobs.tick import tick
from traces import chunks, options
from traces.chunks import (
    changes_gzip,
    changes_key,
    chunk_gzip,
    chunk_html,
    enqueue_changes,
    enqueue_render,
    markdown_html,
    render_version,
    rendering_of,
)
from traces.models import Chunk, Dataset, Document, Rendering, Trace, TraceVersion
from traces.options import RenderOptions
from traces.prose import MAX_LETTERS
from traces.store import pack

pytestmark = pytest.mark.django_db
OPTIONS = RenderOptions()


def make_version(steps: int = 60, *, number: int = 1, last: str = "x = 1\n", **fields) -> TraceVersion:
    """A version with ``steps`` file reads; ``last`` is what the last one holds."""
    dataset, _ = Dataset.objects.get_or_create(name="d")
    trace, _ = Trace.objects.get_or_create(dataset=dataset, external_id="t", issue_key="i")
    turns = [
        {
            "step_idx": index,
            "type": "file_read",
            "path": "a.py",
            "content": last if index == steps - 1 else "import re\n",
        }
        for index in range(steps)
    ]
    version = TraceVersion.objects.create(
        trace=trace, number=number, sha256=f"{number:064}", converter="native", converter_version="1", n_steps=steps
    )
    Document.objects.create(version=version, body=pack({"id": "t", "structured_turns": turns, **fields}))
    return version


def html_of(version: TraceVersion, n: int, options: RenderOptions = OPTIONS) -> str:
    return gzip.decompress(chunk_gzip(version.pk, options, n)).decode()


def test_an_issue_in_markdown_is_kept_and_one_that_is_too_long_is_not():
    long, short = (" ".join(["`a`"] * size) for size in (MAX_LETTERS, 9))
    held = sys.getrefcount(long)
    assert markdown_html(long) is None
    assert sys.getrefcount(long) == held
    assert markdown_html(short) is markdown_html(short) is not None


def test_a_version_can_be_seen_before_anything_is_stored():
    version = make_version()
    view = rendering_of(version.pk, OPTIONS)
    assert view.n_chunks == 3
    assert len(view.outline["steps"]) == 60
    assert 'id="step-25"' in html_of(version, 1)
    assert 'id="step-24"' not in html_of(version, 1)
    assert 'class="k"' not in html_of(version, 1)
    assert not Chunk.objects.exists()
    assert not Rendering.objects.exists()


def test_the_worker_stores_what_was_computed_before_with_colours():
    version = make_version()
    before = rendering_of(version.pk, OPTIONS)
    assert render_version(version.pk, OPTIONS) == 3
    assert rendering_of(version.pk, OPTIONS) == before
    assert set(Chunk.objects.values_list("key", flat=True)) == set(before.chunk_keys)
    assert '<span class="k">import</span>' in html_of(version, 0)


def test_rendering_twice_makes_nothing_new():
    version = make_version()
    render_version(version.pk, OPTIONS)
    bodies = dict(Chunk.objects.values_list("key", "body"))
    with CaptureQueriesContext(connection) as queries:
        assert render_version(version.pk, OPTIONS) == 0
    assert len([query for query in queries.captured_queries if "traces_chunk" in query["sql"]]) == 1
    Chunk.objects.all().delete()
    render_version(version.pk, OPTIONS)
    assert {key: bytes(body) for key, body in Chunk.objects.values_list("key", "body")} == {
        key: bytes(body) for key, body in bodies.items()
    }


def test_a_new_version_renders_only_the_chunks_that_changed():
    render_version(make_version().pk, OPTIONS)
    assert render_version(make_version(number=2, last="y = 2\n").pk, OPTIONS) == 1


def test_other_options_are_other_chunks():
    version = make_version()
    render_version(version.pk, OPTIONS)
    split = RenderOptions(diff_style="split", syntax_highlighting=False)
    assert render_version(version.pk, split) == 3
    assert 'class="k"' not in html_of(version, 0, split)


def test_an_emptied_cache_is_only_slower():
    version = make_version()
    render_version(version.pk, OPTIONS)
    Chunk.objects.all().delete()
    assert 'id="step-0"' in html_of(version, 0)


def test_a_record_without_steps_has_one_chunk_by_its_layout():
    version = make_version(0, text="<i>hello</i>")
    options = RenderOptions(layout="<h3>Task</h3>{{text}}")
    assert rendering_of(version.pk, OPTIONS).chunk_keys != rendering_of(version.pk, options).chunk_keys
    assert rendering_of(version.pk, options).n_chunks == 1
    assert "<h3>Task</h3>" in html_of(version, 0, options)
    assert render_version(version.pk, options) == 1


def test_a_chunk_that_does_not_exist_is_an_error():
    version = make_version()
    with pytest.raises(IndexError):
        chunk_gzip(version.pk, OPTIONS, 3)
    with pytest.raises(IndexError):
        chunk_gzip(version.pk, OPTIONS, -1)
    with pytest.raises(Document.DoesNotExist):
        chunk_gzip(version.pk + 1, OPTIONS, 0)


def test_a_stored_chunk_costs_two_queries_and_no_document():
    version = make_version()
    render_version(version.pk, OPTIONS)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        chunk_gzip(version.pk, OPTIONS, 0)
    # Reading waits for nobody who writes.
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "SELECT"]
    assert "traces_document" not in str(queries.captured_queries)


def test_a_chunk_for_a_template_is_not_escaped_again():
    version = make_version()
    assert f"{chunk_html(version.pk, OPTIONS, 0):s}".startswith("<article")
    assert hasattr(chunk_html(version.pk, OPTIONS, 0), "__html__")


def test_the_job_renders_and_is_asked_for_once():
    version = make_version()
    assert enqueue_render([version.pk], OPTIONS) == 1
    assert enqueue_render([version.pk], OPTIONS) == 0
    job = Job.objects.get(kind="traces.render")
    assert job.queue == "fast"
    run_now("traces.render", job.params)
    assert Rendering.objects.filter(version=version).count() == 1
    assert Chunk.objects.count() == 3


def test_what_another_version_of_the_renderer_made_is_forgotten(monkeypatch):
    old, new = make_version(60), make_version(2, number=2)
    with monkeypatch.context() as before:
        for module in (chunks, options):
            before.setattr(module, "RENDERER_VERSION", "9")
        render_version(old.pk, OPTIONS)
        run_now("traces.render_changes", {"version": old.pk, "options": OPTIONS.model_dump(mode="json")})
    render_version(new.pk, OPTIONS)
    run_now("traces.render_changes", {"version": new.pk, "options": OPTIONS.model_dump(mode="json")})
    assert (Rendering.objects.count(), Chunk.objects.count()) == (2, 6)
    monkeypatch.setattr(chunks, "FORGOTTEN_PER_TICK", 3)
    for _ in range(4):
        tick()
    assert [rendering.version_id for rendering in Rendering.objects.all()] == [new.pk]
    assert Chunk.objects.count() == 2
    assert set(Rendering.objects.get().chunk_keys) < set(Chunk.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("ask", [enqueue_render, enqueue_changes])
def test_what_cannot_be_rendered_is_not_asked_for_again_at_once(ask):
    version = make_version(2)
    assert ask([version.pk], OPTIONS) == 1
    Job.objects.update(state="failed", finished_at=timezone.now())
    assert ask([version.pk], OPTIONS) == 0
    Job.objects.update(finished_at=timezone.now() - timedelta(minutes=61))
    assert ask([version.pk], OPTIONS) == 1


def test_the_change_of_the_run_is_there_at_once_and_stored_with_colours_by_the_worker():
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n import re\n+import os\n"
    version = make_version(2, final_patch=diff)
    plain = gzip.decompress(changes_gzip(version.pk, OPTIONS)).decode()
    assert 'data-path="a.py"' in plain
    assert 'class="k"' not in plain
    assert not Job.objects.exists()
    assert enqueue_changes([version.pk], OPTIONS) == 1
    [job] = Job.objects.filter(kind="traces.render_changes")
    run_now(job.kind, job.params)
    assert enqueue_changes([version.pk], OPTIONS) == 0
    coloured = gzip.decompress(changes_gzip(version.pk, OPTIONS)).decode()
    assert 'class="k"' in coloured
    assert Chunk.objects.filter(pk=changes_key(version.pk, OPTIONS)).count() == 1
