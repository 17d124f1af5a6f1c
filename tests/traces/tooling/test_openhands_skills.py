"""Python that agents ran to edit files, read without running it."""

import pytest

from traces.tooling.openhands_skills import read_skill


@pytest.mark.parametrize(
    ("code", "skill"),
    [
        ("open_file('/a.py')", ("open_file", {"path": "/a.py"})),
        ("open_file('/a.py', 12)", ("open_file", {"path": "/a.py", "line_number": 12})),
        (
            'edit_file_by_replace(\n"/a.py",\nto_replace="""x\ny""",\nnew_content="""z""")\n',
            ("edit_file_by_replace", {"file_name": "/a.py", "to_replace": "x\ny", "new_content": "z"}),
        ),
        (
            "print(file_editor(**{'command': 'create', 'path': '/a', 'file_text': 'it\\'s'}))",
            ("file_editor", {"command": "create", "path": "/a", "file_text": "it's"}),
        ),
    ],
)
def test_one_call_with_constants_is_a_skill(code, skill):
    assert read_skill(code) == skill


@pytest.mark.parametrize(
    "code",
    [
        "",
        "print(1)",
        "open_file(path)",
        "open_file('/a.py'); os.remove('/a.py')",
        "open_file('/a.py')\nopen_file('/b.py')",
        "file_editor(**{1: 2})",
        "file_editor(**7)",
        "open_file(" + "(" * 500,
        "open_file(" + "-" * 100_000 + "1)",
        "open_file('''" + "x" * 2_000_000 + "''')",
    ],
)
def test_other_code_stays_code(code):
    assert read_skill(code) is None
