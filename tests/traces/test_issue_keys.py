"""Which traces are attempts at one issue, where no id says so."""

import json
from importlib import import_module
from types import SimpleNamespace

import pytest
import zstandard
from django.apps import apps
from django.db import connection

from potato_site.canonical import canonical, digest
from traces.document import is_folder, issue_key, normalize, repository
from traces.imports import import_files
from traces.models import Dataset, Document, Trace
from traces.store import load_document

FOLDERS = ["/tmp/run1/app", "~/app", "C:\\Users\\me\\app", "d:/app", "\\\\server\\app", "file:///app", "./app", " /app"]
NAMES = ["org/app", "https://github.com/org/app", "git@github.com:org/app.git", "app", "c/app", "filed/app"]
TEXT = {"issue_description": "Fix it"}


@pytest.mark.parametrize("repo", FOLDERS)
def test_where_an_agent_ran_is_no_part_of_the_issue(repo):
    assert is_folder(repo)
    assert issue_key({"id": "1", **TEXT, "repo": repo}) == issue_key({"id": "2", **TEXT, "repo": None})
    assert issue_key({"id": "1", **TEXT, "repo": repo}) != issue_key({"id": "2", **TEXT, "base_commit": "c"})


@pytest.mark.parametrize("repo", NAMES)
def test_the_same_words_about_two_repositories_are_two_issues(repo):
    assert not is_folder(repo)
    keys = {issue_key({"id": "1", **TEXT, "repo": name}) for name in (repo, "other/app", "/app", None)}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("org/App", ["https://github.com/org/App.git", "git@github.com:org/App", "ssh://git@github.com/org/App.git/",
                     "http://me:secret@www.GitHub.com/org/App/", "git+ssh://git@github.com:22/org/App.git",
                     "github.com/org/App", " git@github.com:/org/App.git\n", "git@github.com/org/App.git",
                     "x-access-token:secret@github.com/org/App", "https://me:p@ss@github.com/org/App",
                     "ssh://git@ssh.github.com:443/org/App.git"]),
        ("g/sub/app", ["https://gitlab.com/g/sub/app.git", "git@gitlab.com:g/sub/app.git"]),
        ("git.lab.org/team/app", ["https://git.lab.org/team/app", "https://git.lab.org:8443/team/app.git",
                                  "ssh://git@git.lab.org:2222/team/app.git", "me@Git.Lab.Org:team/app.git"]),
    ],
)  # fmt: skip
def test_a_repository_has_one_name_whichever_address_is_given(name, addresses):
    assert {repository(one) for one in [name, *addresses]} == {name}
    assert len({issue_key({"id": one, **TEXT, "repo": one}) for one in [name, *addresses]}) == 1


@pytest.mark.parametrize(
    "name",
    ["app", "org/app", "org/app.git", "filed/app", "a:b", "5", "https://", "me@host", "x y", "https://github.com//",
     "https://git.lab.org/.git"],
)  # fmt: skip
def test_what_is_no_address_keeps_the_name_it_has(name):
    assert repository(name) == name


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_has_no_name(folder):
    assert repository(folder) == ""


def test_a_record_without_steps_may_call_anything_its_repo():
    keys = {issue_key(normalize({"id": "1", **TEXT, "repo": repo})) for repo in (5, {"name": "/app"}, ["/app"], None)}
    assert len(keys) == 4


@pytest.fixture(
    params=[
        ("0009_folders_are_no_repositories", "/tmp/run1/app", "C:\\app", "~/app", "/app"),
        (
            "0010_addresses_of_one_repository",
            "git@github.com:org/app.git",
            "https://git.lab/a",
            "ssh://h/x",
            "gitlab.com/a/b",
        ),
    ],
    ids=["folders", "addresses"],
)
def before(request, tmp_path, db):
    """(the migration, keys by id) of traces that came in when a folder, or an address as it is, made the key."""
    migration, posix, windows, old, record = request.param
    documents = {
        "posix": {**TEXT, "repo": posix},
        "windows": {**TEXT, "repo": windows, "base_commit": "c"},
        "old": {**TEXT, "repo": old},
        "record": {**TEXT, "repo": record, "structured_turns": None},
        "named": {**TEXT, "repo": "org/app"},
        "with_id": {**TEXT, "repo": posix, "issue_id": "sha256:1"},
        "with_instance": {**TEXT, "repo": posix, "instance_id": "sha256:2"},
        "says_nothing": {"repo": posix},
    }
    turns = [{"type": "thinking", "content": "x"}]
    lines = [{"id": name, "structured_turns": turns, **document} for name, document in documents.items()]
    for line in lines:
        if line["structured_turns"] is None:
            del line["structured_turns"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    import_files(Dataset.objects.create(name="d"), [tmp_path / "t.jsonl"])
    now = dict(Trace.objects.values_list("external_id", "issue_key"))
    for name in ("posix", "windows", "old", "record"):
        one = documents[name]
        key = "sha256:" + digest(one["repo"], one.get("base_commit") or "", "Fix it")
        assert Trace.objects.filter(external_id=name).exclude(issue_key=key).update(issue_key=key) == 1
    trace = Trace.objects.get(external_id="old")  # from before documents lay in two parts
    body = zstandard.ZstdCompressor().compress(canonical(load_document(trace.current_id)))
    Document.objects.filter(version=trace.current_id).update(body=body)
    return import_module(f"traces.migrations.{migration}"), now


def test_traces_from_before_get_the_key_they_would_get_now(before, monkeypatch):
    """In more than one batch; a second run changes nothing."""
    migration, keys = before
    monkeypatch.setattr(migration, "AT_ONCE", 2)
    for _ in range(2):
        migration.regroup(apps, SimpleNamespace(connection=connection))
        assert dict(Trace.objects.values_list("external_id", "issue_key")) == keys


def test_of_traces_from_before_no_steps_are_read(before):
    """Those of this one cannot even be expanded."""
    migration, keys = before
    trace = Trace.objects.get(external_id="posix")
    Document.objects.filter(version=trace.current_id).update(body=Document.objects.get(pk=trace.current_id).body[:-20])
    migration.regroup(apps, SimpleNamespace(connection=connection))
    trace.refresh_from_db()
    assert trace.issue_key == keys["posix"]
