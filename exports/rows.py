"""Labeled traces as export rows: answers are filtered, several annotators become one label."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from operator import attrgetter
from typing import Any

from annotation.queries import LabeledPair, LabeledTrace, Labels, Question, aggregate
from exports.asked import REWARD, Asked
from exports.changes import Changes
from exports.duplicates import OTHERWISE, SAME, Duplicates
from exports.formats import Row, Said, Takes
from exports.judged import NO_STEPS, Steps
from exports.options import Options
from exports.splits import Splits
from exports.steps import exported_steps, is_all_correct, revalued, reward_of, target_of
from exports.tally import Tally

ADJUDICATION = "adjudication"
_LABEL = attrgetter("label")
Reads = Callable[..., Iterable[LabeledTrace]]


def no_refusal(row: Row) -> str:
    return ""


class Rows:
    """Labeled traces → rows, counting what is left out and why."""

    def __init__(
        self,
        asked: Asked,
        options: Options,
        takes: Takes,
        splits: Splits,
        tally: Tally,
        changes: Changes | None = None,
        read: Reads | None = None,
        refusal: Callable[[Row], str] = no_refusal,
    ) -> None:
        """``changes``: only what changed since some moment makes a row (of pairs the caller decides). ``read(ids)``:
        the labeled traces with these ids; without it nothing is looked at for duplicates. ``refusal``: why the format
        does not take a row; "" where it does."""
        self.asked, self.options, self.takes, self.splits, self.tally = asked, options, takes, splits, tally
        self.changes = changes if takes != "pairs" else None
        self.is_second_look = False
        self.read, self.refusal = read, refusal
        self.duplicates = Duplicates(self.changes) if options.dedupe and read else None
        # The version of a trace that may stand for others → hashes of how its rows are labeled.
        self._kept: dict[int, tuple[int, ...]] = {}

    def looking_again(self) -> Rows:
        """For traces that were looked at before: nothing is counted again, and no trace is a duplicate or unchanged."""
        self.is_second_look, self.tally, self.duplicates, self.changes = True, Tally(), None, None
        return self

    def of(self, traces: Iterable[LabeledTrace]) -> Iterator[Row]:
        for trace in traces:
            yield from self._rows_of(trace)

    def compared(self, pairs: Iterable[LabeledPair]) -> Iterator[Row]:
        """A row for every pair: what was said of it, as it was said."""
        for pair in pairs:
            said = [labels for labels in pair.submissions if self.counts(labels)]
            if not said:
                self.tally.left_out["no answer passes the filters"] += 1
            elif self.changes and not self.changes.has(pair.a.trace_id, pair.b.trace_id):
                self.tally.left_out[f"unchanged since {self.changes.since}"] += 1
            else:
                yield self._row(pair.a, said, said, "")._replace(trace_id_b=pair.b.trace_id)

    def _rows_of(self, trace: LabeledTrace) -> Iterator[Row]:
        said = [labels for labels in trace.submissions if self.counts(labels)]
        voters = said if self.takes == "answers" else self._labeling_steps(said)
        reason = self._reason(trace, said, voters)
        if reason:
            self.tally.left_out[reason] += 1
            return
        if self.options.aggregation == "per_annotator":
            production = [labels for labels in voters if labels.purpose != ADJUDICATION]
            rows = [self._row(trace, [labels], [labels], "single") for labels in production]
        else:
            rows = [self._merged(trace, voters)]
        reasons = [self._refusal(row) for row in rows]
        self.tally.left_out.update(filter(None, reasons))
        kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
        if self.duplicates:
            self._kept[trace.version_id] = self._labels_of(kept)
        yield from kept

    def _labels_of(self, rows: Iterable[Row]) -> tuple[int, ...]:
        """Of those that the format takes."""
        return tuple(hash(_labeled_as(row)) for row in rows if not self.refusal(row))

    def _labeling_steps(self, said: Sequence[Labels]) -> list[Labels]:
        """Those who labeled steps, and a decision made before they were asked about, which decides the rest."""
        name = self.asked.reward_name
        labeled = [labels for labels in said if labels.values.get(name)]
        if len(labeled) == len(said) or not labeled:
            return labeled
        return [
            one for one in said if one.values.get(name) or (one.purpose == ADJUDICATION and not was_asked(one, name))
        ]

    def counts(self, labels: Labels) -> bool:
        """Whether an answer is in; counted with its reason where it is not."""
        options, reason = self.options, ""
        if labels.annotator in options.exclude_annotators:
            reason = "by somebody left out"
        elif options.submitted_since and labels.submitted_at < options.submitted_since:
            reason = "submitted earlier"
        elif flagged := [flag for flag in labels.flags if flag in options.exclude_flags]:
            reason = f"flagged {flagged[0]}"
        elif options.suggested == "drop" and _has_suggested(labels.values.get(self.asked.reward_name)):
            reason = "with labels that a model suggested"
        elif options.aggregation == "majority" and labels.purpose == ADJUDICATION:
            return False
        if reason:
            self.tally.answers_left_out[reason] += 1
        return not reason

    def _reason(self, trace: LabeledTrace, said: list[Labels], voters: list[Labels]) -> str:
        """Why a trace has no row at all."""
        if not said:
            return "no answer passes the filters"
        if not voters:
            return f"no answer to {self.asked.reward_name or 'a question about steps'}"
        if self.duplicates and (reason := self._repeats(self.duplicates, trace)):
            return reason
        if self.changes and not self.changes.has(trace.trace_id):
            return f"unchanged since {self.changes.since}"
        return ""

    def _repeats(self, duplicates: Duplicates, trace: LabeledTrace) -> str:
        """Why an earlier trace stands for this one; "" where none does. One that has no row itself (tied, of another
        outcome, refused by the format) stands for none.

        What was said of the earlier one is known, but where it made no row for being unchanged: then it is read again.
        """
        first = duplicates.first_of(trace)
        if first is None:
            return ""
        assert self.read is not None
        again = copy(self).looking_again()
        kept = self._kept.get(first.version_id)
        if kept is None:
            rows = again.of(self.read([first.trace_id], documents="later"))
            kept = self._kept[first.version_id] = self._labels_of(rows)
        if not kept:
            duplicates.instead(first, trace)
            return ""
        return SAME if all(hash(_labeled_as(row)) in kept for row in again.of([trace])) else OTHERWISE

    def _merged(self, trace: LabeledTrace, voters: list[Labels]) -> Row:
        final = [labels for labels in voters if labels.purpose == ADJUDICATION]
        others = [labels for labels in voters if labels.purpose != ADJUDICATION]
        if final:
            return self._row(trace, final[-1:], others or final[-1:], "adjudicated")
        return self._row(trace, others, others, "")

    def _row(self, trace: LabeledTrace, deciding: list[Labels], voters: list[Labels], method: str) -> Row:
        """``deciding``: whose answers make the label; ``voters``: whose agreement is told, and whose answers make it
        where a question is newer than the decision."""
        name = self.asked.reward_name
        everybody = voters
        if deciding is not voters:
            everybody = [*voters, *(one for one in deciding if all(one is not voter for voter in voters))]
        labeling = _who_decides(name, deciding, voters) if name else deciding
        given = _given(labeling, name)
        result, mode = None, ""
        steps = NO_STEPS
        targets: list[bool | None] = []
        if given:
            mode = mode_of(labeling, name)
            result = aggregate.process_reward(self._revalued(given, mode), mode, self.options.ties)
            soft = self._soft(self._revalued(_given(voters, name), mode)) if self.options.soft_labels else ()
            steps, targets = self._steps(trace, result.value, soft)
        agreeing = result.agreeing if result and len(given) == len(labeling) else tuple(range(len(labeling)))

        def answer(question: Question) -> tuple[Any, bool]:
            by = _who_decides(question.name, deciding, voters)
            return _answer(question, by, agreeing if by is labeling else tuple(range(len(by))))

        answers = Answers(self.asked.others_by_name, answer)
        asked = partial(_types_asked, labeling, name)
        outcome, is_torn = self._outcome(answers, answer)
        # One alone is tied with nobody.
        tied = len(everybody) > 1 and (bool(result and result.is_tie) or is_torn or answers.has_tie())
        agreement = result.agreement if result else None
        if method == "adjudicated" and labeling is deciding:
            others = _given((one for one in voters if one is not deciding[0]), name)
            agreement = _share_who_agree(self._revalued(others, mode), self._revalued(given, mode))
        return self._about(
            trace,
            mode=mode,
            first_error_step=_still_there(result.value["first_error_step"], steps) if result else None,
            all_correct=is_all_correct(result.value, trace.document, asked) if result else None,
            steps=steps,
            targets=targets,
            answers=answers,
            outcome=outcome,
            resolved=outcome in self.asked.resolved if outcome is not None and self.asked.resolved else None,
            annotators=tuple(dict.fromkeys(labels.annotator for labels in everybody)),
            agreement=agreement,
            aggregation=method or (result.method if result else "single" if len(voters) == 1 else "majority"),
            needs_adjudication=tied,
            said=[_said(labels) for labels in everybody] if self.takes == "answers" else (),
        )

    def _outcome(self, answers: Answers, answer: Callable[[Question], tuple[Any, bool]]) -> tuple[Any, bool]:
        """(the outcome, whether it is tied where that is not told by ``answers``)."""
        asked = self.asked.outcome
        if asked is None:
            return None, False
        # A part of an answer is merged by itself.
        return answer(asked) if asked.part else (answers[asked.name], False)

    def side(self, trace: LabeledTrace, by: Sequence[str] | None = None) -> Row:
        """One of two traces that were compared, with the step labels it was given (``by``: by these people), if any.

        What leaves traces out (duplicates, outcomes, agreement, ties) does not apply: people chose the two.
        """
        counted = [labels for labels in trace.submissions if self.counts(labels)]
        if by is None:
            given = self._labeling_steps(counted)
            return self._merged(trace, given) if given else self._unlabeled(trace)
        name = self.asked.reward_name
        given = [labels for labels in counted if labels.values.get(name)]
        own = [labels for labels in given if labels.annotator in by and labels.purpose != ADJUDICATION]
        return self._row(trace, own, own, "single") if own else self._unlabeled(trace)

    def _unlabeled(self, trace: LabeledTrace) -> Row:
        turns = trace.document.get("structured_turns") or []
        none = {"label": None, "reward": None, "label_source": "human"}
        bare = {"first_error_step": None, "steps": [none] * len(turns)}
        soft = [None] * len(turns) if self.options.soft_labels else []
        steps, targets = self._steps(trace, bare, soft)
        return self._about(trace, steps=steps, targets=targets)

    def _about(self, trace: LabeledTrace, **said: Any) -> Row:
        """``said``: what a row has that is not of its trace, but of what was said of that."""
        split = self.splits.of(trace.issue_key)
        return Row(trace.trace_id, trace.document, trace.issue_id, trace.instance_id, split=split, **said)

    def _steps(
        self, trace: LabeledTrace, reward: Mapping[str, Any], soft: Sequence[float | None]
    ) -> tuple[Steps, list[bool | None]]:
        steps, targets = exported_steps(trace.document, reward, self.options, self.tally.changed, soft)
        if not self.is_second_look and (n_cut := steps.n_cut()):
            self.tally.changed["steps with truncated content"] += n_cut
        return steps, targets

    def _revalued(self, given: list[Any], mode: str) -> list[Any]:
        return [revalued(one, mode, self.options) for one in given] if self.options.reward_values else given

    def _soft(self, given: list[Any]) -> list[float | None]:
        """Per step, the share of annotators who call it correct, of those who labeled it."""
        columns = zip(*(answer["steps"] for answer in given), strict=True)
        return [self._share_correct(column) for column in columns]

    def _share_correct(self, column: Sequence[dict[str, Any]]) -> float | None:
        votes = [target_of(step["label"], reward_of(step, self.options), self.options) for step in column]
        cast = [vote for vote in votes if vote is not None]
        return sum(cast) / len(cast) if cast else None

    def _refusal(self, row: Row) -> str:
        if self.options.ties == "drop" and row.needs_adjudication:
            return "tied"
        least = self.options.min_agreement
        if least is not None and row.agreement is not None and row.agreement < least:
            return f"agreement below {least:g}"
        if self.options.outcome and row.outcome not in self.options.outcome:
            return "another outcome, or none"
        return ""


class Answers(Mapping[str, Any]):
    """Other questions, by name → one value for what the annotators answered, found when somebody asks: most formats
    write none of it."""

    def __init__(self, questions: Mapping[str, Question], answer: Callable[[Question], tuple[Any, bool]]) -> None:
        """``answer``: of a question the value, and whether it was tied."""
        self._questions, self._answer = questions, answer
        self._found: dict[str, tuple[Any, bool]] = {}

    def has_tie(self) -> bool:
        return any(self._of(name)[1] for name in self._questions)

    def __getitem__(self, name: str) -> Any:
        return self._of(name)[0]

    def _of(self, name: str) -> tuple[Any, bool]:
        if name not in self._found:
            self._found[name] = self._answer(self._questions[name])
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._questions)

    def __len__(self) -> int:
        return len(self._questions)


def _labeled_as(row: Row) -> Hashable:
    """Equal for rows that teach the same of equal steps."""
    return tuple(map(_LABEL, row.steps.judged)), row.first_error_step, row.outcome


def mode_of(submissions: Iterable[Labels], name: str) -> str:
    return aggregate.mode_of([one.questions[name].mode for one in submissions if name in one.questions])


def _given(voters: Iterable[Labels], name: str) -> list[Any]:
    """The answers to the question called ``name``, of those who gave one."""
    return [labels.values[name] for labels in voters if labels.values.get(name)]


def _has_suggested(reward: Any) -> bool:
    return bool(reward) and any(step["label_source"] == "ai" for step in reward["steps"])


def _still_there(first: int | None, steps: Sequence[Any]) -> int | None:
    return first if first is None or first < len(steps) else None


def _share_who_agree(given: Sequence[Any], right: Sequence[Any]) -> float | None:
    """The share of annotators whose step labels are those of the adjudicator, who gave one answer or none; None where
    they are none."""
    if not given or not right:
        return None
    labels = [step["label"] for step in right[0]["steps"]]
    return sum([step["label"] for step in value["steps"]] == labels for value in given) / len(given)


def _said(labels: Labels) -> Said:
    return Said(
        annotator=labels.annotator,
        started_at=labels.started_at,
        submitted_at=labels.submitted_at,
        active_seconds=labels.active_seconds,
        flags=labels.flags,
        purpose=labels.purpose,
        types={name: question.type for name, question in labels.questions.items()},
        values=labels.values,
        raw=labels.raw,
    )


def was_asked(labels: Labels, name: str) -> bool:
    return name in labels.questions


def _types_asked(by: Iterable[Labels], name: str) -> frozenset[str]:
    """The types of the steps that one of them was asked about; empty: all."""
    each = [labels.questions[name].step_types for labels in by if was_asked(labels, name)]
    return frozenset().union(*each) if all(each) else frozenset()


def _who_decides(name: str, deciding: list[Labels], voters: list[Labels]) -> list[Labels]:
    """A final answer decides alone, but on no question that was first asked after it."""
    if deciding is voters or any(was_asked(labels, name) for labels in deciding):
        return deciding
    return voters


def _answer(question: Question, voters: list[Labels], agreeing: tuple[int, ...]) -> tuple[Any, bool]:
    """(one value for what the annotators answered to another question, whether it was tied); None when nobody did."""
    values = aggregate.agreeing_first([labels.values.get(question.name) for labels in voters], agreeing)
    if question.part:
        values = [value and value.get(question.part) for value in values]
    given = [value for value in values if value is not None]
    if not given:
        return None, False
    mode = mode_of(voters, question.name) if question.type == REWARD else ""
    result = aggregate.one_of(question, given, mode)
    return result.value, result.is_tie
