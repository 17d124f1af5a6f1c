from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "potato_site.accounts"
    label = "accounts"
