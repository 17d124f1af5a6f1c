"""How many keys an item takes, from the step that is read to the next item; no pointer."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import press, step
from tests.factory import FIRST_ERROR, PER_STEP, make_traces


@pytest.mark.parametrize(
    ("scheme", "at", "keys"),
    [
        ({**FIRST_ERROR, "confirmation_dialog": True}, 3, ["x", "Enter", "Enter"]),
        ({**FIRST_ERROR, "confirmation_dialog": True}, 4, ["a", "Enter", "Enter"]),
        (FIRST_ERROR, 3, ["x", "Enter"]),
        (PER_STEP, 0, ["1", "4", "2", "1", "3", "Enter"]),
        ({**PER_STEP, "mode": "stop_at_first_error"}, 0, ["1", "1", "3", "Enter"]),
    ],
    ids=["first-error", "all-correct", "first-error-unconfirmed", "per-step", "up-to-the-first-error"],
)
def test_an_item_takes_so_many_keys(label, scheme, at, keys):
    page = label(schemes=[scheme], traces=make_traces(2, 5))
    step(page, at).focus()
    press(page, *keys)
    expect(page.get_by_text("Item 2 of 2")).to_be_visible()
