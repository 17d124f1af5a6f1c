"""The admin's wiring: which site the apps register their lists with."""

from django.contrib.admin.apps import AdminConfig


class ManagersAdmin(AdminConfig):
    default_site = "annotation.site.ManagersSite"
