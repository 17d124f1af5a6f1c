from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OperationsConfig(AppConfig):
    name = "potato_site.operations"
    label = "operations"

    def ready(self) -> None:
        from potato_site import checks  # noqa: F401  registers itself

        # Each app's modules of these names say what is watched, checked, audited, carried in a backup, and purged.
        autodiscover_modules("metrics", "checks", "audits", "carried", "purges", "forgets")
