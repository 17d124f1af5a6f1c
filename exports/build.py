"""From labels to files: rows → format → bytes, read in one consistent view of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from annotation import queries
from exports import comparisons, pairs, rules
from exports.asked import Asked, choose
from exports.changes import Changes
from exports.earlier import Earlier
from exports.effect import in_effect, no_pairs, pairs_rewards, without_effect
from exports.fileset import WrittenFile, main_only, name_of, write_files
from exports.formats import Format, Pair, Piece, Row, Sheet, formats, missing_package
from exports.options import Options, as_json, changed, require_past
from exports.publish import write_file
from exports.rows import Rows, no_refusal
from exports.splits import Splits
from exports.statistics import counts_of, note
from exports.tally import Tally
from potato_site.files import is_device, nothing
from traces.collecting import seldom_collected

Progress = Callable[[int], None]
One = TypeVar("One")


def nothing_done(done: int) -> None:
    """Nobody watches."""


class MissingPackage(ImportError):
    """The format needs a package that is not installed. ``str()`` says which and how."""


@dataclass(frozen=True)
class Built:
    """What was written, for people and for the manifest."""

    format: str
    # The question about steps; "" where the format needs none.
    scheme: str
    # The project's change counter at the moment that was read.
    seq: int
    files: list[WrittenFile]
    # See exports.statistics.counts_of.
    counts: dict[str, Any]
    # Agreement by measure, and what the labels mean: for the manifest.
    card: dict[str, Any]
    # Of an export of what changed since an earlier one: how much, and the file that names it (exports.changes).
    changes: dict[str, Any] | None = None
    # Options that did nothing, a sentence each (exports.effect).
    without_effect: tuple[str, ...] = ()
    # What makes the rows wrong for whoever adds them to earlier ones (exports.rules), or keeps all away: sentences.
    warnings: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The name of the first file."""
        return self.files[0].name

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def build(
    project_id: int,
    format_name: str,
    options: Options,
    output: Path,
    *,
    before_publishing: Callable[[], None] = nothing,
    progress: Progress = nothing_done,
    with_card: bool = False,
    is_new: bool = False,
) -> Built:
    """Write an export of the project as it is now to the file ``output`` (a format that is a folder: into it).

    What is there is replaced only once everything is complete; what an earlier run wrote beside it and this one does
    not is removed (``is_new``: into a folder of its own, where nothing is). ``with_card``: what a manifest needs is
    counted too: checksums, agreement, the meaning of labels. ``progress`` is told how many traces are done, and where
    that takes long the same number again, as a sign of life: it should cost next to nothing. Raises UnknownPlugin (no
    such format), UnknownScheme, UnknownReward, WrongOptions, OSError.
    """
    writer = formats.get(format_name)()
    missing = missing_package(type(writer))
    if missing:
        raise MissingPackage(missing)
    with queries.consistent_read(), seldom_collected():
        source = Source(project_id, options, writer, progress, format_name=format_name)
        sheet = source.sheet(output.name if writer.file else "")
        pieces = source.pieces(sheet)
        if writer.file and is_device(output):
            written = write_file(output, main_only(pieces, sheet.file))
            files = [WrittenFile(written.size, written.sha256, sheet.file)]
        else:
            folder = output.parent if writer.file else output

            def all_written() -> None:
                source.tell()
                before_publishing()

            files = write_files(
                pieces, folder.joinpath, compress=source.options.compress, before_publishing=all_written,
                checksums=with_card, earlier=None if is_new else Earlier(folder, output.name if writer.file else ""),
            )  # fmt: skip
        counts = source.counts()
        source.tell()
        scheme = source.asked.reward_name if writer.takes != "answers" else ""
        card = source.card() if with_card else {}
        source.tell()
        told, idle = source.told_changes(files), source.without_effect()
    return Built(format_name, scheme, source.project.seq, files, counts, card, told, idle, source.warnings())


