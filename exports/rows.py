"""Labeled traces as export rows: schemes are chosen, answers filtered, several annotators become one label."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation import queries
from annotation.queries import LabeledPair, LabeledTrace, Labels, LaterDocument, Question, aggregate
from exports.changes import Changes
from exports.formats import Row, Said, Takes
from exports.options import Options
from exports.splits import Splits
from exports.steps import exported_steps, reward_of, target_of
from potato_site.canonical import canonical

REWARD = "process_reward"
ADJUDICATION = "adjudication"
FULLY = "fully resolved"


class UnknownScheme(LookupError):
    """The project asks no such question. ``str()`` is a sentence that lists those it asks; ``option`` named it."""

    def __init__(self, message: str, option: str = "scheme") -> None:
        super().__init__(message)
        self.option = option


@dataclass
class Tally:
    """What became of what was read. ``left_out`` counts traces by reason, ``answers_left_out`` submissions,
    ``changed`` what was done to steps, ``labels`` the step labels that are in the file."""

    rows: int = 0
    # Of the rows, those that are in a file beside the main one only.
    only_beside: int = 0
    several: int = 0
    ties: int = 0
    traces: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    answers_left_out: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    labels: Counter[str | None] = field(default_factory=Counter)
    targets: Counter[bool | None] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    # Labels and outcomes of the rows, whatever the file holds of them.
    met_labels: set[str | None] = field(default_factory=set)
    met_outcomes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Asked:
    """What is exported: the question about steps (None: no format needs one), the one about the outcome, the rest."""

    reward: Question | None
    outcome: Question | None
    # The value of the outcome that means "fully resolved".
    resolved: str
    others: tuple[Question, ...]

    @property
    def questions(self) -> list[Question]:
        return [*([self.reward] if self.reward else []), *self.others]


def choose(questions: Sequence[Question], options: Options, takes: Takes) -> Asked:
    """Which questions the options mean. Raises UnknownScheme: one that is named is not there, or step labels are
    needed and the project has none."""
    rewards = [question for question in questions if question.type == REWARD]
    reward = choose_scheme(questions, options.scheme) if rewards or options.scheme or takes == "rewards" else None
    outcome = _outcome(questions, options.outcome_scheme)
    others = tuple(question for question in questions if reward is None or question.name != reward.name)
    return Asked(reward, outcome, _fully_resolved(outcome) if outcome else "", others)


def choose_scheme(questions: Sequence[Question], name: str | None = None) -> Question:
    """The process reward question called ``name``, else the project's first. Raises UnknownScheme."""
    rewards = [question for question in questions if question.type == REWARD]
    if not rewards:
        raise UnknownScheme("the project has no process_reward scheme to export")
    chosen = next((question for question in rewards if question.name == name), None if name else rewards[0])
    if chosen is None:
        known = ", ".join(question.name for question in rewards)
        raise UnknownScheme(f"no process_reward scheme is called {name!r}; the project has: {known}")
    return chosen


def _outcome(questions: Sequence[Question], name: str | None) -> Question | None:
    """The choice about the whole trace that says whether the issue was resolved. Raises UnknownScheme."""
    choices = [question for question in questions if is_choice(question)]
    if name is None:
        return next((question for question in choices if _fully_resolved(question)), None)
    chosen = next((question for question in choices if question.name == name), None)
    if chosen is None:
        known = ", ".join(question.name for question in choices) or "none"
        raise UnknownScheme(
            f"no choice about the whole trace is called {name!r}; the project has: {known}", "outcome_scheme"
        )
    return chosen


def is_choice(question: Question) -> bool:
    return question.scope == "item" and question.merge == "choice" and bool(question.labels)


