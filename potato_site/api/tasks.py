"""What the API does every tick. Every command imports this module: not REST framework, which most have no use for."""

from potato_site.api.models import IdempotencyKey
from potato_site.jobs import on_tick


@on_tick
def forget_answers() -> None:
    """Answers kept for repeated calls are forgotten after a week."""
    IdempotencyKey.objects.forget()
