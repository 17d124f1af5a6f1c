"""Every kind of page against the rules of axe: WCAG 2.2 A and AA, and what it calls best practice."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.text import slugify
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ready
from tests.browser.pages import painted, press
from tests.browser.test_every_scheme import ABOUT, samples
from tests.browser.test_screening import KNOWN
from tests.factory import FIRST_ERROR, OUTCOME, make_trace, make_traces

# axe tries styles of its own on the page, which the site's policy would refuse.
WIDE_LIGHT: dict[str, Any] = {
    "viewport": {"width": 1440, "height": 900}, "color_scheme": "light", "bypass_csp": True,
}  # fmt: skip
NARROW_DARK: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "bypass_csp": True,
}  # fmt: skip
LOOKS = pytest.mark.parametrize("look", [WIDE_LIGHT, NARROW_DARK], ids=["wide-light", "narrow-dark"])
LISTS = (
    "annotation/item", "annotation/assignment", "annotation/submission",
    "annotation/membership", "annotation/gold", "traces/dataset", "traces/trace", "traces/import",
    "exports/export", "jobs/job", "accounts/auditentry", "accounts/user",
)  # fmt: skip
TABS = (
    "", "traces/", "setup/", "quality/", "quality/attempts/", "quality/calibration/", "people/", "adjudicate/",
    "exports/", "exports/schedules/",
)  # fmt: skip
LABELED = """
from annotation.models import Project
from annotation.quality import statistics
from tests.factory import answers, submit_item
project = Project.objects.latest("pk")
for name, step in (("ann", 1), ("bob", 2), ("ann", None), ("bob", None)):
    submit_item(project, name, answers(step))
