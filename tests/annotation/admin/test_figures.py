"""What the kept numbers are said to be worth."""

from typing import Any

import pytest
from django.utils import timezone

from annotation.admin.figures import band_of, figures_of, measure_name
from annotation.quality.statistics import AGREEMENT, Stat


@pytest.mark.parametrize(
    ("value", "low", "traces", "word"),
    [
        (0.92, 0.85, 200, "reliable"),
        (0.80, 0.667, 30, "reliable"),
        (1.0, 1.0, 4, "uncertain"),  # four traces prove nothing, however well they agree
        (0.96, -0.71, 40, "uncertain"),
        (0.9, None, 40, "uncertain"),
        (0.79, 0.7, 200, "tentative"),
        (0.667, 0.4, 5, "tentative"),
        (0.66, 0.6, 200, "too low"),
        (-0.2, -0.5, 3, "too low"),
        (-0.2, None, 1, "uncertain"),  # of one trace there is no interval
        (None, None, 0, "not defined"),
    ],
)
def test_what_an_alpha_is_worth_depends_on_how_sure_it_is(value, low, traces, word):
    assert band_of(value, low, traces).word == word


def measured(name: str, value: float, interval: tuple[float, float] | None) -> dict[str, Any]:
    return {
        "scheme": "outcome", "measure": name, "level": "nominal", "per": "item", "value": value, "interval": interval,
        "percent": 0.5, "units": 9, "traces": 9, "annotators": 2, "reason": "",
    }  # fmt: skip


def test_the_weakest_is_one_of_which_something_is_known():
    results = [measured("choice", -0.02, None), measured("has_error", 0.3, (0.1, 0.5))]
    stat = Stat({"results": results, "warnings": [], "pairs": []}, 1, timezone.now(), is_current=True)
    weakest = figures_of({AGREEMENT: stat}, timezone.now()).weakest
    assert weakest is not None
    assert weakest.measure == "Is there an error"


def test_a_respect_that_is_compared_stands_behind_a_colon():
    assert measure_name("dimension:code_style") == "Dimension: code style"
