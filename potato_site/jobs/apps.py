from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "potato_site.jobs"
    label = "jobs"

    def ready(self) -> None:
        # Job handlers and tick functions register themselves in each app's tasks.py.
        autodiscover_modules("tasks")
