"""Every address of the REST API. Apps are included by name; the last row answers for what does not exist."""

from django.urls import include, path, re_path

from potato_site.api import pages_about

urlpatterns: list = [
    path("schema/", pages_about.schema, name="api-schema"),
    path("docs/", pages_about.docs, name="api-docs"),
    path("v1/", include("annotation.api.urls")),
    path("v1/", include("traces.api.urls")),
    path("v1/", include("exports.api.urls")),
    # Stays last.
    re_path(r"^(?P<unknown>[\s\S]*)\Z", pages_about.Unknown.as_view(), name="api-unknown"),
]
