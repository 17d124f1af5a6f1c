"""The files of deploy/ agree with the program, with each other, and with what they promise."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from django.urls import resolve, reverse

from potato_site import settings as module
from potato_site.operations import processes
from tests.deploy.files import CLONE, DEPLOY, compose, site_services
from tests.two_projects import routes

DOCUMENTED = set(re.findall(r"``([A-Z][A-Z_]+)``", module.__doc__ or "")) - {"ROLE"}
# Read by the library that copies exports to a bucket, not by the settings.
BOTO3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"}
EXAMPLE = (DEPLOY / "env.example").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()


def test_every_variable_the_settings_read_is_documented():
    source = Path(module.__file__).read_text()
    read = set(re.findall(r"""(?:environ(?:\.get)?[\[(]|env_bool\(|env_list\()\s*["']([A-Z_]+)["']""", source))
    assert read == DOCUMENTED - {"WARNING", "INFO", "ERROR"}


def test_the_example_has_every_setting_and_what_compose_asks_for():
    given = set(re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE, re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yml").read_text()))
    assert given == (DOCUMENTED - {"WARNING", "INFO", "ERROR"}) | asked | BOTO3


def test_the_example_holds_no_secret():
    secrets = re.findall(r"^(SECRET_KEY|[A-Z_]*PASSWORD|[A-Z_]*TOKEN)=(.*)$", EXAMPLE, re.MULTILINE)
    assert len(secrets) == 5
    assert [value for _, value in secrets if value] == []


def test_the_example_fits_compose():
    """What ends TLS stands before the nginx of compose; the health check and Prometheus ask by these names."""
    given = dict(re.findall(r"^([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert (given["POTATO_HTTPS"], given["POTATO_PROXIES"]) == ("1", "2")
    web = {name for name, told in site_services().items() if told["command"][2] == "web"}
    assert {"localhost", *web} <= set(given["ALLOWED_HOSTS"].split(","))
    asked = re.search(r"http://([a-z0-9.-]+):8000/healthz", (DEPLOY / "Dockerfile").read_text())
    assert asked is not None
    assert asked[1] in given["ALLOWED_HOSTS"].split(",")


def test_the_image_holds_what_the_site_offers():
    """What is an extra elsewhere: nobody can add it to an image."""
    extras = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.search(r'"\$\(echo /wheels/\*\.whl\)\[([a-z0-9,]+)\]"', (DEPLOY / "Dockerfile").read_text())
    assert asked is not None
    assert set(asked[1].split(",")) == {name for name, packages in extras.items() if packages} - {"dev"}


def test_compose_runs_each_role_once_and_two_web_processes():
    roles = [told["command"][2] for told in site_services().values()]
    assert all(told["command"][:2] == ["potato", "serve"] for told in site_services().values())
    assert sorted(roles) == sorted([*processes.ROLES, "web"])


def test_everything_but_migrate_starts_again_and_waits_for_it():
    for name, told in site_services().items():
        assert told["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        waits = "postgres" if name == "migrate" else "migrate"
        assert waits in told["depends_on"], name
        grace = int(told["stop_grace_period"].removesuffix("s"))
        assert grace > processes.GRACE_SECONDS


def test_what_compose_names_is_there():
    told = compose()
    mounted = [volume.split(":")[0] for service in told["services"].values() for volume in service.get("volumes", [])]
    assert {name for name in mounted if not name.startswith(".")} <= set(told["volumes"])
    assert [name for name in mounted if name.startswith(".") and not (DEPLOY / name).is_file()] == []
    networks = {name for service in told["services"].values() for name in service["networks"]}
    assert networks <= set(told["networks"])
    build = site_services()["web-1"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_postgres_keeps_what_it_acknowledged():
    command = compose()["services"]["postgres"]["command"]
    assert {"fsync=on", "synchronous_commit=on", "full_page_writes=on"} <= set(command)


def test_the_image_copies_what_the_wheel_is_made_of_and_runs_as_nobody_special():
    lines = (DEPLOY / "Dockerfile").read_text()
    sources = {word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE) for word in line.split()}
    assert [name for name in sources if not (CLONE / name).exists()] == []
    assert {"potato_site", "annotation", "traces", "exports", "templates", "constraints.txt"} <= sources
    kept = set(re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE))
    assert kept == sources
    assert re.findall(r"^USER (.+)$", lines, re.MULTILINE) == ["potato"]
    assert "-c constraints.txt" in lines


def test_the_units_run_the_same_roles():
    unit = (DEPLOY / "systemd" / "potato@.service").read_text()
    named = re.search(r"systemctl enable --now (.+)$", unit, re.MULTILINE)
    assert named is not None
    assert {name.removeprefix("potato@") for name in named[1].split()} == set(processes.ROLES) - {"migrate"}
    grace = re.search(r"TimeoutStopSec=(\d+)", unit)
    assert grace is not None
    assert int(grace[1]) > processes.GRACE_SECONDS


def test_the_backup_unit_has_the_settings_of_the_others():
    site = (DEPLOY / "systemd" / "potato@.service").read_text()
    backup = (DEPLOY / "systemd" / "potato-backup.service").read_text()
    for name in ("User", "EnvironmentFile", "Environment"):
        [line] = re.findall(rf"^{name}=.*$", site, re.MULTILINE)
        assert line in backup.splitlines()
    assert "potato backup" in backup
    assert "--verify" in backup
    assert "Persistent=true" in (DEPLOY / "systemd" / "potato-backup.timer").read_text()


def test_a_command_by_hand_has_the_settings_of_the_units_and_a_folder_it_may_write_to():
    site = (DEPLOY / "systemd" / "potato@.service").read_text()
    given = re.search(r"potato-run\(\) \{(.+?)\}\n", (CLONE / "docs" / "operations.md").read_text(), re.DOTALL)
    assert given is not None
    [settings] = re.findall(r"^Environment=(.*)$", site, re.MULTILINE)
    assert [one for one in settings.split() if f"-E {one}" not in given[1]] == []
    [file] = re.findall(r"^EnvironmentFile=.*$", site, re.MULTILINE)
    assert f"-p {file}" in given[1]
    # Of systemd's own it is "/", where a backup cannot be written.
    home = dict(one.split("=") for one in settings.split())["POTATO_HOME"]
    assert f"-p WorkingDirectory={home} " in given[1]


def large_bodies() -> re.Pattern[str]:
    """The addresses for which nginx takes large bodies."""
    [pattern] = re.findall(r"location ~ (\S+) \{", NGINX)
    return re.compile(pattern)


def takes_large_files(name: str) -> bool:
    values = {"slug": "a-project"}
    if not routes()[name] <= set(values):
        return False
    view = resolve(reverse(name, kwargs={key: values[key] for key in routes()[name]})).func
    return getattr(view, "takes_large_files", False)


def test_uploads_pass_nginx_whole_and_unbuffered():
    pages = [name for name in routes() if takes_large_files(name)]
    assert {"manage-upload", "manage-new"} <= set(pages)
    values = {"slug": "a-project", "dataset_id": 7}
    for name in ["api-dataset-traces", "api-imports", *pages]:
        path = reverse(name, kwargs={key: values[key] for key in routes()[name]})
        assert large_bodies().match(path), name
    assert large_bodies().match("/api/v1/datasets/7/traces/")


@pytest.mark.parametrize("path", ["/login/", "/label/x/ops", "/admin/", "/api/v1/projects", "/admin/p/a/people/"])
def test_nothing_else_may_send_much(path):
    assert not large_bodies().match(path)


def test_nginx_takes_uploads_as_large_as_the_site_does():
    [limit] = [int(size) for size in re.findall(r"client_max_body_size (\d+)m;", NGINX) if int(size) > 10]
    assert limit * 1024**2 > 2 * 1000**3


def test_nginx_sends_exports_from_where_the_site_says():
    prefix = site_services()["web-1"]["environment"]["POTATO_ACCEL_PREFIX"]
    block = re.search(rf"location {prefix}/ {{([^}}]*)}}", NGINX)
    assert block is not None
    assert "internal;" in block[1]
    mounts = compose()["services"]["nginx"]["volumes"]
    assert "projects:/projects:ro" in mounts
    assert "alias /projects/;" in block[1]
    assert NGINX.count("{") == NGINX.count("}")
