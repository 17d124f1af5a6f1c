"""What the API does every tick."""

from potato_site.api import idempotency
from potato_site.jobs import on_tick


@on_tick
def forget_answers() -> None:
    """Answers kept for repeated calls are forgotten after a week."""
    idempotency.forget()
