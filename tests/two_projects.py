"""Two projects of one installation with everybody who might knock: the stage of the tests of who may see what."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import URLResolver, get_resolver, reverse
from django.utils.crypto import get_random_string

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Membership, Project
from annotation.projects.revisions import current
from potato_site.accounts import links
from potato_site.accounts.middleware import RENEWED_AT
from potato_site.accounts.models import User
from tests import factory, objects, people
from traces.chunks import changes_key, render_version, rendering_of

# Annotators come from the project files.
OURS, THEIRS = ("owner", "colleague"), ("stranger", "bystander")
# Who has a role beyond labeling: in which of the two projects, and which.
RUNNING = {
    "project_manager": (0, Membership.Role.MANAGER),
    "foreign_manager": (1, Membership.Role.MANAGER),
    "viewer": (0, Membership.Role.VIEWER),
    "adjudicator": (0, Membership.Role.ADJUDICATOR),
}
ROLES = ("anonymous", *OURS, "stranger", *RUNNING, "superuser")


@dataclass
class Site:
    """``ours`` is the project the addresses are of, ``theirs`` the other one."""

    ours: Project
    theirs: Project

    def user(self, role: str) -> User | None:
        """The person of a role; None for somebody who is not signed in."""
        return None if role == "anonymous" else User.objects.get(username=role)

    def sign_in(self, client: Any, role: str) -> None:
        user = self.user(role)
        if user is not None:
            client.force_login(user)
            # As of somebody who has just been here: else each of many requests would begin by prolonging the session.
            session = client.session
            session[RENEWED_AT] = int(time.time())
            session.save()

    def other(self, role: str) -> Project:
        """The project an annotator is not in."""
        return self.theirs if self.assignment(role).project == self.ours else self.ours

    def assignment(self, role: str) -> Assignment:
        """The latest one of an annotator."""
        return Assignment.objects.filter(annotator__username=role).latest("pk")


def make_site(folder: Path, ours: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None) -> Site:
    """Both projects loaded into one home, an item open for each annotator, everything rendered."""
    home = folder / "home"
    home.mkdir(parents=True)
    projects = [
        _load(folder / "ours", home, OURS, {"name": "Ours", **(ours or {})}),
        _load(folder / "theirs", home, THEIRS, {"name": "Theirs", **(theirs or {})}),
    ]
    for name, (place, role) in RUNNING.items():
        user = User.objects.create_user(name)
        Membership.objects.create(project=projects[place], user=user, role=role, source=Membership.Source.ADMIN)
        if role == Membership.Role.MANAGER:
            projects[place].dataset.managers.add(user)
    User.objects.create_superuser("superuser")
    for project, names in zip(projects, (OURS, THEIRS), strict=True):
        for name in names:
            assert hand_out(project, factory.person(name)).assignment is not None
    for assignment in Assignment.objects.select_related("item", "project"):
        render_version(assignment.item.a_id, current(assignment.project).render_options())
    return Site(*projects)


def _load(folder: Path, home: Path, people: tuple[str, ...], options: dict[str, Any]) -> Project:
    from annotation.projects.load import load_file

    report = load_file(factory.write_project(folder, people=people, **options), home)
    assert report.project is not None, report.errors
    return report.project


def site_for_a_module(folder: Path, blocker: Any, *options: dict[str, Any]) -> Iterator[Site]:
    """The body of a fixture: one site for the tests of a module, each of which leaves it as it was.

    What a test does is undone to a savepoint within this transaction.
    """
    with blocker.unblock():
        outer = transaction.atomic()
        # As the transaction of a test is, so that durable blocks may begin within it.
        outer._from_testcase = True
        with outer:
            yield make_site(folder, *options)
            transaction.set_rollback(True)


@cache
def routes() -> dict[str, frozenset[str]]:
    """Every route by its name (with its namespaces), with its parameters. One without a name is an error."""
    return dict(_routes(get_resolver(), "", frozenset()))


def _routes(resolver: URLResolver, namespace: str, outer: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    found = []
    for entry in resolver.url_patterns:
        parameters = outer | set(entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            found += _routes(entry, inner, parameters)
        else:
            assert entry.name, f"the route {entry.pattern} has no name"
            found.append((namespace + entry.name, parameters))
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), "two routes have the same name"
    return found


def address(site: Site, name: str, role: str = "owner") -> str:
    """The address of a route, its parameters filled with what ``role`` has."""
    wanted = routes()[name]
    known = PER_ROUTE[name](site, role) if name in PER_ROUTE else {}
    if "object_id" in wanted:
        known["object_id"] = objects.of_route(name, site.assignment(role))
    return reverse(name, kwargs={**arguments(site, role, wanted - set(known)), **known})


def arguments(site: Site, role: str, wanted: Iterable[str]) -> dict[str, Any]:
    """Values for parameters of routes: the objects of ``role``, which nobody else owns."""
    missing = set(wanted) - set(PARAMETERS)
    assert not missing, f"say in two_projects.PARAMETERS what {missing} may be"
    assignment = site.assignment(role)
    return {name: PARAMETERS[name](assignment) for name in wanted}


def _token(_: Assignment) -> str:
    newcomer = User.objects.get_or_create(username=f"newcomer-{get_random_string(8)}")[0]
    return links.link_path(newcomer).strip("/").split("/")[-1]


def _chunk_key(assignment: Assignment) -> str:
    return rendering_of(assignment.item.a_id, current(assignment.project).render_options()).chunk_keys[0][:12]


def _digest_of_changes(assignment: Assignment) -> str:
    return changes_key(assignment.item.a_id, current(assignment.project).render_options())[:12]


# A value for every parameter a route may have, from an assignment of somebody.
PARAMETERS: dict[str, Callable[[Assignment], Any]] = {
    "slug": lambda mine: mine.project.slug,
    "public_id": lambda mine: mine.public_id,
    "revision_id": lambda mine: mine.project.revision_id,
    "version_id": lambda mine: mine.item.a_id,
    "number": lambda _: 0,
    "digest": _digest_of_changes,
    "key": _chunk_key,
    "token": _token,
    "app_label": lambda _: "annotation",
    "unknown": lambda _: "v1/nothing",
    "dataset_id": lambda mine: mine.project.dataset_id,
    "trace_id": lambda mine: mine.item.trace_a_id,
    "import_id": lambda mine: mine.project.dataset.imports.order_by("pk").values_list("pk", flat=True)[0],
    "item_id": lambda mine: mine.item_id,
    "scheme": lambda _: "step_reward",
    "export_id": lambda mine: objects.OBJECTS["exports.Export"](mine).pk,
    "submission_id": lambda mine: objects.OBJECTS["annotation.Submission"](mine).pk,
    "gold_id": lambda mine: objects.OBJECTS["annotation.Gold"](mine).pk,
    "schedule_id": lambda mine: objects.schedule(mine).pk,
    "job_id": lambda _: 1,
    "name": lambda _: "manifest.json",
}

# Where a parameter's name does not say enough: route → its own values, from (site, role). An admin route's object_id
# is an object of its model: see tests/objects.py.
PER_ROUTE: dict[str, Callable[[Site, str], dict[str, Any]]] = {
    "manage-act": lambda site, role: {"job_id": objects.act(site.user("project_manager").pk).pk},
    "manage-purged": lambda site, role: {"job_id": objects.deletion(site.user("project_manager").pk).pk},
    "manage-forget": lambda site, role: {"user_id": factory.person(role).pk},
    "manage-forgotten": lambda site, role: {"job_id": objects.forgetting(site.user("project_manager").pk).pk},
    "join": lambda site, _: people.link_to(site.ours),
    "manage-invitation": lambda site, _: {"invitation_id": people.invitation_to(site.ours).pk},
    "manage-person": lambda site, role: people.membership_of(factory.person(role), site.assignment(role).project),
    "api-person-pause": lambda site, role: people.membership_of(factory.person(role), site.assignment(role).project),
    "api-person-group": lambda site, role: people.membership_of(factory.person(role), site.assignment(role).project),
    "api-person-resume": lambda site, role: people.membership_of(factory.person(role), site.assignment(role).project),
    "invitation-answer": lambda site, role: people.asked(factory.person(role), site.other(role)),
    "profile-token": lambda site, role: people.token_of(factory.person(role)),
    "password-reset-link": lambda site, role: people.reset_link_of(factory.person(role)),
}


def fingerprint() -> dict[str, str]:
    """A digest of every table. Sessions are left out."""
    models = [model for model in apps.get_models(include_auto_created=True) if model is not Session]
    return {model._meta.db_table: _digest(model) for model in models}


def _digest(model: Any) -> str:
    columns = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.order_by(model._meta.pk.attname).values_list(*columns)
    return hashlib.sha256(repr(list(rows)).encode()).hexdigest()