def _fully_resolved(question: Question) -> str:
    """The value of the option "Fully Resolved", else of one whose value is ``resolved``; "" when there is none."""
    by_text = [label.value for label in question.labels if label.text.casefold() == FULLY]
    by_value = [label.value for label in question.labels if label.value.casefold() in ("resolved", "fully_resolved")]
    return next(iter([*by_text, *by_value]), "")


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
        texts: bool = True,
    ) -> None:
        """``changes``: only what changed since some moment makes a row (of pairs the caller decides). ``texts``: see
        exports.steps."""
        self.texts = texts
        # Nothing is a duplicate among traces that were looked through before.
        self.dedupe = options.dedupe
        self.asked, self.options, self.takes, self.splits, self.tally = asked, options, takes, splits, tally
        self.changes = changes if takes != "pairs" else None
        # What traces look like → their versions.
        self._seen: dict[int, list[int]] = defaultdict(list)
        # Of documents that were not read: what they look like from outside → the first one, None once it was read.
        self._unread: dict[int, int | None] = {}
        # The same of those that changed: one of them may have stood for others, and does no more.
        self._changed: dict[int, list[bytes]] = defaultdict(list)
        if self.changes and options.dedupe:
            for version in self.changes.versions():
                document = queries.document(version)
                self._changed[look(document)].append(fingerprint(document))

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
        for row in rows:
            reason = self._refusal(row)
            if reason:
                self.tally.left_out[reason] += 1
            else:
                yield row

    def _labeling_steps(self, said: Sequence[Labels]) -> list[Labels]:
        """Those who labeled steps, and a decision made before they were asked about, which decides the rest."""
        name = self.asked.reward.name if self.asked.reward else ""
        labeled = [labels for labels in said if labels.values.get(name)]
        if len(labeled) == len(said) or not labeled:
            return labeled
        return [
            one for one in said if one.values.get(name) or (one.purpose == ADJUDICATION and not was_asked(one, name))
        ]

    def counts(self, labels: Labels) -> bool:
        """Whether an answer is in; counted with its reason where it is not."""
        options, name = self.options, self.asked.reward.name if self.asked.reward else ""
        reason = ""
        if labels.annotator in options.exclude_annotators:
            reason = "by somebody left out"
        elif options.submitted_since and labels.submitted_at < options.submitted_since:
            reason = "submitted earlier"
        elif flagged := [flag for flag in labels.flags if flag in options.exclude_flags]:
            reason = f"flagged {flagged[0]}"
        elif options.suggested == "drop" and _has_suggested(labels.values.get(name)):
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
            return f"no answer to {self.asked.reward.name if self.asked.reward else 'a question about steps'}"
        if self.dedupe and self._is_known(trace):
            return "the same task and steps as an earlier trace"
        if self.changes and not self.changes.has(trace.trace_id):
            return f"unchanged since {self.changes.since}"
        return ""

    def _is_known(self, trace: LabeledTrace) -> bool:
        """Whether an earlier trace is of the same task and has the same steps.

        Traces that look alike are rare: only of those the documents are compared, the earlier one being read again.
        """
        # Where something changed, what an unchanged trace looks like is asked as well.
        if not self._changed and isinstance(trace.document, LaterDocument) and self._is_alone(trace.document):
            return False
        seen = look(trace.document)
        alike, changed = self._seen[seen], self._changed.get(seen, ())
        if alike or changed:
            own = fingerprint(trace.document)
            if self.changes and own in changed:
                self.changes.add(trace)
            if any(fingerprint(queries.document(version)) == own for version in alike):
                return True
        alike.append(trace.version_id)
        return False

    def _is_alone(self, document: LaterDocument) -> bool:
        """Whether no earlier trace looks like this one from outside. Of those that do the documents are read."""
        outside = hash(document.outside)
        first = self._unread.setdefault(outside, document.version_id)
        if first == document.version_id:
            return True
        if first is not None:
            self._seen[look(queries.document(first))].append(first)
            self._unread[outside] = None
        return False

    def _merged(self, trace: LabeledTrace, voters: list[Labels]) -> Row:
        final = [labels for labels in voters if labels.purpose == ADJUDICATION]
        others = [labels for labels in voters if labels.purpose != ADJUDICATION]
        if final:
            return self._row(trace, final[-1:], others or final[-1:], "adjudicated")
        return self._row(trace, others, others, "")

    def _row(self, trace: LabeledTrace, deciding: list[Labels], voters: list[Labels], method: str) -> Row:
        """``deciding``: whose answers make the label; ``voters``: whose agreement is told, and whose answers make it
        where a question is newer than the decision."""
        scheme = self.asked.reward
        everybody = voters
        if deciding is not voters:
            everybody = [*voters, *(one for one in deciding if all(one is not voter for voter in voters))]
        labeling = _who_decides(scheme, deciding, voters) if scheme else deciding
        given = [labels.values[scheme.name] for labels in labeling if labels.values.get(scheme.name)] if scheme else []
        result, mode = None, ""
        steps: list[dict[str, Any]] = []
        targets: list[bool | None] = []
        if scheme and given:
            mode = mode_of(labeling, scheme.name)
            result = aggregate.process_reward(given, mode, self.options.ties)
            soft = self._soft(voters, scheme) if self.options.soft_labels else ()
            steps, targets = exported_steps(
                trace.document, result.value, self.options, self.tally.changed, soft, texts=self.texts
            )
        agreeing = result.agreeing if result and len(given) == len(labeling) else tuple(range(len(labeling)))

        def answer(question: Question) -> tuple[Any, bool]:
            by = _who_decides(question, deciding, voters)
            return _answer(question, by, agreeing if by is labeling else tuple(range(len(by))))

        answers = Answers(self.asked.others, answer)
        outcome = answers[self.asked.outcome.name] if self.asked.outcome else None
        # One alone is tied with nobody.
        tied = len(everybody) > 1 and (bool(result and result.is_tie) or answers.has_tie())
        agreement = result.agreement if result else None
        if method == "adjudicated" and labeling is deciding:
            agreement = _share_who_agree(voters, deciding[0], scheme)
        return Row(
            trace_id=trace.trace_id,
            document=trace.document,
            issue_id=trace.issue_id,
            instance_id=trace.instance_id,
            mode=mode,
            first_error_step=_still_there(result.value["first_error_step"], steps) if result else None,
            all_correct=result.value["all_correct"] if result else None,
            steps=steps,
            targets=targets,
            answers=answers,
            outcome=outcome,
            resolved=outcome == self.asked.resolved if outcome is not None and self.asked.resolved else None,
            annotators=tuple(dict.fromkeys(labels.annotator for labels in everybody)),
            agreement=agreement,
            aggregation=method or (result.method if result else "single" if len(voters) == 1 else "majority"),
            needs_adjudication=tied,
            split=self.splits.of(trace.issue_key),
            said=[_said(labels) for labels in everybody] if self.takes == "answers" else (),
        )

    def side(self, trace: LabeledTrace, by: Sequence[str] | None = None) -> Row:
        """One of two traces that were compared, with the step labels it was given (``by``: by these people), if any.

        What leaves traces out (duplicates, outcomes, agreement, ties) does not apply: people chose the two.
        """
        name = self.asked.reward.name if self.asked.reward else ""
        if by is None:
            given = self._labeling_steps([labels for labels in trace.submissions if self.counts(labels)])
            return self._merged(trace, given) if given else self._unlabeled(trace)
        given = [labels for labels in trace.submissions if labels.values.get(name) and self.counts(labels)]
        own = [labels for labels in given if labels.annotator in by and labels.purpose != ADJUDICATION]
        return self._row(trace, own, own, "single") if own else self._unlabeled(trace)

    def _unlabeled(self, trace: LabeledTrace) -> Row:
        turns = trace.document.get("structured_turns") or []
        none = {"label": None, "reward": None, "label_source": "human"}
        bare = {"first_error_step": None, "steps": [none] * len(turns)}
        soft = [None] * len(turns) if self.options.soft_labels else []
        steps, targets = exported_steps(trace.document, bare, self.options, self.tally.changed, soft, texts=self.texts)
        return Row(
            trace_id=trace.trace_id,
            document=trace.document,
            issue_id=trace.issue_id,
            instance_id=trace.instance_id,
            mode="",
            first_error_step=None,
            all_correct=None,
            steps=steps,
            targets=targets,
            answers={},
            outcome=None,
            resolved=None,
            annotators=(),
            agreement=None,
            aggregation="single",
            needs_adjudication=False,
            split=self.splits.of(trace.issue_key),
        )

    def _soft(self, voters: list[Labels], scheme: Question) -> list[float | None]:
        """Per step, the share of annotators who call it correct, of those who labeled it."""
        given = [labels.values[scheme.name] for labels in voters if labels.values.get(scheme.name)]
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

    def __init__(self, questions: Sequence[Question], answer: Callable[[Question], tuple[Any, bool]]) -> None:
        """``answer``: of a question the value, and whether it was tied."""
        self._questions, self._answer = questions, answer
        self._found: dict[str, tuple[Any, bool]] = {}

    def has_tie(self) -> bool:
        return any(self._of(question)[1] for question in self._questions)

    def __getitem__(self, name: str) -> Any:
        for question in self._questions:
            if question.name == name:
                return self._of(question)[0]
        raise KeyError(name)

    def _of(self, question: Question) -> tuple[Any, bool]:
        if question.name not in self._found:
            self._found[question.name] = self._answer(question)
        return self._found[question.name]

    def __iter__(self) -> Iterator[str]:
        return (question.name for question in self._questions)

    def __len__(self) -> int:
        return len(self._questions)


