"""Splits: groups that are connected stay together, whatever the order."""

import random

from exports.options import Options
from exports.splits import Splits, repository

OPTIONS = Options(validation=0.25, test=0.25)


def test_everything_connected_is_in_one_split():
    # Issue 1 was tried with and without the name of its repository, which issue 2 shares.
    issues = [(f"i{number}", f"org/r{number}") for number in range(40)]
    issues += [("i1", ""), ("other", "https://github.com/Org/R1.git"), ("org__r1-77", "")]
    splits = Splits(OPTIONS, issues)
    assert len({splits.of(issue) for issue in ("i1", "other", "org__r1-77")}) == 1
    assert {splits.of(issue) for issue, _ in issues} == {"train", "validation", "test"}


def test_the_order_in_which_traces_come_changes_nothing():
    issues = [(f"i{number}", f"org/r{number % 17}") for number in range(100)]
    found = {issue: Splits(OPTIONS, issues).of(issue) for issue, _ in issues}
    random.Random(3).shuffle(issues)
    assert {issue: Splits(OPTIONS, issues).of(issue) for issue in found} == found


def test_by_issue_a_repository_may_be_in_several():
    issues = [(f"i{number}", "org/one") for number in range(40)]
    splits = Splits(Options(test=0.5, split_by="issue"), issues)
    assert {splits.of(issue) for issue, _ in issues} == {"train", "test"}
    assert {Splits(Options(test=0.5), issues).of(issue) for issue, _ in issues} in ({"train"}, {"test"})


def test_shares_are_about_right():
    issues = [(f"i{number}", f"org/r{number}") for number in range(2000)]
    splits = Splits(Options(test=0.1), issues)
    assert 0.07 < sum(splits.of(issue) == "test" for issue, _ in issues) / 2000 < 0.13


def test_the_repositories_of_swe_bench_can_be_held_out():
    issues = [("django__django-123", ""), ("a", "https://github.com/astropy/astropy"), ("b", "org/own")]
    splits = Splits(Options(hold_out_benchmarks=True), issues)
    assert [splits.of(issue) for issue, _ in issues] == ["test", "test", "train"]


def test_a_repository_has_one_name_however_it_is_written():
    names = [
        "Org/Name",
        "https://github.com/org/name.git",
        "git@github.com:org/name",
        "https://www.github.com/org/name/",
    ]
    assert {repository("issue", name) for name in names} == {"org/name"}
    assert repository("org__name-12", "") == "org/name"
    assert repository("sha256:0", "") == ""
