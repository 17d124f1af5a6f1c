"""The dialog that leads away from an item without submitting it: it is skipped, or a reopened one is left as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class WayOut:
    """Its words: of the button that opens it, of the list of keys, of the dialog; while the server is asked; and what
    did not happen where it cannot be reached."""

    opens: str
    key: str
    title: str
    says: str
    button: str
    busy: str
    failed: str
    # The reasons it offers; a digit chooses one.
    reasons: tuple[str, ...] = ()


SKIP = WayOut(
    opens="Skip…",
    key="Skip the item",
    title="Skip this item",
    says="Somebody else gets it. It does not come back to you; what you answered is kept.",
    button="Skip item",
    busy="Skipping…",
    failed="nothing was skipped",
    reasons=("The trace is broken or incomplete", "I cannot judge it", "It is too long"),
)
GIVE_UP = replace(SKIP, says="It goes back to what there is to decide. What you answered is kept.")
PREVIEW = replace(SKIP, says="This is the preview: nothing is skipped.")
LEAVE = WayOut(
    opens="Leave it as it was…",
    key="Leave the item as it was",
    title="Leave it as it was",
    says="What you submitted before counts. What you changed since is taken back.",
    button="Leave it as it was",
    busy="Leaving it as it was…",
    failed="nothing was changed",
)
