"""The pages of exports, below /admin/."""

from django.urls import path

from exports import pages, schedule_pages

urlpatterns = [
    path("p/<slug:slug>/exports/", pages.exports, name="manage-exports"),
    path("p/<slug:slug>/exports/schedules/", schedule_pages.schedules, name="manage-schedules"),
    path("p/<slug:slug>/exports/schedules/<int:schedule_id>/", schedule_pages.schedule, name="manage-schedule"),
    path("p/<slug:slug>/exports/<int:export_id>/<path:name>", pages.export_file, name="manage-export-file"),
]
