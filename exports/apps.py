from importlib import import_module

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"

    def ready(self) -> None:
        # Their names are known wherever a configuration is read.
        import_module("exports.formats")
