"""The folder for a hub: what ``datasets`` makes of it, without a word about types."""

import io
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Value

from exports.build import build
from exports.formats import formats
from exports.options import Options
from tests.exports.samples import sample_of, sample_pairs, sample_rows, written
from tests.factory import PER_STEP, make_project, submit_item

WRITER = formats.get("huggingface")


@pytest.fixture
def load(tmp_path, monkeypatch):
    """``load(files)``: the data set in those files. Nothing is asked of a network."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)

    def run(files: dict[str, bytes]) -> datasets.DatasetDict:
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return datasets.load_dataset(str(tmp_path / "data"), cache_dir=str(tmp_path / "cache"))

    return run


def test_it_loads_with_its_splits_and_types(load):
    found = load(sample_of(WRITER()))
    assert {name: len(split) for name, split in found.items()} == {"train": 4, "test": 1}
    features = found["train"].features
    assert features["first_error_step"] == Value("int64")
    assert features["steps"].feature["reward"] == Value("float64")
    first, second = found["train"][0], found["train"][1]
    assert (first["first_error_step"], second["first_error_step"]) == (None, 3)
    assert second["labels"] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert second["completions"][3] == second["steps"][3]["content"]


def test_types_do_not_depend_on_the_first_rows(load):
    """The trap of JSON lines: a column that begins with nulls."""
    rows = [row for row in sample_rows() if row.first_error_step is None]
    assert load(written(WRITER(), rows))["train"].features["first_error_step"] == Value("int64")


def test_an_export_without_a_row_has_its_columns():
    """(``datasets`` takes no data set without a row.)"""
    files = written(WRITER(), [])
    schema = pq.read_schema(io.BytesIO(files["prm/train-00000-of-00001.parquet"]))
    assert {"trace_id", "steps", "labels"} <= set(schema.names)


def test_rows_to_test_on_load_where_there_are_none_to_train_on(load):
    """``datasets`` stops at a split without a row, whatever the others hold."""
    rows = [row for row in sample_rows() if row.split == "test"]
    assert {name: len(split) for name, split in load(written(WRITER(), rows)).items()} == {"test": 1}


def test_an_export_without_a_row_has_its_columns_and_streams(tmp_path, load, monkeypatch):
    with pytest.raises(ValueError, match="corresponds to no data"):
        load(written(WRITER(), []))
    found = datasets.load_dataset(str(tmp_path / "data"), streaming=True)["train"]
    assert list(found) == []
    assert found.features["steps"].feature["reward"] == Value("float64")


def test_soft_labels_are_a_column(load):
    found = load(sample_of(WRITER(), soft_labels=True))
    assert found["train"][1]["p_correct"] == [1.0, *[0.5] * 7]


def test_large_splits_become_several_shards_that_are_named_by_their_number(load, monkeypatch):
    module = __import__(WRITER.__module__, fromlist=["x"])
    monkeypatch.setattr(module, "ROWS_PER_GROUP", 2)
    monkeypatch.setattr(module, "SHARD_BYTES", 1)
    files = sample_of(WRITER())
    assert {"prm/train-00000-of-00002.parquet", "prm/train-00001-of-00002.parquet"} <= set(files)
    assert len(load(files)["train"]) == 4


def test_the_card_tells_the_labels_their_agreement_and_where_it_comes_from(load):
    card = sample_of(WRITER())["README.md"].decode()
    head = yaml.safe_load(card.split("---\n")[1])
    splits = head["dataset_info"]["splits"]
    assert [(split["name"], split["num_examples"], split["num_bytes"] > 0) for split in splits] == [
        ("train", 4, True), ("test", 1, True),
    ]  # fmt: skip
    assert head["configs"][0]["data_files"][0] == {"split": "train", "path": "prm/train-*.parquet"}
    assert "| correct | Correct | 1.0 | Makes \\<b\\>progress\\</b\\> \\| or not |" in card
    assert "| step\\_reward | has_error | 0.720 | 0.500–0.900 | 86.0% | – | 14 |" in card
    assert "| step\\_reward | first_error_position | 0.800 | 0.600–0.900 | 50.0% | 75.0% | 14 |" in card
    assert "| outcome | choice | undefined | – | 100.0% | – | 2 |" in card
    assert "Project `sample` at change 7" in card


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_the_card_tells_how_it_was_exported(tmp_path):
    project = make_project(tmp_path, schemes=[PER_STEP], people=("ann", "bob"))
    for name in ("ann", "bob"):
        submit_item(project, name, {"per_step": {str(step): {"label": "neutral"} for step in range(5)}})

    def card(**options) -> str:
        build(project.pk, "huggingface", Options(**options), tmp_path / "card")
        return (tmp_path / "card" / "README.md").read_text()

    assert "Exported with" not in card() + card(min_margin=0.5, compress="gzip")
    told = card(neutral="negative", ties="latest", exclude_annotators=("bob",), reward_values={"neutral": 1.0})
    assert "`labels` of neutral steps are 0, whatever their reward." in told
    others = "`ties` latest, `reward_values` neutral=1, `neutral` negative, `exclude_annotators` 1."
    assert f"Exported with other options than the recommended: {others}" in told
    assert "| neutral | Neutral | 1.0 |" in told


def test_the_features_of_the_card_are_those_of_the_files(load):
    files = sample_of(WRITER())
    found = load(files)["train"]
    head = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    assert [feature["name"] for feature in head["dataset_info"]["features"]] == found.column_names


@pytest.mark.parametrize("name", ["prm", "kto", "processbench", "openrlhf_prm", "annotations", "code_review",
                                  "preference_pairs", "dpo"])  # fmt: skip
def test_the_lines_of_the_other_formats_load_as_they_are(name, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    writer = formats.get(name)()
    for file, content in sample_of(writer).items():
        path = Path(tmp_path / file)
        path.write_bytes(content)
        found = datasets.load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
        assert len(found) == content.count(b"\n")


@pytest.mark.parametrize("name", ["kto", "openrlhf_prm", "dpo"])
def test_what_trainers_load_has_its_types_in_the_first_row(name, tmp_path, monkeypatch):
    """Of a file of many megabytes only the first ones are looked at, which may be of traces that say little."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    writer = formats.get(name)()
    bare = sample_rows()[3]
    rows: list = [bare, *sample_rows()[:3]]
    if writer.takes == "pairs":
        first, *others = sample_pairs()
        rows = [replace(first, issue_id=""), *others]
    for file, content in written(writer, rows).items():
        path = tmp_path / file
        path.write_bytes(content)
        found = datasets.load_dataset("json", data_files=str(path), chunksize=1, cache_dir=str(tmp_path / "cache"))
        assert len(found["train"]) == content.count(b"\n")


def test_lines_with_null_load_where_the_whole_file_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    (file, content), *_ = written(formats.get("prm")(), [sample_rows()[3], *sample_rows()[:3]]).items()
    (tmp_path / file).write_bytes(content)

    def load(chunksize: int):
        cache = str(tmp_path / str(chunksize))
        return datasets.load_dataset("json", data_files=str(tmp_path / file), chunksize=chunksize, cache_dir=cache)

    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        load(1)
    assert len(load(1 << 30)["train"]) == 4
