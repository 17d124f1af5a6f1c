"""Static files have a version in their address, and are kept by browsers."""

import os
import re

import pytest
from django.conf import settings
from django.templatetags.static import static

from potato_site.static_files import forget_old, version


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "static"
    (place / "label").mkdir(parents=True)
    (place / "label" / "main.js").write_text("one")
    return place


def test_a_changed_file_is_another_version(folder):
    before = version(folder, [])
    assert before == version(folder, [])
    assert re.fullmatch("v-[0-9a-f]{12}", before)
    (folder / "label" / "main.js").write_text("two")
    assert version(folder, []) != before


def test_so_is_a_file_with_another_name(folder):
    before = version(folder, [])
    (folder / "label" / "main.js").rename(folder / "label" / "other.js")
    assert version(folder, []) != before


def test_the_files_of_apps_count(folder):
    versions = {
        version(folder, apps) for apps in ([], ["annotation"], ["annotation", "traces"], ["django.contrib.admin"])
    }
    assert len(versions) == 4
    # One without static files, and one that is not there, say nothing.
    assert version(folder, []) == version(folder, ["csp", "no_such_app"])


def test_an_app_named_by_its_configuration_counts_too(folder, tmp_path, monkeypatch):
    (tmp_path / "plug" / "static").mkdir(parents=True)
    (tmp_path / "plug" / "__init__.py").touch()
    (tmp_path / "plug" / "static" / "a.js").write_text("one")
    monkeypatch.syspath_prepend(tmp_path)
    before = version(folder, ["plug.apps.PlugConfig"])
    (tmp_path / "plug" / "static" / "a.js").write_text("two")
    assert version(folder, ["plug.apps.PlugConfig"]) != before


def test_what_a_page_names_is_served_and_may_be_kept(client):
    address = static("potato/site.css")
    assert address == f"/static/{settings.STATIC_VERSION}potato/site.css"
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "max-age=86400, public"
    assert client.get("/static/v-000000000000/potato/site.css").status_code == 404


def test_old_versions_are_forgotten_but_for_the_latest(tmp_path):
    for age, name in enumerate(
        ["v-00000000000a", "v-00000000000b", "v-00000000000c", "v-00000000000d", "own", "admin"]
    ):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    # The way back to an older version: it is the newest now.
    forget_old(tmp_path / "v-00000000000a")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["admin", "own", "v-00000000000a", "v-00000000000c", "v-00000000000d"]
