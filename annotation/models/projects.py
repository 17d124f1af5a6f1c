"""Projects, their configuration revisions, scheme meanings and people."""

from django.conf import settings
from django.db import models
from django.utils.text import slugify

from potato_site.textjson import TextJSONField, digest

GROUP_LENGTH = 64


class Project(models.Model):
    """A dataset, the questions asked of it, and the people who answer."""

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAUSED = "paused"
        CLOSED = "closed"
        # On its way out, for good: nobody finds it any more. See annotation.projects.purge.
        PURGING = "purging"

    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    dataset = models.ForeignKey("traces.Dataset", models.RESTRICT, related_name="projects")
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    revision = models.ForeignKey("Revision", models.RESTRICT, null=True, related_name="+")
    # Where the configuration file lies, relative to the home, and the last file loaded (redacted).
    source_path = models.CharField(max_length=1000, blank=True)
    source_config = TextJSONField(null=True)
    # Absolute folder of the deliverables.
    output_path = models.CharField(max_length=1000, blank=True)
    # Raised by everything that changes an export; see annotation.projects.counter.
    seq = models.BigIntegerField(default=0)
    # "<user>:<id of the request>" that made it, so that a request sent twice makes one; see annotation.projects.create.
    creation_key = models.CharField(max_length=200, null=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """What lists and menus call it: with its slug where the name does not give that, so no two are called alike."""
        return self.name if self.slug == slug_of(self.name) else f"{self.name} ({self.slug})"


def slug_of(name: str) -> str:
    """The slug of a project's name. A name without a Latin letter or digit gets one made from its digest."""
    return slugify(name)[:100].strip("-_") or f"project-{digest(name)[:8]}"


class Revision(models.Model):
    """One immutable state of a project's configuration: the whole ProjectConfig, without people."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    config = TextJSONField()
    digest = models.CharField(max_length=64)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="revision_number")]

    def __str__(self) -> str:
        return f"{self.project_id} r{self.number}"


class SchemeVersion(models.Model):
    """One meaning of a scheme (type, mode, label values, scale). Wording and colours do not make a new one."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="schemes")
    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    type = models.CharField(max_length=64)
    scope = models.CharField(max_length=8)
    unit = models.CharField(max_length=8)
    meaning = TextJSONField()
    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "annotation_scheme"
        constraints = [
            models.UniqueConstraint(fields=["project", "name", "version"], name="scheme_version"),
            models.UniqueConstraint(fields=["project", "name", "digest"], name="scheme_meaning"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Membership(models.Model):
    """What one person is in one project."""

    class Role(models.TextChoices):
        MANAGER = "manager"
        ADJUDICATOR = "adjudicator"
        ANNOTATOR = "annotator"
        VIEWER = "viewer"

    class Stage(models.TextChoices):
        PRODUCTION = "production"
        PAUSED = "paused"

    class Source(models.TextChoices):
        FILE = "file"
        ADMIN = "admin"
        LINK = "link"
        PLATFORM = "platform"

    class State(models.TextChoices):
        INVITED = "invited"
        ACTIVE = "active"
        INACTIVE = "inactive"

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.PRODUCTION)
    source = models.CharField(max_length=8, choices=Source.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    is_excluded = models.BooleanField(default=False)
    # A manager wants no screening of this person, whatever came of one.
    is_let_through = models.BooleanField(default=False, db_default=False)
    # Gets what is kept for this group (Item.group), and what is for everybody.
    group = models.CharField(max_length=GROUP_LENGTH, blank=True)
    # The queue key of the last slot taken: the next search starts behind it.
    cursor = models.CharField(max_length=64, blank=True)
    # {"items": at most this many assignments}; empty: the project's own cap
    caps = TextJSONField(default=dict)

    class Meta:
        verbose_name, verbose_name_plural = "person", "people"
        constraints = [models.UniqueConstraint(fields=["project", "user", "role"], name="one_membership_per_role")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.project_id}"


class Statistic(models.Model):
    """A computed number kept with the change counter it was computed at."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="statistics")
    kind = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    computed_at = models.DateTimeField(auto_now=True)
    payload = TextJSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "kind"], name="one_statistic_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.project_id} at {self.seq}"
