"""Numbers that come in as text, and the fields they are typed into."""

import importlib
import re
from pathlib import Path

import pytest
from django import forms

from potato_site.number_fields import WholeNumberField
from potato_site.numbers import MOST, whole_number, with_point

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("12", 12), (str(MOST), MOST)])
def test_digits_are_a_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " 1", "-1", "+1", "1.0", "1_0", "²", "٣", "x", str(MOST + 1), "9" * 5000])
def test_what_is_no_number_of_a_row_is_none(text):
    assert whole_number(text) is None


@pytest.mark.parametrize(
    ("typed", "plain"),
    [("1,5", "1.5"), (" -0,25 ", "-0.25"), (",5", ".5"), ("0,125", "0.125"), ("1234,500", "1234.500"), ("12", "12"),
     ("1.5", "1.5"), ("1.500", "1.500"), ("1,234.5", "1,234.5"), ("a, b", "a, b"), ("1,5e3", "1,5e3"),
     ("−3", "-3"), ("－１，５", "-1.5"), ("٣٫٥٠٠", "3.500"), ("१२", "12"), ("𝟘𝟗", "09"), ("5²", "5²")],
)  # fmt: skip
def test_a_comma_is_a_mark_of_decimals(typed, plain):
    assert with_point(typed) == plain


@pytest.mark.parametrize(("typed", "number"), [("１２", 12), ("−٣", -3), (" २० ", 20), ("٣٫٠", None), ("１．０", None)])
def test_a_whole_number_has_the_digits_of_any_script(typed, number):
    field = WholeNumberField()
    if number is None:
        with pytest.raises(forms.ValidationError, match="without commas or points"):
            field.clean(typed)
    else:
        assert field.clean(typed) == number


@pytest.mark.parametrize("typed", ["1,500", "-12,000", "999,999"])
def test_what_can_be_read_in_two_ways_is_not_read(typed):
    with pytest.raises(ValueError, match=f"^“{typed}” can mean {typed.replace(',', '')} or "):
        with_point(typed)


def test_no_form_has_a_field_in_which_a_browser_drops_what_it_does_not_take():
    for path in [*ROOT.glob("*/**/forms.py"), *ROOT.glob("*/**/*_form*.py"), ROOT / "annotation/admin/acts.py"]:
        if "tests" not in path.parts and ".venv" not in path.parts:
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found, rest = set(), [forms.Form]
    while rest:
        rest += (children := rest.pop().__subclasses__())
        ours = [form for form in children if form.__module__.startswith(("potato_site", "annotation", "exports"))]
        found |= {
            (form.__name__, name)
            for form in ours
            for name, field in form.base_fields.items()
            if isinstance(field.widget, forms.NumberInput)
        }
    assert found == set()
    pages = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "templates").rglob("*.html")}
    assert [name for name, text in pages.items() if re.search("""type=.?number""", text)] == []
