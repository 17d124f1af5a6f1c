import pytest

from potato_site.titles import ABBREVIATIONS, title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("prm_per_step", "PRM per step"),
        ("step_quality", "Step quality"),
        ("swe-bench_dpo", "SWE-bench DPO"),
        ("Api_design", "API design"),
        ("KTO", "KTO"),
        ("uses_api2", "Uses api2"),
        ("is_ok", "Is OK"),
        # Only whole words are abbreviations.
        ("prompt_aid", "Prompt aid"),
        # What was written with capitals is meant so.
        ("isGoodCode", "IsGoodCode"),
        ("_", ""),
        ("", ""),
    ],
)
def test_a_name_is_read_as_words(name, title):
    assert title_of(name) == title


def test_abbreviations_are_written_small():
    assert {one for one in ABBREVIATIONS if one != one.lower()} == set()
