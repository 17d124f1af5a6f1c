"""A folder for the Hugging Face hub: typed parquet shards by split, and a dataset card.

The columns are those of ``prm``; the answers to other questions are one JSON text, so that the types are known before
the first row is read and ``datasets`` needs no features. The card says what the labels mean, how far annotators agree,
and which state of the project it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from exports.columns import column, lists
from exports.describe import SCHEMA_VERSION, hard_labels, issue_of, judged, origin
from exports.formats import Format, Piece, Row, Sheet, Takes, formats
from exports.jsonline import json_line
from potato_site.canonical import canonical
from potato_site.counts import plural

if TYPE_CHECKING:
    import pyarrow as pa

CONFIG = "prm"
CARD = "README.md"
ROWS_PER_GROUP = 100
# A shard is closed behind the group that makes it larger than this.
SHARD_BYTES = 300_000_000
SPLITS = ("train", "validation", "test")

TEXT, INTEGER, NUMBER, TRUTH = "string", "int64", "float64", "bool"
STEP = {"step_idx": INTEGER, "type": TEXT, "content": TEXT, "label": TEXT, "reward": NUMBER, "label_source": TEXT}
COLUMNS: dict[str, Any] = {
    "trace_id": TEXT, "issue_id": TEXT, "instance_id": TEXT, "repo": TEXT, "base_commit": TEXT,
    "model_name_or_path": TEXT, "issue_description": TEXT, "mode": TEXT, "total_steps": INTEGER,
    "first_error_step": INTEGER, "all_correct": TRUTH, "steps": [STEP], "outcome": TEXT, "resolved": TRUTH,
    "answers": TEXT, "annotators": [TEXT], "n_annotators": INTEGER, "agreement": NUMBER, "aggregation": TEXT,
    "needs_adjudication": TRUTH, "split": TEXT, "schema_version": TEXT,
    "prompt": TEXT, "completions": [TEXT], "labels": [INTEGER],
}  # fmt: skip
NEUTRAL = {
    "mask": "Neutral steps are masked, whatever their reward.",
    "negative": "`labels` of neutral steps are 0, whatever their reward.",
}
# Of an option's value a card tells so many characters: it may be thousands of ids.
LONGEST_OPTION = 200
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@formats.register("huggingface")
class HuggingFace(Format):
    """Parquet by split with a dataset card, ready for a hub: load_dataset on the folder."""

    file: ClassVar[str] = ""
    takes: ClassVar[Takes] = "rewards"
    ignores: ClassVar[tuple[str, ...]] = ("compress",)
    tells_outcome: ClassVar[bool] = True
    needs: ClassVar[tuple[str, str]] = ("pyarrow", "parquet")

    def refusal(self, row: Row) -> str:
        return "" if row.steps else "no steps"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        columns = _columns(sheet)
        shards = {split: _Shards(split, columns) for split in SPLITS}
        # First, so that it appears last: who finds the card finds the data.
        yield Piece(CARD, b"")
        for row in rows:
            yield from shards[row.split].add(_object(row, sheet))
        # Readers stop at a split without a row; an export without any has at least its columns.
        if not any(one.n_rows for one in shards.values()):
            yield from shards["train"].begin()
        for one in shards.values():
            yield from one.end()
        yield Piece(CARD, _card(shards, columns, sheet).encode("utf-8", "replace"))

    def write_readable(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        for row in rows:
            yield Piece(f"{CONFIG}/{row.split}", json_line(_object(row, sheet)))


class _Shards:
    """The parquet files of one split. Their names tell how many there are, which is known at the end only."""

    def __init__(self, split: str, columns: Mapping[str, Any]) -> None:
        self.split, self.columns = split, columns
        self.rows: list[dict[str, Any]] = []
        self.n_rows, self.bytes, self.shards = 0, 0, 0
        self.sink: _Sink | None = None

    def add(self, row: dict[str, Any]) -> Iterator[Piece]:
        self.rows.append(row)
        self.n_rows += 1
        if len(self.rows) == ROWS_PER_GROUP:
            yield from self._group()
            if self.sink and self.sink.size > SHARD_BYTES:
                yield from self._close()

    def begin(self) -> Iterator[Piece]:
        """A file though there be no row."""
        yield from self._group()

    def end(self) -> Iterator[Piece]:
        if self.rows:
            yield from self._group()
        if self.sink:
            yield from self._close()
        for number in range(self.shards):
            yield Piece(self._name(number), b"", f"{CONFIG}/{self.split}-{number:05d}-of-{self.shards:05d}.parquet")

    def _group(self) -> Iterator[Piece]:
        import pyarrow.parquet as pq

        schema = _schema(self.columns)
        if self.sink is None:
            self.sink = _Sink()
            self.writer = pq.ParquetWriter(self.sink, schema, compression="zstd")
            self.shards += 1
        # A group without a row stops readers; a file without a group does not.
        if self.rows:
            table = _table(self.rows, schema)
            self.rows = []
            self.bytes += table.nbytes
            self.writer.write_table(table)
        yield self._piece()

    def _close(self) -> Iterator[Piece]:
        assert self.sink is not None
        self.writer.close()
        yield self._piece()
        self.sink = None

    def _piece(self) -> Piece:
        assert self.sink is not None
        return Piece(self._name(self.shards - 1), self.sink.take())

    def _name(self, number: int) -> str:
        return f"{CONFIG}/{self.split}-{number:05d}.parquet"


class _Sink:
    """A stream that keeps what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self.parts.append(part)
        self.size += len(part)
        return len(part)

    def take(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken

    def tell(self) -> int:
        return self.size

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _columns(sheet: Sheet) -> dict[str, Any]:
    if not sheet.soft_labels:
        return COLUMNS
    return {**COLUMNS, "steps": [{**STEP, "p_correct": NUMBER}], "p_correct": [NUMBER]}


def _object(row: Row, sheet: Sheet) -> dict[str, Any]:
    soft = {"p_correct": [step["p_correct"] for step in row.steps]} if sheet.soft_labels else {}
    return {
        **origin(row),
        "issue_description": issue_of(row),
        "mode": row.mode,
        "total_steps": len(row.steps),
        "first_error_step": row.first_error_step,
        "all_correct": row.all_correct,
        "steps": row.steps.all(),
        "outcome": row.outcome,
        "resolved": row.resolved,
        "answers": canonical(dict(row.answers)).decode(),
        **judged(row),
        "prompt": issue_of(row),
        "completions": row.steps.texts,
        "labels": [int(label) for label in hard_labels(row, sheet)],
        **soft,
    }


def _schema(columns: Mapping[str, Any]) -> pa.Schema:
    import pyarrow as pa

    def kind(given: Any) -> Any:
        if isinstance(given, list):
            return pa.list_(kind(given[0]))
        if isinstance(given, dict):
            return pa.struct([pa.field(name, kind(value)) for name, value in given.items()])
        return {TEXT: pa.string(), INTEGER: pa.int64(), NUMBER: pa.float64(), TRUTH: pa.bool_()}[given]

    return pa.schema([pa.field(name, kind(value)) for name, value in columns.items()])


def _table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """As ``Table.from_pylist``; the texts of steps, nearly all there is, are converted once for both their columns."""
    import pyarrow as pa

    held = [row["steps"] for row in rows]
    steps = [step for one in held for step in one]
    kinds = {field.name: field.type for field in schema}
    step = kinds["steps"].value_type
    parts = [column([one[field.name] for one in steps], field.type) for field in step]
    made = {
        "steps": lists(held, pa.StructArray.from_arrays(parts, fields=list(step)), kinds["steps"]),
        "completions": lists(held, parts[step.get_field_index("content")], kinds["completions"]),
    }
    columns = [
        made[name] if name in made else column([row[name] for row in rows], kind) for name, kind in kinds.items()
    ]
    return pa.Table.from_arrays(columns, schema=schema)


# --- the card ----------------------------------------------------------------------------------------------------


def _card(shards: Mapping[str, _Shards], columns: Mapping[str, Any], sheet: Sheet) -> str:
    told = sheet.card()
    present = {split: one for split, one in shards.items() if one.shards}
    head = {
        "pretty_name": f"Process rewards of {told.get('project', 'a project')}",
        "license": "other",
        "tags": ["process-reward", "coding-agents", "human-feedback"],
        "size_categories": [_size(sum(one.n_rows for one in shards.values()))],
        "configs": [
            {
                "config_name": CONFIG,
                "data_files": [{"split": split, "path": f"{CONFIG}/{split}-*.parquet"} for split in present],
            }
        ],
        "dataset_info": {
            "config_name": CONFIG,
            "features": [_feature(name, kind) for name, kind in columns.items()],
            "splits": [
                {"name": split, "num_examples": one.n_rows, "num_bytes": one.bytes} for split, one in present.items()
            ],
        },
    }
    return "\n".join(["---", *_yaml(head), "---", "", *_body(told, present), ""])


def _body(told: Mapping[str, Any], present: Mapping[str, _Shards]) -> Iterator[str]:
    yield f"# Process rewards of {_one_line(told.get('project', 'a project'))}"
    yield ""
    yield "Human judgement on the steps of coding agents, one trace per row. The licence is for its owner to state."
    yield ""
    yield "## Splits"
    yield ""
    yield from (f"- `{split}`: {plural(one.n_rows, 'trace')}" for split, one in present.items())
    yield ""
    yield "## Labels"
    yield ""
    yield f"Asked in the mode `{told.get('mode') or 'unknown'}`. `reward` is 0 to 1; `labels` are 1 for a reward of 0.5"
    yield "and more, 0 for less, -100 where a step is masked. `label_source` is `derived` for steps that only follow"
    yield "from a first error. `first_error_step` counts from 0 and is null where there is no error."
    options = told.get("options", {})
    if "neutral" in options:
        yield NEUTRAL[options["neutral"]]
    yield ""
    yield "| Label | Text | Reward | Meaning |"
    yield "|---|---|---|---|"
    for label in told.get("labels", ()):
        rewards = label.get("rewards") or [label["reward"]]
        cells = (label["value"], label["text"], ", ".join(map(str, rewards)), label["description"])
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    yield ""
    yield "## Agreement"
    yield ""
    yield from _agreement(told.get("agreement", ()))
    yield ""
    yield "## Provenance"
    yield ""
    yield f"Project `{_one_line(told.get('project', ''))}` at change {told.get('seq', 0)}; schema {SCHEMA_VERSION}."
    if options:
        named = ", ".join(f"`{name}` {_cell(_clipped(value))}" for name, value in options.items())
        yield f"Exported with other options than the recommended: {named}."
    yield "Texts of traces are what agents and their tools wrote; names of annotators are those of the project."


def _agreement(measures: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [one for one in measures if one["units"]]
    if not rows:
        yield "No trace has labels of two people, so agreement is unknown."
        return
    yield "| Question | Measure | Krippendorff's alpha | 95 % interval | Agreeing pairs | Within one step | Traces |"
    yield "|---|---|---|---|---|---|---|"
    for one in rows:
        alpha = "undefined" if one["value"] is None else f"{one['value']:.3f}"
        low_high = "–".join(f"{end:.3f}" for end in one["interval"]) if one["interval"] else "–"
        shares = " | ".join(
            "–" if share is None else f"{share:.1%}" for share in (one["percent"], one["within_one_step"])
        )
        yield f"| {_cell(one['scheme'])} | {one['measure']} | {alpha} | {low_high} | {shares} | {one['traces']:,} |"


def _feature(name: str, kind: Any) -> dict[str, Any]:
    """A column as the hub's metadata describes it."""
    if isinstance(kind, dict):
        return {"name": name, "struct": [_feature(key, value) for key, value in kind.items()]}
    if not isinstance(kind, list):
        return {"name": name, "dtype": kind}
    inner = _feature("", kind[0])
    return {"name": name, "list": inner.get("struct", inner.get("dtype"))}


def _yaml(value: Mapping[str, Any]) -> Iterator[str]:
    """JSON is YAML, and a line per key is as readable as it needs to be."""
    return (f"{key}: {json.dumps(inner, ensure_ascii=True)}" for key, inner in value.items())


def _size(rows: int) -> str:
    return next((name for limit, name in SIZES if rows < limit), "1M<n<10M")


def _clipped(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_OPTION else f"{text[:LONGEST_OPTION]}…"


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


def _cell(value: Any) -> str:
    """A table's cell: what people wrote cannot end it or become markup."""
    text = _one_line("" if value is None else value)
    for character in "\\|<>`*_[]":
        text = text.replace(character, f"\\{character}")
    return text
