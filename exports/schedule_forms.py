"""The form of an export schedule, new or changed: what is exported as for a single export, then when and where."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from exports import destinations
from exports.forms import GROUPS, ExportForm, shown_value
from exports.models import ExportSchedule
from exports.options import Options, as_json, changed, options_of
from exports.requests import CannotExport, checked
from exports.schedules import WrongTimes, next_run
from potato_site.number_fields import WholeNumberField

FIELDS = ("format", "cron", "timezone", "every_n", "destination", "keep_last")
CRON_HELP = "Minute, hour, day of the month, month, day of the week: 0 6 * * 1 is Mondays at six."
# What most people want, to choose from.
USUAL_TIMES = (
    ("0 * * * *", "every hour"),
    ("0 6 * * *", "every day at six"),
    ("0 6 * * 1-5", "Monday to Friday at six"),
    ("0 6 * * 1", "Mondays at six"),
    ("0 6 1 * *", "the first of each month at six"),
)


class ScheduleForm(ExportForm):
    """``save`` makes the schedule, or changes the one that was given. ``has_own_zone``: the person has chosen a time
    zone; else the browser's is filled in."""

    cron = forms.CharField(
        label="At these times", max_length=100, required=False, help_text=CRON_HELP,
        widget=forms.TextInput(attrs={"list": "usual-times", "autocomplete": "off"}),
    )  # fmt: skip
    timezone = forms.CharField(
        label="Time zone", max_length=64, initial=timezone.get_current_timezone_name, required=False,
        help_text="Such as Europe/Berlin.",
    )  # fmt: skip
    every_n = WholeNumberField(
        label="Or after so many new submissions", min_value=1, max_value=1_000_000, required=False
    )
    keep_last = WholeNumberField(
        label="Keep the last", min_value=1, max_value=10_000, initial=10, required=False,
        help_text="Older ones of this schedule are removed. Empty: all are kept.",
    )  # fmt: skip
    destination = forms.ChoiceField(label="Copy to", required=False)

    usual_times = USUAL_TIMES

    def __init__(
        self, project: Any, data: Any = None, schedule: ExportSchedule | None = None, *, has_own_zone: bool = False
    ) -> None:
        super().__init__(project, data, initial=_shown(schedule) if schedule else None)
        self.project, self.schedule = project, schedule
        if data is None and schedule is None and not has_own_zone:
            self.fields["timezone"].widget.attrs["data-browser-zone"] = True
        named = [("", "Nowhere: the project's own folder"), *((name, name) for name in destinations.known())]
        self.fields["destination"].choices = named  # type: ignore[attr-defined]

    @property
    def is_unfolded(self) -> bool:
        """Also where the schedule has options that are not the recommended ones."""
        own = {name for name, _ in changed(self.schedule.options)} if self.schedule else set()
        return super().is_unfolded or any(name in own for _, names in GROUPS for name in names)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        if bool(cleaned.get("cron")) == bool(cleaned.get("every_n")):
            self.add_error("cron", "Give times, or a number of submissions, and not both.")
        elif cleaned.get("cron"):
            try:
                next_run(cleaned["cron"], cleaned.get("timezone") or "UTC", timezone.now())
            except WrongTimes as error:
                self.add_error("timezone" if "time zone" in str(error) else "cron", str(error))
        if not self.errors:
            self._check_export(cleaned)
        return cleaned

    def _check_export(self, cleaned: dict[str, Any]) -> None:
        try:
            checked(self.project, cleaned["format"], self.options())
        except CannotExport as error:
            self.add_error(None, str(error))

    def save(self, user: Any) -> ExportSchedule:
        """A schedule that is changed stays with who made it; how many submissions it has counted stays as well."""
        given = self.cleaned_data
        zone = given["timezone"] or "UTC"
        values = {
            **{name: given[name] for name in FIELDS},
            "timezone": zone,
            "options": as_json(options_of(self.options())),
        }
        if self.schedule is None:
            next_at = next_run(given["cron"], zone, timezone.now()) if given["cron"] else None
            return ExportSchedule.objects.create(
                project=self.project, last_seq=self.project.seq, made_by=user, next_run_at=next_at, **values
            )
        was = (self.schedule.cron, self.schedule.timezone)
        if was != (given["cron"], zone):
            # Times that stay keep their next run: it may be due this moment.
            values["next_run_at"] = next_run(given["cron"], zone, timezone.now()) if given["cron"] else None
        for name, value in values.items():
            setattr(self.schedule, name, value)
        ExportSchedule.objects.filter(pk=self.schedule.pk).update(**values)
        return self.schedule


def _shown(schedule: ExportSchedule) -> dict[str, Any]:
    """What a schedule has, by field."""
    options = options_of(schedule.options)
    own = {name: getattr(schedule, name) for name in FIELDS}
    return {**{name: shown_value(name, getattr(options, name)) for name in Options.model_fields}, **own}
