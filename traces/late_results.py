"""Results that arrive after their traces: predictions and reports of a run that is in the dataset already.

Each trace that one belongs to is offered again with what the result gives it, made from the document that the trace had
without results. So what was given last counts, and the same results, or the trace itself, once more change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from traces.attachments import Attachments
from traces.batches import BASE, base_of
from traces.conversion import Converted, n_warnings
from traces.document import TraceDocument
from traces.jsonl import WARNING, Problem
from traces.models import Dataset, Trace, TraceVersion
from traces.store import iter_documents

BATCH = 200


def with_late_results(dataset: Dataset, attachments: Attachments) -> Iterator[Converted | Problem]:
    """The traces of ``dataset`` that ``attachments`` give something to which no trace of this run has used.

    Each comes under the name of the file that its result lies in, with the ``base`` it was made from. Of a result that
    gives nothing, what differs is told.
    """
    ids = [name for name in attachments.by_id if name not in attachments.used]
    for first in range(0, len(ids), BATCH):
        some = ids[first : first + BATCH]
        known = Trace.objects.filter(dataset=dataset, current__isnull=False).select_related("current").order_by("pk")
        bases = [_base(trace) for trace in known.filter(Q(instance_id__in=some) | Q(external_id__in=some))]
        for base, doc in zip(bases, iter_documents([base.pk for base in bases]), strict=True):
            known_warnings = n_warnings(doc)
            file = attachments.apply(doc, str(base.meta.get("source_file", "")))
            if not file:
                yield from _differences(doc, known_warnings, attachments)
                continue
            yield Converted(
                file=file,
                sha256=base.source_sha256,
                line=1,
                id=doc["id"],
                format=base.converter,
                n_steps=base.n_steps,
                n_warnings=n_warnings(doc),
                changes=Counter(),
                base=base_of(base.sha256, base.meta),
                given=doc,
            )


def _differences(doc: TraceDocument, known: int, attachments: Attachments) -> Iterator[Problem]:
    """The warnings that a document has got beyond the ``known`` first ones."""
    for warning in doc["source"]["warnings"][known:] if n_warnings(doc) > known else []:
        file = attachments.files_of(doc)[0]
        yield Problem(file, None, "", f"{doc['id']!a}: {warning}", WARNING)


def _base(trace: Trace) -> TraceVersion:
    """The trace's version without results: its current one, or the one that this was made from."""
    current: Any = trace.current
    made_from = current.meta.get(BASE)
    return trace.versions.get(sha256=made_from["sha256"]) if made_from else current
