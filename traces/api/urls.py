"""Addresses below /api/v1/."""

from django.urls import path

from traces.api import views

urlpatterns = [
    path("datasets/<int:dataset_id>", views.OneDataset.as_view(), name="api-dataset"),
    path("datasets/<int:dataset_id>/traces", views.Traces.as_view(), name="api-dataset-traces"),
    path("datasets/<int:dataset_id>/traces/<int:trace_id>", views.OneTrace.as_view(), name="api-trace"),
    path(
        "datasets/<int:dataset_id>/traces/<int:trace_id>/document",
        views.TraceDocument.as_view(),
        name="api-trace-document",
    ),
    path("datasets/<int:dataset_id>/imports", views.Imports.as_view(), name="api-imports"),
    path(
        "datasets/<int:dataset_id>/imports/<int:import_id>/cancel",
        views.CancelImport.as_view(),
        name="api-import-cancel",
    ),
    path(
        "datasets/<int:dataset_id>/imports/<int:import_id>/retry", views.RetryImport.as_view(), name="api-import-retry"
    ),
    path("datasets/<int:dataset_id>/imports/<int:import_id>", views.OneImport.as_view(), name="api-import"),
    path(
        "datasets/<int:dataset_id>/imports/<int:import_id>/files", views.ImportFiles.as_view(), name="api-import-files"
    ),
]
