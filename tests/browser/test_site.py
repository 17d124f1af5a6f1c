"""The site that the browser visits leaves no process behind."""

import pytest

from tests.browser import conftest


def test_a_site_that_does_not_start_leaves_no_process_behind(tmp_path, monkeypatch):
    site, started = conftest.Site(tmp_path), []

    def gives_up(*_):
        started.extend([site.server, site.console])
        raise AssertionError("the server does not answer")

    monkeypatch.setattr(conftest, "wait_for", gives_up)
    with pytest.raises(AssertionError, match="does not answer"), site:
        pass
    assert [process.poll() is None for process in started] == [False, False]
