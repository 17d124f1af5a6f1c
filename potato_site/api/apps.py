from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "potato_site.api"
    label = "api"
