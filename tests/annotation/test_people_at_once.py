"""Two people act at the same instant, each on a connection of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from annotation.models import Invitation, Membership
from annotation.projects import invitations, membership
from annotation.projects.membership import Refused
from potato_site.accounts.models import User
from tests.factory import make_project

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """What each of them came to: "done" or the name of what it raised."""
    start, outcomes = threading.Barrier(len(acts)), [""] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        try:
            start.wait(10)
            act()
            outcomes[place] = "done"
        except Exception as error:
            outcomes[place] = type(error).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=entry) for entry in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(outcomes)


def test_a_link_makes_one_member_of_two_who_press_at_once(tmp_path):
    project = make_project(tmp_path)
    path = invitations.invite(project, "viewer", User.objects.get(username="manager"))[1]
    token = path.split("/")[2]
    people = [User.objects.create_user(name) for name in ("carol", "dora")]
    acts = [lambda user=user: invitations.use(token, user) for user in people]
    assert at_once(*acts) == ["Refused", "done"]
    assert Membership.objects.filter(user__in=people).count() == 1
    assert Invitation.objects.get().used_by == Membership.objects.get(user__in=people).user


def test_two_managers_cannot_remove_each_other_at_once(tmp_path):
    project = make_project(tmp_path)
    Membership.objects.filter(role="manager").delete()
    pair = [
        Membership.objects.create(project=project, user=User.objects.create_user(name), role="manager", source="admin")
        for name in ("first", "second")
    ]
    acts = [lambda other=other: membership.deactivate(other, None) for other in pair]
    assert at_once(*acts) == [Refused.__name__, "done"]
    assert Membership.objects.filter(role="manager", state="active").count() == 1
