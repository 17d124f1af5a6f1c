"""The pages of a project in the admin. Lists come from the registered ModelAdmins."""

from django.urls import path

from annotation.admin import (
    acts,
    adjudicate,
    answers,
    attempts,
    calibration,
    known,
    new_project,
    overview,
    people,
    preview,
    setup,
    state,
    upload,
)

urlpatterns = [
    path("p/<slug:slug>/", overview.overview, name="manage-overview"),
    path("p/<slug:slug>/quality/", overview.quality, name="manage-quality"),
    path("p/<slug:slug>/count/", overview.count, name="manage-count"),
    path("p/<slug:slug>/people/", people.people, name="manage-people"),
    path("p/<slug:slug>/people/invite/", people.invite, name="manage-people-invite"),
    path("p/<slug:slug>/people/link/", people.open_link, name="manage-people-link"),
    path("p/<slug:slug>/people/links.csv", people.links_file, name="manage-people-links"),
    path("p/<slug:slug>/people/<int:membership_id>/", people.person, name="manage-person"),
    path("p/<slug:slug>/people/links/<int:invitation_id>/", people.invitation, name="manage-invitation"),
    path("p/<slug:slug>/setup/", setup.setup, name="manage-setup"),
    path("p/<slug:slug>/config.yaml", setup.config_file, name="manage-config-file"),
    path("new/", new_project.new, name="manage-new"),
    path("p/<slug:slug>/traces/", upload.upload, name="manage-upload"),
    path("p/<slug:slug>/traces/watch/", upload.watch, name="manage-watch"),
    path("p/<slug:slug>/traces/<int:import_id>/cancel/", upload.cancel, name="manage-import-cancel"),
    path("p/<slug:slug>/traces/<int:import_id>/retry/", upload.retry, name="manage-import-retry"),
    path("p/<slug:slug>/preview/", preview.preview, name="manage-preview"),
    path(
        "p/<slug:slug>/preview/<int:version_id>/<int:number>-<slug:key>",
        preview.preview_chunk,
        name="manage-preview-chunk",
    ),
    path(
        "p/<slug:slug>/preview/<int:version_id>/changes/<slug:digest>",
        preview.preview_changes,
        name="manage-preview-changes",
    ),
    path(
        "p/<slug:slug>/preview/<int:version_id>/search",
        preview.preview_search,
        name="manage-preview-search",
    ),
    path("p/<slug:slug>/items/<int:item_id>/", answers.item, name="manage-item"),
    path("p/<slug:slug>/known/keep/<int:submission_id>/", known.keep, name="manage-known-keep"),
    path("p/<slug:slug>/known/forget/<int:gold_id>/", known.forget, name="manage-known-forget"),
    path("p/<slug:slug>/quality/attempts/", attempts.attempts, name="manage-attempts"),
    path("p/<slug:slug>/quality/calibration/", calibration.calibration, name="manage-calibration"),
    path("p/<slug:slug>/adjudicate/", adjudicate.adjudicate, name="manage-adjudicate"),
    path("p/<slug:slug>/adjudicate/<int:item_id>/", adjudicate.adjudicate_item, name="manage-adjudicate-item"),
    path("p/<slug:slug>/state/", state.change, name="manage-state"),
    path("acts/<int:job_id>/", acts.act, name="manage-act"),
]
