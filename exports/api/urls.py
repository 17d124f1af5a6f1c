"""The addresses of this app below /api/v1/."""

from django.urls import path

from exports.api import views

urlpatterns = [
    path("projects/<slug:slug>/exports", views.Exports.as_view(), name="api-exports"),
    path("projects/<slug:slug>/exports/requests/<int:job_id>", views.OneRequest.as_view(), name="api-export-request"),
    path("projects/<slug:slug>/exports/<int:export_id>", views.OneExport.as_view(), name="api-export"),
    path(
        "projects/<slug:slug>/exports/<int:export_id>/files/<path:name>",
        views.ExportFile.as_view(),
        name="api-export-file",
    ),
]
