"""What a configuration file means: the commissioned documents' own files, and every key's effect."""

from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from annotation.projects.config import ProjectConfig, parse
from potato_site.canonical import canonical, loads
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP
from traces.options import RenderOptions

DOCUMENTS = Path(__file__).parents[1] / "documents"


def document(name):
    return parse((DOCUMENTS / name).read_bytes(), name)


def configured(**keys):
    """A small configuration with these top-level keys, parsed without a complaint."""
    parsed = parsed_with(**keys)
    assert parsed.errors == []
    return parsed.config


def parsed_with(**keys):
    value = {"project_name": "P", "data": {"input_path": "t.jsonl"}, "annotation_schemes": [OUTCOME], **keys}
    return parse(yaml.safe_dump(value, sort_keys=False), "config.yaml")


def messages(notes):
    return [str(note) for note in notes]


# --- the documents' files, word for word --------------------------------------------------------------------


def test_the_guides_configuration_is_complete():
    parsed = document("guide.yaml")
    config = parsed.config
    assert parsed.errors == []
    assert [note.path for note in parsed.warnings] == ["annotators"]
    assert (config.project_name, config.port) == ("PRM Data Collection - SWE-bench Traces", 8000)
    assert config.data.input_path == ["./data/traces.jsonl"]
    assert [scheme.name for scheme in config.annotation_schemes] == ["step_reward", "outcome", "error_description"]
    assert config.scheme("step_reward").labels["incorrect"].text == "Incorrect Step"
    assert config.scheme("error_description").show_if.field == "step_reward"
    quality = config.quality_control
    assert (quality.overlap_percentage, quality.overlap_depth, quality.minimum_time_per_instance) == (15, 2, 20)
    assert [person.username for person in parsed.people] == ["reviewer1", "reviewer2", "reviewer3"]
    assert parsed.people[0].password.get_secret_value() == "pw_reviewer1"


def test_what_the_announcement_promises_for_later_is_a_named_warning():
    parsed = document("announcement.yaml")
    assert parsed.errors == []
    assert [scheme.name for scheme in parsed.config.annotation_schemes] == [
        "prm_evaluation",
        "code_quality",
        "overall_notes",
    ]
    later = [str(note) for note in parsed.warnings if note.kind == "later"]
    assert later == []


def test_who_keeps_a_report_current_that_can_call_nothing_resolved_is_told():
    """The announcement's configuration asks for one, and nobody whether the issue was resolved."""
    announced = document("announcement.yaml")
    assert [note.path for note in announced.warnings if "resolved" in note.message] == ["output.export_formats.1"]
    asked = parsed_with(output={"path": "o", "export_formats": ["swe_bench"]})
    assert not [note for note in asked.warnings if "resolved" in note.message]


FRAGMENTS = list(yaml.safe_load_all((DOCUMENTS / "fragments.yaml").read_text()))


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=range(len(FRAGMENTS)))
def test_a_part_of_a_configuration_that_the_documents_show_means_all_that_it_says(fragment):
    parsed = parsed_with(**fragment)
    assert messages((*parsed.errors, *parsed.warnings)) == []
    config = {**parsed.config.model_dump(mode="json"), "annotation_schemes": [
        scheme.model_dump(mode="json") for scheme in parsed.config.annotation_schemes
    ]}  # fmt: skip
    for path, value in leaves(fragment):
        found = value_at(config, path)
        assert (found["text"] if isinstance(found, dict) else found) == value, path


