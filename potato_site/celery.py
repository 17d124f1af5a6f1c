"""The Celery application. Jobs are rows in the database; a task only says which row to look at."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "potato_site.settings")

app = Celery("potato_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
