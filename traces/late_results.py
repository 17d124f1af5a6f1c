"""Results that arrive after their traces: predictions and reports of a run that is in the dataset already.

Each trace that one belongs to is offered again with what the result gives it, made from the document that the trace has
without results; it then keeps what earlier results gave and this one does not (``earlier_results``). So what was given
last counts, a report leaves the patch of the predictions before it, and the same results, or the trace itself, once
more change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

from django.db.models import Q

from traces.attachments import SHOWN_IDS, Attachments
from traces.bare import BASE, base_of, without_results
from traces.conversion import Converted, copied, warnings_of
from traces.document import TraceDocument
from traces.jsonl import WARNING, Problem
from traces.models import Dataset, Trace
from traces.store import iter_documents

BATCH = 200


def with_late_results(dataset: Dataset, attachments: Attachments) -> Iterator[Converted | Problem]:
    """The traces of ``dataset`` that ``attachments`` give something to which no trace of this run has used.

    Each comes under the name of the file that its result lies in, with the ``bare`` document it was made from. Of a
    result that gives nothing, what differs is told.
    """
    ids = [name for name in attachments.by_id if name not in attachments.used]
    for first in range(0, len(ids), BATCH):
        some = ids[first : first + BATCH]
        traces = yield from _meant(_of_tasks(dataset, some), attachments)
        for trace, known in zip(traces, _documents(traces), strict=True):
            version: Any = trace.current
            base = version.meta.get(BASE)
            bare = without_results(known, base) if base else known
            doc = copied(bare)
            file = attachments.apply(doc, str(version.meta.get("source_file", "")))
            if not file:
                yield from _differences(doc, len(warnings_of(bare)), attachments)
                continue
            yield Converted(
                file=file,
                sha256=version.source_sha256,
                line=1,
                id=doc["id"],
                format=version.converter,
                n_steps=version.n_steps,
                n_warnings=len(warnings_of(doc)),
                changes=Counter(),
                base=base_of(base["sha256"], base) if base else base_of(version.sha256, version.meta),
                bare=bare,
                given=doc,
            )


def _of_tasks(dataset: Dataset, ids: list[str]) -> dict[str, list[Trace]]:
    """The traces of each task. A sub-agent is not the run; of a run in parts only the last says how it ended."""
    there = Trace.objects.filter(dataset=dataset, is_withdrawn=False, current__isnull=False)
    rows = there.filter(Q(instance_id__in=ids) | Q(external_id__in=ids)).select_related("current").order_by("pk")
    traces, found = list(rows), dict[str, list[Trace]]()
    for trace, doc in zip(traces, _documents(traces), strict=True):
        part = doc.get("part")
        is_early = isinstance(part, dict) and part.get("number") != part.get("parts")
        if not is_early and not doc.get("subagent_of"):
            found.setdefault(trace.instance_id or trace.external_id, []).append(trace)
    return found


def _meant(found: dict[str, list[Trace]], attachments: Attachments) -> Generator[Problem, None, list[Trace]]:
    """The traces that the results are of. Of several of one task only a patch can tell: without it none, and a warning.

    An outcome that belongs to another agent's run would be worse than none.
    """
    meant: list[Trace] = []
    for instance_id, traces in found.items():
        some = traces
        if len(traces) > 1:
            patches = [doc.get("final_patch") for doc in _documents(traces)]
            has = attachments.has_patch
            some = [trace for trace, patch in zip(traces, patches, strict=True) if has(instance_id, patch)]
        if some:
            meant += some
        else:
            attachments.used.add(instance_id)
            names = ", ".join(trace.external_id for trace in traces[:SHOWN_IDS])
            text = f"{len(traces)} traces are of {instance_id} ({names}), none with the result's patch: not attached"
            yield from (Problem(file, None, "", text, WARNING) for file in attachments.files_of({"id": instance_id}))
    return meant


def _differences(doc: TraceDocument, known: int, attachments: Attachments) -> Iterator[Problem]:
    """The warnings that a document has got beyond the ``known`` first ones."""
    for warning in warnings_of(doc)[known:]:
        file = attachments.files_of(doc)[0]
        yield Problem(file, None, "", f"{doc['id']!a}: {warning}", WARNING)


def _documents(traces: list[Trace]) -> Iterator[TraceDocument]:
    return iter_documents([trace.current_id for trace in traces if trace.current_id])
