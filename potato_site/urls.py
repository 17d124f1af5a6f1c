"""Every address of the site. Apps are included by name, so that this module imports none of them."""

from django.contrib import admin
from django.urls import include, path

from potato_site import health, metrics

handler500 = "potato_site.request_ids.server_error"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("potato_site.accounts.urls")),
    path("", include("annotation.urls")),
    path("admin/", include("annotation.admin.urls")),
    path("admin/", include("exports.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("potato_site.api.urls")),
]