def leaves(value, path=()):
    """(path, value) of every scalar and list of scalars."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path, value


def value_at(value, path):
    for key in path:
        value = value[key]
    return value


def test_the_older_designs_configuration_means_the_same_as_a_new_one():
    parsed = document("design.yaml")
    config = parsed.config
    assert parsed.errors == []
    assert config.project_name == "CodePRM Code Process Reward"
    assert config.data.model_dump() == {
        "source": "local", "input_path": ["sample-data.json"], "data_format": "coding_trace", "id_key": "id",
        "text_key": "text",
    }  # fmt: skip
    assert config.output.path == "annotation_output/"
    assert "{{test_output}}" in config.html_layout
    assert [scheme.annotation_type for scheme in config.annotation_schemes] == ["radio", "radio", "text"]
    assert [choice["key"] for choice in config.scheme("code_compiles").choices] == ["4", "5", "6"]
    assert config.instances_per_annotator == 50
    assert (config.quality_control.overlap_percentage, config.quality_control.overlap_depth) == (100, 2)
    assert config.output.format == "json"
    assert parsed.warnings == []


# --- keys and their effects ---------------------------------------------------------------------------------


def test_the_defaults_of_the_display_are_the_renderers():
    assert configured().render_options() == RenderOptions()


@pytest.mark.parametrize(
    ("display", "changed"),
    [
        ({"diff_style": "split"}, {"diff_style": "split"}),
        ({"context_lines": 0}, {"context_lines": 0}),
        ({"syntax_highlighting": False}, {"syntax_highlighting": False}),
        ({"ansi_colors": False}, {"ansi_colors": False}),
        ({"collapse_large_diffs": False}, {"collapse_large_diffs": False}),
        ({"large_diff_threshold": 7}, {"large_diff_threshold": 7}),
        ({"collapsible": {"auto_collapse_thinking": False}}, {"auto_collapse_thinking": False}),
        ({"collapsible": {"auto_collapse_long_output": False}}, {"auto_collapse_long_output": False}),
        ({"collapsible": {"long_output_threshold": 5}}, {"long_output_threshold": 5}),
        ({"collapsible": {"default_expanded_types": ["thinking"]}}, {"default_expanded_types": ("thinking",)}),
    ],
)
def test_a_display_option_reaches_the_renderer(display, changed):
    options = configured(coding_agent={"display": display}).render_options()
    assert options == RenderOptions().model_copy(update=changed)
    assert options != RenderOptions()


@pytest.mark.parametrize(
    "view",
    [{"terminal_theme": "light"}, {"max_terminal_height": 200}, {"show_exit_codes": False},
     {"show_working_directory": False}, {"file_tree": {"enabled": False}}, {"file_tree": {"position": "right"}},
     {"file_tree": {"show_change_icons": False}}, {"file_tree": {"group_by": "chronological"}}],
)  # fmt: skip
def test_a_view_option_is_kept_and_never_renders_a_trace_again(view):
    config = configured(coding_agent={"display": view})
    assert config.coding_agent.display != configured().coding_agent.display
    assert config.render_options() == RenderOptions()


def test_the_layout_and_the_side_of_a_pair_reach_the_renderer():
    options = configured(html_layout="<p>{{text}}</p>").render_options(id_prefix="b-")
    assert (options.layout, options.id_prefix) == ("<p>{{text}}</p>", "b-")


def test_one_input_path_is_a_list_of_one():
    assert configured(data={"input_path": "a.jsonl"}).data.input_path == ["a.jsonl"]
    assert configured(data={"input_path": ["a.jsonl", "b/"]}).data.input_path == ["a.jsonl", "b/"]


def test_a_key_without_a_value_is_as_if_it_were_not_there():
    text = "project_name: P\nport:\nannotators:\ndata: {input_path: t.jsonl}\nannotation_schemes:\n" + yaml.safe_dump(
        [OUTCOME]
    )
    parsed = parse(text, "config.yaml")
    assert parsed.errors == []
    assert (parsed.config.port, parsed.people) == (None, ())


def test_every_key_survives_being_stored():
    config = configured(
        annotation_schemes=[PER_STEP, {**FIRST_ERROR, "enable_keyboard_navigation": False}, OUTCOME, ERROR_DESCRIPTION],
        coding_agent={"display": {"diff_style": "split", "collapsible": {"default_expanded_types": ["thinking"]}}},
        quality_control={"overlap_percentage": 12.5},
        instances_per_annotator=7,
    )
    assert ProjectConfig.from_stored(loads(canonical(config.stored()))) == config


def test_the_order_of_labels_survives_being_stored():
    config = configured(annotation_schemes=[PER_STEP])
    again = ProjectConfig.from_stored(loads(canonical(config.stored())))
    assert list(again.scheme("per_step").labels) == ["correct", "partially_correct", "incorrect", "neutral"]


# --- passwords ----------------------------------------------------------------------------------------------


def test_a_password_shows_nowhere():
    parsed = document("guide.yaml")
    shown = repr(parsed) + str(parsed.people) + "".join(messages(parsed.warnings)) + str(parsed.config.stored())
    assert "pw_reviewer" not in shown


def test_plain_text_passwords_are_warned_about_by_file():
    (note,) = document("guide.yaml").warnings
    assert str(note).startswith("guide.yaml: line 69: annotators: guide.yaml holds passwords as plain text")
    assert "login-link" in note.message


def test_people_without_passwords_or_with_ones_from_the_environment_need_no_warning():
    parsed = parsed_with(annotators=["ann", {"username": "bob"}, {"username": "eve", "password": "env:EVE"}])
    assert parsed.errors == parsed.warnings == []
    assert [person.username for person in parsed.people] == ["ann", "bob", "eve"]


# --- what is not known, and what comes later ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"project_nam": "x"}, "config.yaml: line 15: project_nam: is not a key we know; ignored; did you mean "
                               "project_name?"),
        ({"anotators": []}, "did you mean annotators?"),
        ({"zzz": 1}, "line 15: zzz: is not a key we know; ignored"),
        ({"quality_control": {"overlap_percent": 5}}, "quality_control.overlap_percent: is not a key we know; ignored; "
                                                      "did you mean overlap_percentage?"),
        ({"coding_agent": {"display": {"file_tree": {"enable": True}}}},
         "coding_agent.display.file_tree.enable: is not a key we know; ignored; did you mean enabled?"),
        ({"annotation_schemes": [{**OUTCOME, "requird": True}]}, "annotation_schemes.0.requird: is not a key we know; "
                                                                 "ignored; did you mean required?"),
        ({"annotators": [{"username": "ann", "pasword": "x"}]}, "annotators.0.pasword: is not a key we know; ignored"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_a_named_warning(keys, message):
    parsed = parsed_with(**keys)
    assert parsed.errors == []
    (note,) = parsed.warnings
    assert message in str(note)
    assert note.kind == "unknown"


@pytest.mark.parametrize(
    ("keys", "idle"),
    [
        ({"mode": "first_error", "require_all_steps": True, "show_progress_bar": True},
         {"require_all_steps", "show_progress_bar"}),
        ({"mode": "first_error", "labels": {"correct": {"text": "C", "keyboard_shortcut": "1"}, "incorrect": "I"}},
         {"labels.correct.keyboard_shortcut"}),
        ({"mode": "per_step", "allow_all_correct": True, "auto_scroll_on_click": False},
         {"allow_all_correct", "auto_scroll_on_click"}),
        ({"mode": "stop_at_first_error", "require_all_steps": False}, {"require_all_steps"}),
        ({"enable_keyboard_navigation": False, "step_navigation": {"next_step": "m"}}, {"step_navigation"}),
        ({"mode": "per_step", "require_all_steps": True, "step_navigation": {"next_step": "m"}}, set()),
        ({"mode": "first_error", "allow_all_correct": True, "highlight_clicked_step": True}, set()),
    ],
)  # fmt: skip
def test_a_key_that_does_nothing_in_its_mode_is_a_named_warning(keys, idle):
    parsed = parsed_with(annotation_schemes=[{"annotation_type": "process_reward", "name": "x", **keys}])
    assert parsed.errors == []
    assert {note.path.removeprefix("annotation_schemes.0.") for note in parsed.warnings} == idle
    assert all(note.message.startswith("has no effect: ") and note.kind == "advice" for note in parsed.warnings)


def test_what_belongs_to_a_part_that_is_off_is_a_named_warning():
    review = {"annotation_type": "code_review", "name": "x", "file_ratings": {"enabled": False, "scale": [1, 2]}}
    (note,) = parsed_with(annotation_schemes=[review]).warnings
    assert (note.path, note.message) == (
        "annotation_schemes.0.file_ratings.scale", "has no effect: file_ratings.enabled is false",
    )  # fmt: skip


def test_an_export_format_that_is_none_is_a_named_warning():
    parsed = parsed_with(output={"path": "./out/", "export_formats": ["prm", "swe-bench", "zzz"]})
    assert parsed.errors == []
    assert [(note.kind, note.path) for note in parsed.warnings] == [
        ("unknown", "output.export_formats.1"),
        ("unknown", "output.export_formats.2"),
    ]
    near, far = (note.message for note in parsed.warnings)
    assert near.startswith(
        "there is no export format 'swe-bench'; ignored; did you mean swe_bench?; known: annotations"
    )
    assert "did you mean" not in far
    assert parsed.warnings[0].line == parsed.warnings[1].line - 1


def test_an_unknown_key_inside_a_label_or_an_option_is_named_too():
    scheme = {**PER_STEP, "labels": {**PER_STEP["labels"], "neutral": {"text": "Neutral", "colour": "#94a3b8"}}}
    outcome = {**OUTCOME, "options": [*OUTCOME["options"], {"value": "x", "text": "X", "descr": "?"}]}
    parsed = parsed_with(annotation_schemes=[scheme, outcome])
    assert [note.path for note in parsed.warnings] == [
        "annotation_schemes.0.labels.neutral.colour",
        "annotation_schemes.1.options.3.descr",
    ]
    assert "colour" not in str(parsed.config.stored())


def test_the_line_of_an_unknown_key_is_right_behind_a_scheme_that_is_left_out():
    review = {"annotation_type": "ranking", "name": "review"}
    parsed = parsed_with(annotation_schemes=[review, {**OUTCOME, "requird": True}])
    assert [note.path for note in parsed.warnings] == ["annotation_schemes.0", "annotation_schemes.1.requird"]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"data": {"input_path": "t.jsonl", "source": "s3"}}, "data.source"),
        ({"data": {"input_path": "t.jsonl", "data_format": "chat"}}, "data.data_format"),
        ({"output": {"format": "csv"}}, "output.format"),
        ({"annotation_schemes": [OUTCOME, {"annotation_type": "ranking", "name": "better"}]}, "annotation_schemes.1"),
    ],
)
def test_what_comes_later_is_a_named_warning(keys, path):
    parsed = parsed_with(**keys)
    assert parsed.errors == []
    assert [(note.path, note.kind) for note in parsed.warnings] == [(path, "later")]
    assert "comes later" in parsed.warnings[0].message


def test_a_slip_is_not_what_comes_later():
    parsed = parsed_with(data={"input_path": "t.jsonl", "data_format": "codingtrace"}, output={"format": "jsonll"})
    assert parsed.errors == []
    assert [(note.kind, note.message.split("; ignored")[0]) for note in parsed.warnings] == [
        ("unknown", "there is no 'codingtrace'; did you mean coding_trace?"),
        ("unknown", "there is no 'jsonll'; did you mean jsonl?"),
    ]


def test_a_scheme_that_waits_for_one_that_comes_later_is_shown_always():
    review = {"annotation_type": "ranking", "name": "review"}
    waiting = {**ERROR_DESCRIPTION, "show_if": {"field": "review", "condition": "has_error"}}
    parsed = parsed_with(annotation_schemes=[review, waiting])
    assert parsed.errors == []
    assert parsed.config.scheme("error_description").show_if is None
    assert "annotation_schemes.1.show_if" in [note.path for note in parsed.warnings]


@pytest.mark.parametrize(
    ("quality", "share"),
    [
        ({"overlap_percentage": 14.3}, Fraction(143, 1000)),
        ({"overlap_percentage": 1.1}, Fraction(11, 1000)),
        ({}, 0),
        ({"overlap_percentage": 15, "inter_annotator_agreement": False}, 0),
    ],
)
def test_the_share_of_overlap_is_exact_and_nothing_without_agreement(quality, share):
    assert parsed_with(quality_control=quality).config.quality_control.overlap_share == share


def test_overlap_without_agreement_is_advised_against():
    parsed = parsed_with(quality_control={"overlap_percentage": 15, "inter_annotator_agreement": False})
    assert [note.path for note in parsed.warnings] == ["quality_control.inter_annotator_agreement"]


def test_breaking_ties_where_nothing_overlaps_is_advised_against():
    parsed = parsed_with(quality_control={"tie_breakers": 2})
    assert [note.path for note in parsed.warnings] == ["quality_control.tie_breakers"]
    assert not parsed_with(quality_control={"tie_breakers": 2, "overlap_percentage": 10}).warnings


def test_agreement_without_overlap_is_advised_against():
    parsed = parsed_with(quality_control={"inter_annotator_agreement": True})
    assert [note.path for note in parsed.warnings] == ["quality_control.inter_annotator_agreement"]