class Source:
    """One export's rows. Used inside ``consistent_read()``."""

    def __init__(
        self,
        project_id: int,
        options: Options,
        writer: Format,
        progress: Progress = nothing_done,
        most_traces: int | None = None,
        *,
        format_name: str,
    ) -> None:
        """``most_traces``: look at no more labeled traces (a preview)."""
        self.most_traces = most_traces
        self.project = queries.project_by_id(project_id)
        require_past(options, self.project.seq)
        self.given, self.options, self.writer, self.progress = options, in_effect(options, writer), writer, progress
        self.done = 0
        questions = queries.questions(self.project)
        # What is named has to be there, whatever comes of it.
        choose(questions, options, writer.takes)
        self.asked: Asked = choose(questions, self.options, writer.takes)
        self.tally = Tally()
        self._told: dict[str, Any] = {}
        issues = queries.issues_and_repositories(self.project) if self.options.has_splits else ()
        self.splits = Splits(self.options, issues)
        self.changes: Changes | None = None
        self.rows_version_since: int | None = None
        if options.since_seq is not None:
            self.rows_version_since = rules.number_since(project_id, format_name, options.since_seq, options)
            self.changes = Changes(self.project, self.options, comparisons=self.reads_comparisons)

    def tell(self, done: int | None = None) -> None:
        """How many are done; without a number that somebody is at work."""
        self.done = self.done if done is None else done
        self.progress(self.done)

    def _watched(self, each: Iterable[One]) -> Iterator[One]:
        for one in each:
            self.tell()
            yield one

    def coverage(self) -> queries.Coverage:
        options = self.options
        return queries.coverage(self.project, only=options.traces, include_surplus=options.include_surplus)

    def counts(self) -> dict[str, Any]:
        """Of what went through ``rows``; see exports.statistics."""
        reads = {"traces": self.reads_traces, "comparisons": self.reads_comparisons}
        return counts_of(self.tally, self.coverage(), **reads)

    def without_effect(self) -> tuple[str, ...]:
        """Of the options, when all rows are read."""
        return tuple(without_effect(self.project, self.given, self.asked, self.tally, self.writer))

    def warnings(self) -> tuple[str, ...]:
        """When all rows are read."""
        since = self.options.since_seq
        told = "" if since is None else rules.told(since, self.rows_version_since)
        # What was asked before may have made some.
        return tuple(filter(None, [told, "" if self.tally.rows else no_pairs(self.given, self.asked, self.writer)]))

    def sheet(self, file: str) -> Sheet:
        reward = self.asked.reward
        return Sheet(
            file=file,
            has_gaps=bool(reward and reward.has_gaps) or self.options.masks,
            soft_labels=self.options.soft_labels,
            content_limit=self.options.content_limit if self.options.content == "truncated" else None,
            prompt_limit=self.options.prompt_limit,
            schemes={question.name: question.type for question in self.asked.questions},
            run_id=f"{self.project.slug}-{self.project.seq}",
            has_outcome=bool(self.asked.resolved),
            card=self.card,
            note=self._note,
            published=lambda name: name_of(name, self.options.compress),
        )

    def _note(self, reason: str) -> None:
        self.tally.left_out[reason] += 1

    def card(self) -> dict[str, Any]:
        """What the labels mean and how far people agree: counted once, and only where it is told."""
        self._told = self._told or self._card()
        return self._told

    def _card(self) -> dict[str, Any]:
        reward = self.asked.reward
        return {
            "project": self.project.slug,
            "seq": self.project.seq,
            "mode": reward.mode if reward else "",
            "labels": list(self._labels()),
            "agreement": queries.agreement(self.project, check=self.tell),
            "configuration": queries.configuration(self.project),
            "options": self._told_options(),
        }

    def _labels(self) -> Iterator[dict[str, Any]]:
        """As they are asked, then those of the rows that are asked no more. ``reward``: what it is worth as it is
        asked; ``rewards``: what the rows have, of which earlier revisions may have said otherwise."""
        met, values = dict(self.tally.met_rewards), self.options.reward_values
        for label in self.asked.reward.labels if self.asked.reward else ():
            yield {
                "value": label.value,
                "text": label.text,
                "description": label.description,
                "reward": values.get(label.value, label.reward),
                "rewards": sorted(met.pop(label.value, ())),
            }
        for value, rewards in sorted(met.items()):
            told = {"value": value, "text": value, "description": "Of an earlier revision of the question"}
            yield {**told, "reward": None, "rewards": sorted(rewards)}

    def _told_options(self) -> dict[str, Any]:
        """Those that are not the recommended ones, for people: of whom was left out, and of traces, how many."""
        numbers = {name: len(getattr(self.options, name) or ()) for name in ("exclude_annotators", "traces")}
        return {name: numbers.get(name, value) for name, value in changed(as_json(self.options))}

    def pieces(self, sheet: Sheet) -> Iterator[Piece]:
        """The bytes of all files: those of the format, then what tells of changes."""
        yield from self.writer.write(self.rows(), sheet)
        if self.changes:
            self.tell()
            yield from self.changes.pieces(sheet.file, of_pairs=self.writer.takes == "pairs")

    def told_changes(self, files: Sequence[WrittenFile]) -> dict[str, Any] | None:
        """For the manifest. ``files``: as they were written, the one about changes last; a stream takes the main file
        alone."""
        if self.changes is None:
            return None
        return {
            "since_seq": self.changes.since,
            "since_rows_version": self.rows_version_since,
            **self.changes.counts,
            "file": files[-1].name if files[1:] else None,
        }

    def rows(self) -> Iterator[Row | Pair]:
        """What the format takes, counted; what it refuses is counted with its reason."""
        done = 0
        for row in self._pairs() if self.writer.takes == "pairs" else self._answered():
            reason = self.writer.refusal(row)
            if reason:
                self.tally.left_out[reason] += 1
                continue
            note(self.tally, row, self.writer)
            done += 1
            if self.changes:
                self.changes.note(row)
            # Of pairs those who make them tell how many traces they have looked at.
            self.tell(done if isinstance(row, Row) else None)
            yield row

    @property
    def reads_traces(self) -> bool:
        """Whether labels of single traces go in."""
        is_paired = self.writer.takes == "pairs"
        return not is_paired or pairs_rewards(self.options, self.asked)

    @property
    def reads_comparisons(self) -> bool:
        """Whether what people said of two traces goes in."""
        is_paired = self.writer.takes == "pairs"
        return self.options.pair_source != "prm" if is_paired else self.writer.takes_comparisons

    def _answered(self) -> Iterator[Row]:
        made = self._made()
        # Whoever has no use for the texts of steps mostly looks at what a document says before them.
        yield from made.of(self._read(documents="whole" if self.writer.step_texts else "heads"))
        if self.reads_comparisons:
            yield from made.compared(self._only(self._compared()))

    def _compared(self, documents: Literal["whole", "later"] = "whole") -> Iterator[queries.LabeledPair]:
        surplus, most = self.options.include_surplus, self.most_traces
        return self._watched(
            queries.labeled_pairs(self.project, include_surplus=surplus, most=most, documents=documents)
        )

    def _read(
        self, only: Sequence[str] | None = None, *, documents: queries.Documents = "whole"
    ) -> Iterator[queries.LabeledTrace]:
        only = self.options.traces if only is None else only
        surplus, most = self.options.include_surplus, self.most_traces
        return self._watched(
            queries.labeled_traces(self.project, include_surplus=surplus, only=only, most=most, documents=documents)
        )

    def _made(self, tally: Tally | None = None) -> Rows:
        # A format of pairs refuses those.
        refusal = no_refusal if self.writer.takes == "pairs" else self.writer.refusal
        return Rows(
            self.asked, self.options, self.writer.takes, self.splits, tally or self.tally, self.changes, self._read,
            refusal,
        )  # fmt: skip

    def _pairs(self) -> Iterator[Pair]:
        """Comparisons that people made, then pairs of process rewards that nobody compared."""
        compared = pairs.Compared()
        if self.reads_comparisons:
            said = self._only(self._compared(documents="later"))
            labeled = self.asked.reward is not None and self.writer.step_labels
            yield from comparisons.from_comparisons(
                said, self._read if labeled else None, self._made, self.options, self.tally, self.changes, compared
            )
        if self.reads_traces:
            yield from pairs.from_rewards(
                self._read, self._made, self.options, self.tally, self.tell, compared, self.changes
            )

    def _only(self, made: Iterable[queries.LabeledPair]) -> Iterator[queries.LabeledPair]:
        wanted = None if self.options.traces is None else set(self.options.traces)
        return (pair for pair in made if wanted is None or {pair.a.trace_id, pair.b.trace_id} <= wanted)
