"""The sidebar's files: in folders, with the root said once, and what became of each."""

import pytest

from annotation.pages.filetree import MAX_DEPTH, tree


def touched(*paths, state="read", tried=()):
    return [{"path": path, "state": state, "tried": [*tried], "first_step": step} for step, path in enumerate(paths)]


def drawn(folder):
    """A folder as ``{name: {...}, file name: None}``."""
    return {one.name: drawn(one) for one in folder.folders} | {file.name: None for file in folder.files}


def test_folders_nest_and_stand_before_files():
    found = tree(touched("top.md", "src/b.py", "src/a.py", "src/ui/x.css", "docs/a.md"), "directory")
    assert (found.name, drawn(found)) == (
        "",
        {"docs/": {"a.md": None}, "src/": {"ui/": {"x.css": None}, "a.py": None, "b.py": None}, "top.md": None},
    )
    assert list(drawn(found)) == ["docs/", "src/", "top.md"]
    assert [one.path for one in found.folders[1].folders] == ["src/ui/"]


def test_a_chain_of_folders_is_one_row():
    found = tree(touched("src/app/components/a.tsx", "src/app/components/b.tsx", "README.md"), "directory")
    assert drawn(found) == {"src/app/components/": {"a.tsx": None, "b.tsx": None}, "README.md": None}


@pytest.mark.parametrize(
    ("paths", "root", "shown"),
    [
        (["/testbed/src/a.py", "/testbed/tests/b.py"], "/testbed/", {"src/": {"a.py": None}, "tests/": {"b.py": None}}),
        (["/repo/a.py"], "/repo/", {"a.py": None}),
        (["/repo/a.py", "/tmp/b.py"], "", {"/repo/": {"a.py": None}, "/tmp/": {"b.py": None}}),
        (["/repo/a.py", "repo/a.py"], "", {"/repo/": {"a.py": None}, "repo/": {"a.py": None}}),
        (["src/a.py", "src/b.py"], "", {"src/": {"a.py": None, "b.py": None}}),
        (["/", "./x//y.py", "z/"], "", {"x/": {"y.py": None}, "/": None, "z": None}),
    ],
)
def test_the_root_of_whole_paths_is_said_once(paths, root, shown):
    found = tree(touched(*paths), "directory")
    assert (found.name, drawn(found)) == (root, shown)


def test_whatever_is_deep_stands_in_the_last_folder_with_the_rest_of_its_path():
    found = tree(touched(*("d/" * depth + "f.py" for depth in range(500))), "directory")
    depth, folder = 0, found
    while folder.folders:
        depth, folder = depth + 1, folder.folders[-1]
    assert depth == MAX_DEPTH + 1
    assert folder.path + folder.files[0].name == folder.files[0].path == "d/" * 499 + "f.py"


def test_in_order_of_appearance_files_stand_with_their_whole_paths():
    found = tree(touched("/r/b/two.py", "/r/a/one.py", "/r/top.md"), "chronological")
    assert (found.name, drawn(found)) == ("", {"/r/b/two.py": None, "/r/a/one.py": None, "/r/top.md": None})


@pytest.mark.parametrize("group_by", ["directory", "chronological"])
def test_without_files_there_is_nothing_to_show(group_by):
    assert tree([], group_by) is None


@pytest.mark.parametrize(
    ("state", "tried", "letter", "change", "words"),
    [
        ("created", [], "A", "created", "created"),
        ("edited", [["edited", "failed"]], "M", "modified", "modified"),
        ("deleted", [], "D", "deleted", "deleted"),
        ("read", [["edited", "rejected"], ["read", "failed"]], "R", "read", "read, edit rejected"),
        (None, [["edited", "failed"]], "–", "", "edit failed"),
        (
            None,
            [["created", "suggested"], ["deleted", "rejected"]],
            "–",
            "",
            "creation only suggested, deletion rejected",
        ),
    ],
)
def test_a_file_is_marked_with_what_became_of_it(state, tried, letter, change, words):
    (file,) = tree(touched("a.py", state=state, tried=tried), "directory").files
    assert (file.letter, file.change, file.words) == (letter, change, words)