def look(document: Any) -> int:
    """Cheap, and equal for traces of one task with the same steps: the task, their number, and how the last ends."""
    turns = document.get("structured_turns")
    if not turns:
        return hash(fingerprint(document))
    last = turns[-1]
    end = last.get("content") or last.get("output") or last.get("diff") or ""
    return hash((document.get("issue_description"), len(turns), len(end), end[-100:]))


def fingerprint(document: Any) -> bytes:
    """Equal for traces of one task with the same steps, whatever their ids."""
    parts = [document.get("issue_description"), document.get("repo"), document.get("structured_turns")]
    if parts[2] is None:
        parts = [{key: value for key, value in document.items() if key not in ("id", "source")}]
    return hashlib.blake2b(canonical(parts), digest_size=16).digest()


def mode_of(submissions: Iterable[Labels], name: str) -> str:
    return aggregate.mode_of([one.questions[name].mode for one in submissions if name in one.questions])


def _has_suggested(reward: Any) -> bool:
    return bool(reward) and any(step["label_source"] == "ai" for step in reward["steps"])


def _still_there(first: int | None, steps: Sequence[Any]) -> int | None:
    return first if first is None or first < len(steps) else None


def _share_who_agree(voters: list[Labels], final: Labels, scheme: Question | None) -> float | None:
    """The share of annotators whose step labels are those of the adjudicator; None where they are none."""
    name = scheme.name if scheme else ""
    given = [labels.values[name] for labels in voters if labels is not final and labels.values.get(name)]
    right = final.values.get(name)
    if not given or not right:
        return None
    labels = [step["label"] for step in right["steps"]]
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


def _who_decides(question: Question, deciding: list[Labels], voters: list[Labels]) -> list[Labels]:
    """A final answer decides alone, but on no question that was first asked after it."""
    if deciding is voters or any(was_asked(labels, question.name) for labels in deciding):
        return deciding
    return voters


def _answer(question: Question, voters: list[Labels], agreeing: tuple[int, ...]) -> tuple[Any, bool]:
    """(one value for what the annotators answered to another question, whether it was tied); None when nobody did."""
    values = aggregate.agreeing_first([labels.values.get(question.name) for labels in voters], agreeing)
    given = [value for value in values if value is not None]
    if not given:
        return None, False
    mode = mode_of(voters, question.name) if question.type == REWARD else ""
    result = aggregate.one_of(question, given, mode)
    return result.value, result.is_tie