statistics.compute(project)
"""


def problems(page: Page) -> list[str]:
    """What axe finds, of each rule and element a line."""
    painted(page)
    return [
        f"{page.url} {rule['id']} ({rule['help']}): {node['html'][:200]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]


def told(found: list[str]) -> str:
    return "\n" + "\n".join(found)


@LOOKS
def test_signing_in_and_what_one_has_to_do(look, sign_in, site):
    name = site.project()
    page = sign_in("ann", **look)
    found = problems(page)
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_url("**/projects/**")
    found += problems(page)
    page.goto("/profile/")
    found += problems(page)
    page.context.clear_cookies()
    for _ in range(2):
        site.project(allow_all_users=True)
    page.goto("/login/")
    expect(page.get_by_text("Make an account for one of these")).to_be_visible()
    found += problems(page)
    assert not found, told(found)


@LOOKS
@pytest.mark.parametrize("what", ["step", "item", "pair"])
def test_labeling_with_every_question(what, look, label):
    page = label(schemes=list(samples(what).values()), traces=ABOUT[what][0], overlap=0, context=look)
    found = problems(page)
    for keys in (["?"], ["/"], ["g", "s"]):
        press(page, *keys)
        found += problems(page)
        press(page, "Escape")
    assert not found, told(found)


@LOOKS
def test_files_in_folders_and_steps_of_sub_agents(look, label):
    turns = [
        {"type": "file_read", "path": "/repo/src/ui/a.py", "content": "x"},
        {"type": "subagent", "name": "Task", "input": {}, "output": ""},
        {"type": "file_create", "path": "/repo/docs/b.md", "content": "x", "parent": 1},
        {
            "type": "file_edit",
            "path": "/repo/src/c.py",
            "diff": "@@ -1 +1 @@\n-x\n+y\n",
            "status": "failed",
            "parent": 1,
        },
    ]
    page = label(
        traces=[make_trace("t1", structured_turns=[{"step_idx": n, **turn} for n, turn in enumerate(turns)])],
        context=look,
    )
    found = problems(page)
    press(page, "t")
    found += problems(page)
    assert not found, told(found)


@LOOKS
def test_what_a_manager_sees_of_a_project(look, manage, site):
    page = manage("", schemes=[FIRST_ERROR, OUTCOME], context=look)
    site.run(LABELED)
    tabs, found = page.url, []
    for address in (
        *(tabs + path for path in TABS),
        *(f"/admin/{model}/" for model in LISTS),
        "/admin/",
        "/admin/new/",
    ):
        assert page.goto(address).ok, address
        found += problems(page)
    assert not found, told(found)


@LOOKS
def test_what_is_changed_of_a_person(look, manage):
    page = manage("people/", context=look)
    page.locator(".people-actions summary").first.click()
    page.get_by_label("Limit of items").first.fill("12")
    press(page, "Enter")
    page.get_by_text("the limit of ann is 12").wait_for()
    page.locator(".people-actions summary").first.click()
    found = problems(page)
    assert not found, told(found)


@LOOKS
def test_who_comes_from_a_platform_and_does_not_pass(look, site, chromium: Browser):
    name = site.project(
        recruitment={"platform": "mturk", "consent": "You can stop.", "screened_out_code": "S1OUT"}, overlap=0,
        schemes=[FIRST_ERROR], traces=make_traces(8), quality_control={"screening": {"enabled": True, "items": 1}},
    )  # fmt: skip
    site.run(KNOWN.format(name=name, count=2))
    context = chromium.new_context(base_url=site.url, **look)
    page, found = context.new_page(), []
    for ids in ("assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE", "hitId=H1", "workerId=A1&hitId=H1&assignmentId=S1"):
        page.goto(f"/projects/{slugify(name)}/recruit/?{ids}")
        found += problems(page)
    page.get_by_role("button", name="I agree, begin").click()
    page.get_by_role("heading", name="A screening comes first").wait_for()
    found += problems(page)
    page.get_by_role("button", name="Begin the screening").click()
    ready(page)
    press(page, "a", "Enter")
    page.get_by_role("heading", name="You did not pass").wait_for()
    found += problems(page)
    context.close()
    assert not found, told(found)


@LOOKS
def test_deleting_a_project(look, manage, site):
    page = manage("setup/", schemes=[FIRST_ERROR, OUTCOME], context=look)
    site.run(LABELED + "project.state = 'closed'\nproject.save()\n")
    page.reload()
    found = problems(page)
    page.get_by_role("link", name="Delete this project").click()
    page.get_by_role("button", name="Delete for good").wait_for()
    found += problems(page)
    page.get_by_label("to delete it").fill("another")
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_text("This is not its name").wait_for()
    found += problems(page)
    slug = page.locator("label strong").inner_text()
    page.get_by_label("to delete it").fill(slug)
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_text("You may leave this page").wait_for()
    found += problems(page)
    site.run(RUN)
    page.get_by_text("is deleted.").wait_for()
    found += problems(page)
    assert not found, told(found)


# The server of these tests has no worker.
RUN = """
from potato_site.jobs.models import Job
from potato_site.jobs.runner import run
assert run(Job.objects.filter(kind__in=["annotation.forget", "annotation.purge"]).latest("pk").pk)
"""
FORGOTTEN = """
from annotation.models import Membership, Project
from potato_site.accounts.models import User
from tests.factory import answers, submit_item
project = Project.objects.latest("pk")
user, _ = User.objects.get_or_create(username="quetzal", defaults={"is_active": True})
Membership.objects.create(project=project, user=user, role="annotator", source="admin")
submit_item(project, "quetzal", answers())
print(user.pk)
"""


@LOOKS
def test_forgetting_a_person(look, manage, site):
    page = manage("", schemes=[FIRST_ERROR, OUTCOME], context=look)
    page.goto(f"/admin/accounts/user/{site.run(FORGOTTEN).strip()}/change/")
    found = problems(page)
    page.get_by_role("link", name="Forget this person").click()
    page.get_by_role("button", name="Forget for good").wait_for()
    found += problems(page)
    page.get_by_label("to forget this person").fill("another")
    page.get_by_role("button", name="Forget for good").click()
    page.get_by_text("This is not the name").wait_for()
    found += problems(page)
    page.get_by_label("to forget this person").fill("quetzal")
    page.get_by_role("button", name="Forget for good").click()
    page.get_by_text("You may leave this page").wait_for()
    found += problems(page)
    site.run(RUN)
    page.get_by_text("The person is forgotten").wait_for()
    found += problems(page)
    assert not found, told(found)
