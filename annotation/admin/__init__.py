"""The lab manager's admin: lists, actions and pages over the domain's functions. Nothing is decided here."""

from django.contrib import admin
from django.contrib.auth.models import Group

from annotation.admin import assignments, gold, history, items, jobs, memberships, projects, submissions, traces, users

__all__ = [
    "assignments", "gold", "history", "items", "jobs", "memberships", "projects", "submissions", "traces", "users",
]  # fmt: skip

# Rights come from memberships; Django's groups would be a second truth beside them.
admin.site.unregister(Group)
