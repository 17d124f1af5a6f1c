"""The sums behind alpha, against the krippendorff package and by hand."""

import math
import warnings

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.quality import alpha as module
from annotation.quality.alpha import Comparable, PercentAgreement, alpha_statistic, alpha_value, total
from annotation.quality.bootstrap import interval
from annotation.quality.ratings import Ratings
from annotation.schemes.base import Measure

LEVELS = ["nominal", "ordinal", "interval"]
DOMAIN = (0, 1, 2, 3)
matrices = st.lists(
    st.lists(st.sampled_from([None, *DOMAIN]), min_size=4, max_size=4), min_size=1, max_size=12
)  # one row per unit, one column per annotator


def comparable(matrix: list[list], level: str, units_per_trace: int = 1) -> Comparable:
    ratings = Ratings("scheme", Measure("measure", level, domain=DOMAIN))
    for trace, start in enumerate(range(0, len(matrix), units_per_trace)):
        units = matrix[start : start + units_per_trace]
        said = [
            (who, {str(place): row[who] for place, row in enumerate(units) if row[who] is not None})
            for who in range(len(matrix[0]))
        ]
        ratings.add(trace, said)
    return Comparable(ratings)


def by_package(matrix: list[list], level: str) -> float:
    """Alpha of the full matrix, NaN where the package cannot say."""
    data = np.array([[math.nan if value is None else value for value in row] for row in matrix], dtype=float).T
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return float(krippendorff.alpha(data, value_domain=DOMAIN, level_of_measurement=level))
        except ValueError:
            return math.nan


@pytest.mark.parametrize("level", LEVELS)
@given(matrix=matrices, units_per_trace=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_alpha_is_that_of_the_package_on_the_full_matrix(level, matrix, units_per_trace):
    labels = comparable(matrix, level, units_per_trace)
    expected = by_package(matrix, level)
    if not labels.n_units:
        assert math.isnan(expected)
        return
    statistic = alpha_statistic(labels)
    assert total(statistic) == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert alpha_value(labels, statistic) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_the_value_is_the_same_where_the_package_would_need_too_much_memory(monkeypatch):
    matrix = [[0, 1, None, 0], [2, 2, 3, None], [1, 1, 1, 1], [3, 0, None, None]]
    labels = comparable(matrix, "nominal")
    value = alpha_value(labels, alpha_statistic(labels))
    monkeypatch.setattr(module, "PACKAGE_CELLS", 0)
    assert alpha_value(labels, alpha_statistic(labels)) == pytest.approx(value)


def test_many_values_give_what_few_do(monkeypatch):
    matrix = [[0, 1, None, 0], [2, 2, 3, None], [1, 1, 1, 1]]
    few = total(alpha_statistic(comparable(matrix, "nominal")))
    monkeypatch.setattr(module, "FEW_VALUES", 0)
    assert total(alpha_statistic(comparable(matrix, "nominal"))) == pytest.approx(few)


def test_percent_agreement_is_the_mean_share_of_agreeing_pairs():
    labels = comparable([[0, 0, 1, None], [2, 2, None, None], [3, None, None, None]], "nominal")
    assert total(PercentAgreement(labels)) == pytest.approx((1 / 3 + 1) / 2)


def test_one_value_only_leaves_alpha_undefined():
    assert math.isnan(total(alpha_statistic(comparable([[1, 1, None, None]] * 3, "interval"))))


def test_an_ordinal_value_outside_its_domain_counts_as_missing():
    ratings = Ratings("scheme", Measure("measure", "ordinal", domain=("low", "high")))
    ratings.add(0, [(1, {"": "low"}), (2, {"": "neutral"})])
    assert Comparable(ratings).n_units == 0


def test_values_that_are_no_words_can_be_compared():
    ratings = Ratings("scheme", Measure("measure", "nominal"))
    ratings.add(0, [(1, {"": ["a", "b"]}), (2, {"": ["a", "b"]})])
    ratings.add(1, [(1, {"": {"c": 1}}), (2, {"": ["a", "b"]})])
    assert total(PercentAgreement(Comparable(ratings))) == 0.5


def test_the_interval_is_the_same_every_time_and_holds_the_value():
    matrix = [[0, 0, None, None], [1, 1, None, None], [0, 1, None, None], [1, 1, None, None], [2, 2, 0, None]] * 6
    statistic = alpha_statistic(comparable(matrix, "nominal"))
    low, high = interval(statistic)
    assert interval(statistic) == (low, high)
    assert low < total(statistic) < high


def test_steps_of_one_trace_make_the_interval_wider_than_as_many_traces_would():
    # Ten copies of each judgement: as traces of their own they look like ten times the evidence.
    judgements = [[0, 0, None, None], [1, 1, None, None], [0, 1, None, None], [1, 0, None, None]] * 5
    matrix = [row for row in judgements for _ in range(10)]
    alone = interval(alpha_statistic(comparable(matrix, "nominal", 1)))
    together = interval(alpha_statistic(comparable(matrix, "nominal", 10)))
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_there_is_no_interval_for_one_trace():
    assert interval(alpha_statistic(comparable([[0, 1, None, None], [1, 1, None, None]], "nominal", 2))) is None


def test_resamples_with_one_value_only_are_left_out():
    # Every resample that has both values agrees fully; about a third of them have one only.
    matrix = [[0, 0, None, None]] * 40 + [[1, 1, None, None]]
    assert interval(alpha_statistic(comparable(matrix, "nominal"))) == (1.0, 1.0)
