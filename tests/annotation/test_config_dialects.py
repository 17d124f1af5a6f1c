"""The older dialect, key by key, and how it mixes with the new one."""

import pytest
import yaml

from annotation.projects import dialects
from annotation.projects.config import parse

OLDER = {
    "annotation_task_name": "P",
    "data_files": ["a.json"],
    "annotation_schemes": [{"annotation_type": "radio", "name": "good", "labels": ["yes", "no"]}],
}


def parsed(**keys):
    return parse(yaml.safe_dump({**OLDER, **keys}, sort_keys=False), "config.yaml")


def radio(**keys):
    """The radio scheme of a file whose scheme has these keys too."""
    result = parsed(annotation_schemes=[{**OLDER["annotation_schemes"][0], **keys}])
    assert result.errors == result.warnings == []
    return result.config.scheme("good")


@pytest.mark.parametrize(
    ("keys", "place", "value"),
    [
        ({}, ("project_name",), "P"),
        ({}, ("data", "input_path"), ["a.json"]),
        ({"item_properties": {"id_key": "key", "text_key": "body"}}, ("data", "id_key"), "key"),
        ({"item_properties": {"id_key": "key", "text_key": "body"}}, ("data", "text_key"), "body"),
        ({"output_annotation_dir": "out/"}, ("output", "path"), "out/"),
        ({"max_annotations_per_user": 5}, ("instances_per_annotator",), 5),
        ({"instances_per_annotator": 5}, ("instances_per_annotator",), 5),
        ({"annotation_per_instance": 3}, ("quality_control", "overlap_depth"), 3),
        ({"annotation_per_instance": 3}, ("quality_control", "overlap_percentage"), 100),
        ({"annotation_per_instance": 1}, ("quality_control", "overlap_percentage"), 0),
        ({"max_annotations_per_item": 2}, ("quality_control", "overlap_percentage"), 100),
    ],
)
def test_an_older_key_means_a_newer_one(keys, place, value):
    result = parsed(**keys)
    assert result.errors == result.warnings == []
    found = result.config.plain()
    for part in place:
        found = found[part]
    assert found == value


def test_people_of_the_older_dialect_may_label():
    result = parsed(user_config={"users": [{"username": "ann", "password": "env:ANN"}]})
    assert result.errors == result.warnings == []
    assert [person.username for person in result.people] == ["ann"]


def test_a_mistake_is_named_by_the_key_that_the_file_has():
    result = parsed(annotation_task_name=5, output_annotation_dir=7, item_properties={"id_key": ["x"]})
    assert [(note.line, note.path) for note in result.errors] == [
        (1, "annotation_task_name"),
        (10, "output_annotation_dir"),
        (12, "item_properties.id_key"),
    ]


def test_a_mistake_in_labels_is_named_by_labels():
    schemes = [{"annotation_type": "radio", "name": "good", "labels": [{"name": "yes"}, {"name": 5}]}]
    paths = {note.path for note in parsed(annotation_schemes=schemes).errors}
    assert paths == {"annotation_schemes.0.labels.1.name"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"project_name": "Q"}, "annotation_task_name: says the same as project_name; keep one of them"),
        ({"annotation_per_instance": 2, "quality_control": {"overlap_percentage": 5}},
         "annotation_per_instance: says the same as quality_control.overlap_percentage; keep one of them"),
        ({"annotation_per_instance": 0}, "annotation_per_instance: Input should be a whole number from 1 to 20"),
        ({"annotation_per_instance": "two"}, "annotation_per_instance: Input should be a whole number from 1 to 20"),
        ({"task_dir": 5}, "task_dir: Input should be a valid string"),
        ({"item_properties": "id"}, "item_properties: Input should be a mapping of keys to values"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_an_error(keys, message):
    (note,) = parsed(**keys).errors
    assert message in str(note)


def test_both_dialects_may_stand_in_one_file():
    result = parsed(quality_control={"minimum_time_per_instance": 9}, annotation_per_instance=2, port=9000)
    assert result.errors == []
    quality = result.config.quality_control
    assert (quality.minimum_time_per_instance, quality.overlap_depth, result.config.port) == (9, 2, 9000)


@pytest.mark.parametrize("key", sorted(dialects.WITHOUT_EFFECT))
def test_a_key_without_effect_is_a_warning_that_says_why(key):
    result = parsed(**{key: True})
    assert result.errors == []
    (note,) = result.warnings
    assert (note.path, note.message) == (key, f"has no effect: {dialects.WITHOUT_EFFECT[key]}")


def test_what_is_left_of_an_older_section_is_unknown():
    (note,) = parsed(item_properties={"id_key": "id", "image_key": "img"}).warnings
    assert (note.path, note.kind) == ("item_properties.image_key", "unknown")


def test_labels_of_a_choice_may_be_mappings():
    scheme = radio(labels=[{"name": "yes", "tooltip": "it works", "key_value": 1}, {"name": "no"}])
    assert scheme.choices == [
        {"value": "yes", "text": "yes", "description": "it works", "key": "1"},
        {"value": "no", "text": "no", "description": "", "key": ""},
    ]


def test_keys_may_follow_the_order_of_the_labels():
    assert [choice["key"] for choice in radio(sequential_key_binding=True).choices] == ["1", "2"]
    keys = radio(sequential_key_binding=True, keyboard_shortcuts={"no": "9"}).keyboard_shortcuts
    assert keys == {"yes": "1", "no": "9"}


@pytest.mark.parametrize("required", [True, False])
def test_label_requirement_is_required(required):
    assert radio(label_requirement={"required": required}).required is required
