"""Splits: groups that are connected stay together, whatever the order."""

import random

import pytest

from exports.options import Options
from exports.splits import Splits, repositories

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
    assert [repositories("issue", name) for name in names] == [["org/name"]] * 4
    own = [
        "https://git.lab.org:8443/Team/App.git",
        "git@git.lab.org:team/app.git",
        "ssh://git@git.lab.org:2222/team/app",
    ]
    assert [repositories("issue", name) for name in own] == [["git.lab.org/team/app"]] * 3
    assert repositories("org__name-12", "") == ["org/name"]
    assert repositories("sha256:0", "") == []


def splits_of(issues, **options):
    """The split of each in turn, by each of many seeds."""
    seeds = (Splits(Options(test=0.5, split_seed=f"{number}", **options), issues) for number in range(30))
    return [[splits.of(issue) for issue, _ in issues] for splits in seeds]


def test_what_ran_in_one_folder_is_together_though_an_id_names_its_repository():
    issues = [("org__app-1", "/w/one"), ("sha256:1", "/w/one/"), ("org__app-2", "")]
    assert all(len(set(found)) == 1 for found in splits_of(issues))
    held = Splits(Options(hold_out_benchmarks=True), [("django__django-1", "/w/one"), ("sha256:1", "/w/one")])
    assert held.of("sha256:1") == "test"


def test_a_folder_that_holds_any_repository_joins_none_that_is_known():
    issues = [("org__app-1", "/testbed"), ("org__other-1", "/testbed/"), ("django__django-1", "/testbed")]
    assert any(len(set(found)) > 1 for found in splits_of(issues))
    held = Splits(Options(hold_out_benchmarks=True), issues)
    assert [held.of(issue) for issue, _ in issues] == ["train", "train", "test"]
    unknown = [("sha256:1", "/testbed"), ("sha256:2", "/testbed")]
    assert all(len(set(found)) == 1 for found in splits_of(unknown))


@pytest.mark.parametrize("split_by", ["repo", "issue"])
@pytest.mark.parametrize("issue", ["run", "org__app-1", "sha256:1"])
def test_the_parts_of_a_run_are_together(issue, split_by):
    """And with other attempts at its issue that were short enough to stay whole."""
    issues = [(f"{issue}~part1", ""), (f"{issue}~part2", ""), (issue, "")]
    assert all(len(set(found)) == 1 for found in splits_of(issues, split_by=split_by))
