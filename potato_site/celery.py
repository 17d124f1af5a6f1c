"""The Celery application. Jobs are rows in the database; a task only says which row to look at."""

import os

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "potato_site.settings")

app = Celery("potato_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def leave_unanswered_messages(**_: object) -> None:
    """A worker that loses Redis in the middle of a job would put its message back, over the connection that is gone,
    and end of that (kombu 5.7). Nothing needs the message: the tick tells a worker of the row again."""
    from kombu.transport.redis import QoS

    QoS.restore_at_shutdown = False
