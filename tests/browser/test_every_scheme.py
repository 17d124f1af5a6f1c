"""Every scheme of the registry on the page: labeled by keyboard alone, undone and redone, the same in two tabs."""

import importlib
import json

import pytest
from playwright.sync_api import Page, expect

from annotation.schemes import schemes
from tests.browser.conftest import ready, wait_for
from tests.browser.pages import press, saved
from tests.factory import make_trace

# What is pressed once the first control of the question has the focus.
KEYS = {
    "process_reward": ["Enter"],
    "radio": ["Space"],
    "select": ["ArrowDown"],
    "multiselect": ["Space"],
    "likert": ["Space"],
    "slider": ["ArrowRight"],
    "number": ["2"],
    "code_review": ["Space"],
    "text_input": list("Because"),
    "text": list("Fine"),
    # The choice, its strength, the dimension, the reason.
    "pairwise": ["Enter", *["Tab"] * 3, "Enter", *["Tab"] * 2, "Enter", *["Tab"] * 3, *"It passes"],
}
# Two questions of a project may not want the same single key.
KEYLESS = {"process_reward": {"enable_keyboard_navigation": False}, "multiselect": {"keyboard_shortcuts": {}}}
TRACE = [make_trace("short", 3)]
PAIR = [make_trace(f"try-{number}", 3, issue_id="x", issue_description="Fix x") for number in (1, 2)]
# What a question is about: the traces there are, and where its controls stand.
ABOUT = {"item": (TRACE, "#panel"), "step": (TRACE, "article[data-step]"), "pair": (PAIR, "#panel")}


def about(scheme) -> str:
    return "pair" if scheme.unit == "pair" else "step" if scheme.scope == "step" else "item"


def samples(what):
    """Scheme type → a question of it about steps, about the item or about two, that takes no single keys."""
    found = {}
    for kind, model in schemes.items():
        for sample in importlib.import_module(model.__module__).SAMPLES:
            scheme = model.model_validate(sample.config)
            if scheme.annotation_type == kind and about(scheme) == what and kind not in found:
                found[kind] = {**sample.config, **KEYLESS.get(kind, {}), "required": True}
    return found


def answers(page: Page):
    """What the server has."""
    page.reload()
    ready(page)
    return json.loads(page.locator("#page-state").text_content() or "")["answers"]


def screen(page: Page):
    """What a person sees of the answers."""
    return page.eval_on_selector_all(
        "[data-scheme] :is(input, select, textarea, button)",
        "all => all.map(one => [one.value, one.checked ?? null, one.getAttribute('aria-pressed')])",
    )


def tab_to(page: Page, name: str, within: str):
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches('{within} [data-scheme={name}] *')"):
            return
    raise AssertionError(f"Tab does not reach {name}")


def label_all(page: Page, asked, within: str):
    for kind, config in asked.items():
        tab_to(page, config["name"], within)
        press(page, *KEYS[kind])
    page.keyboard.press("Escape")
    saved(page)


def focus_step(page: Page, number: int):
    page.locator(f"article[data-step='{number}']").first.focus()


def test_every_scheme_is_tried():
    assert {kind for what in ABOUT for kind in samples(what)} == set(schemes.names())
    assert set(schemes.names()) <= set(KEYS), "say above how a person answers it with keys"


@pytest.mark.parametrize("what", ABOUT)
def test_by_keyboard_alone_and_in_two_tabs(label, what):
    asked, (traces, within) = samples(what), ABOUT[what]
    page = label(schemes=list(asked.values()), traces=traces, overlap=0)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    page.bring_to_front()
    focus_step(page, 1)
    label_all(page, asked, within)
    labeled = screen(page)
    expect(other.get_by_role("status")).to_have_text("All changes saved")
    wait_for(lambda: screen(other) == labeled, "the other tab shows something else")
    given = answers(page)
    assert set(given) == {config["name"] for config in asked.values()}
    assert screen(page) == labeled


@pytest.mark.parametrize("what", ABOUT)
def test_undo_and_redo_go_back_to_the_start_and_forth(label, what):
    asked, (traces, within) = samples(what), ABOUT[what]
    page = label(schemes=list(asked.values()), traces=traces, overlap=0)
    if "code_review" in asked:
        # What the run changed has controls of its own, and comes once it is seen.
        page.locator("#changes").scroll_into_view_if_needed()
        page.locator("#changes [data-scheme]").first.wait_for(state="attached")
    empty = screen(page)
    focus_step(page, 1)
    label_all(page, asked, within)
    labeled = screen(page)
    focus_step(page, 1)
    press(page, *["z"] * (len(asked) + 3))
    saved(page)
    assert screen(page) == empty
    press(page, *["Z"] * (len(asked) + 3))
    saved(page)
    assert screen(page) == labeled
