"""Items, the slots that bound how often each is labeled, and the assignments that fill them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from annotation.models.projects import GROUP_LENGTH, Project
from annotation.models.querysets import AssignmentQuerySet, ItemQuerySet
from potato_site.textjson import TextJSONField


class Item(models.Model):
    """The unit handed out: one trace, or two traces of the same issue. Pinned to trace versions."""

    class Kind(models.TextChoices):
        TRACE = "trace"
        PAIR = "pair"

    project = models.ForeignKey(Project, models.CASCADE, related_name="items")
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.TRACE)
    trace_a = models.ForeignKey("traces.Trace", models.RESTRICT, related_name="+")
    trace_b = models.ForeignKey("traces.Trace", models.RESTRICT, null=True, related_name="+")
    a = models.ForeignKey("traces.TraceVersion", models.RESTRICT, related_name="+")
    b = models.ForeignKey("traces.TraceVersion", models.RESTRICT, null=True, related_name="+")
    position = models.PositiveIntegerField()
    priority = models.IntegerField(default=0)
    stratum = models.CharField(max_length=200)
    in_overlap = models.BooleanField(default=False)
    is_withdrawn = models.BooleanField(default=False)
    # Everybody labels it before anything else, and no label is made of that.
    in_calibration = models.BooleanField(default=False, db_default=False)
    # Handed out only to annotators of this group (Membership.group); empty: to everybody.
    group = models.CharField(max_length=GROUP_LENGTH, blank=True, db_default="")
    # The project's change counter when what counts of it last changed by anything but a submission (which has its own):
    # one was invalidated, its trace was withdrawn or restored, somebody was left out. See annotation.projects.counter.
    changed_seq = models.BigIntegerField(default=0)

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "trace_a"], condition=Q(trace_b=None), name="one_item_per_trace"
            ),
            models.UniqueConstraint(
                fields=["project", "trace_a", "trace_b"], condition=~Q(trace_b=None), name="one_item_per_pair"
            ),
            models.CheckConstraint(
                condition=Q(trace_b=None) | Q(trace_a__lt=F("trace_b")), name="pair_has_smaller_id_first"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "position"], name="item_position"),
            models.Index(fields=["project", "priority", "position"], name="item_priority"),
            models.Index(fields=["project", "changed_seq"], name="item_changed"),
            models.Index(fields=["project", "group"], name="item_group"),
            models.Index(fields=["project", "position"], condition=Q(in_calibration=True), name="item_calibration"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk} of {self.project_id}"

    @property
    def names(self) -> list[str]:
        """The ids of its traces: one, or the two of a pair."""
        return [trace.external_id for trace in (self.trace_a, self.trace_b) if trace is not None]

    @property
    def is_gone(self) -> bool:
        """Handed out to nobody: withdrawn itself, or a trace of it (ItemQuerySet.withdrawn)."""
        return self.is_withdrawn or any(one is not None and one.is_withdrawn for one in (self.trace_a, self.trace_b))

    @property
    def called(self) -> str:
        """What it is called in lists and messages."""
        return " and ".join(self.names)

    @property
    def title(self) -> str:
        """What its (first) trace is about, where it says; else what it is called."""
        title = str(self.a.meta.get("title") or "")
        if not title:
            return self.called
        return f"{title} (two attempts)" if self.kind == self.Kind.PAIR else title


class Assignment(models.Model):
    """One item given to one person: leased, then submitted, skipped or expired."""

    class State(models.TextChoices):
        RESERVED = "reserved"
        OPEN = "open"
        SUBMITTED = "submitted"
        REOPENED = "reopened"
        SKIPPED = "skipped"
        RELEASED = "released"
        EXPIRED = "expired"
        VOID = "void"

    class Purpose(models.TextChoices):
        PRODUCTION = "production"
        CALIBRATION = "calibration"
        SCREENING = "screening"
        GOLD = "gold", "Check by a known answer"
        ADJUDICATION = "adjudication"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    item = models.ForeignKey(Item, models.CASCADE, related_name="assignments")
    project = models.ForeignKey(Project, models.CASCADE, related_name="assignments")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.RESTRICT, related_name="assignments")
    purpose = models.CharField(max_length=12, choices=Purpose.choices, default=Purpose.PRODUCTION)
    state = models.CharField(max_length=10, choices=State.choices)
    revision = models.ForeignKey("Revision", models.RESTRICT, null=True, related_name="+")
    # Number of operations applied, and the digest over all of them (each event hashes the one before).
    version = models.PositiveIntegerField(default=0)
    head = models.CharField(max_length=64, blank=True)
    # Pairs only: the second trace stands on the left.
    swapped = models.BooleanField(default=False)
    opened_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    # The try that it is part of, where it is for screening. Its index is a partial one.
    screening = models.ForeignKey(
        "Screening", models.RESTRICT, null=True, db_index=False, related_name="assignments", editable=False
    )
    # The flags of the current submission, kept here by states.py: a list of the flagged, the latest first, is then one
    # index read from its end, however many there are.
    is_too_fast = models.BooleanField(default=False, db_default=False)
    is_surplus = models.BooleanField(default=False, db_default=False)
    # By a manager, out of the person's hands: a page that is still open saves nothing.
    is_taken_back = models.BooleanField(default=False, db_default=False)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "annotator"], name="no_annotator_twice_on_an_item"),
            models.UniqueConstraint(
                fields=["project", "annotator"], condition=Q(state="open"), name="one_open_assignment"
            ),
            models.UniqueConstraint(
                fields=["project", "annotator"], condition=Q(state="reserved"), name="one_reserved_assignment"
            ),
            models.UniqueConstraint(
                fields=["item"],
                condition=Q(purpose="adjudication", state__in=["open", "submitted", "reopened"]),
                name="one_adjudication_of_an_item",
            ),
        ]
        indexes = [
            # Only assignments somebody holds have a lease. (A condition on the state would be no use to SQLite.)
            models.Index(fields=["lease_until"], condition=Q(lease_until__isnull=False), name="assignment_lease"),
            models.Index(fields=["project", "annotator", "state"], name="assignment_of_person"),
            # The lists of the admin: a project's latest, and its latest in one state.
            models.Index(fields=["project", "id"], name="assignment_latest"),
            models.Index(fields=["project", "state", "id"], name="assignment_in_state"),
            models.Index(fields=["project", "id"], condition=Q(is_too_fast=True), name="assignment_too_fast"),
            models.Index(fields=["project", "id"], condition=Q(is_surplus=True), name="assignment_surplus"),
            models.Index(
                fields=["project", "state"], condition=Q(purpose="adjudication"), name="assignment_adjudicates"
            ),
            models.Index(fields=["project", "state"], condition=Q(purpose="calibration"), name="assignment_calibrates"),
            models.Index(fields=["project", "state"], condition=Q(purpose="screening"), name="assignment_screens"),
            models.Index(fields=["screening"], condition=Q(screening__isnull=False), name="assignment_of_screening"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.state})"

    @property
    def is_adjudication(self) -> bool:
        """It decides between the labels of others, and is none itself."""
        return self.purpose == self.Purpose.ADJUDICATION

    def purpose_told(self, *, manages: bool) -> str:
        """What it is for, as far as it may be told: who looks into the project without managing it may label in it,
        too, and is not to know which items check people."""
        return self.Purpose.PRODUCTION if self.purpose == self.Purpose.GOLD and not manages else self.purpose

    @property
    def is_calibration(self) -> bool:
        """Done to be talked over, and no label."""
        return self.purpose == self.Purpose.CALIBRATION

    @property
    def is_screening(self) -> bool:
        """Done to be let in, and no label."""
        return self.purpose == self.Purpose.SCREENING


class Slot(models.Model):
    """One place for a label on an item. An item has as many slots as it shall have annotators."""

    class Purpose(models.TextChoices):
        PLANNED = "planned"
        ADAPTIVE = "adaptive"

    item = models.ForeignKey(Item, models.CASCADE, related_name="slots")
    project = models.ForeignKey(Project, models.CASCADE, related_name="slots")
    number = models.PositiveSmallIntegerField()
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.PLANNED)
    queue_key = models.CharField(max_length=64)
    assignment = models.OneToOneField(Assignment, models.SET_NULL, null=True, related_name="slot")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "number"], name="slot_number")]
        indexes = [
            models.Index(fields=["project", "queue_key", "id"], condition=Q(assignment=None), name="slot_free"),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} of item {self.item_id}"


class Presence(models.Model):
    """Counted reading time, apart so that signals do not rewrite the assignment."""

    assignment = models.OneToOneField(Assignment, models.CASCADE, primary_key=True)
    active_ms = models.PositiveIntegerField(default=0)
    last_seen_at = models.DateTimeField()
    seq = models.PositiveIntegerField(default=0)
    # {"12": milliseconds at least half visible}
    steps = TextJSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.active_ms} ms on {self.assignment_id}"


class Gold(models.Model):
    """A known answer. In a table of its own, so that no page of an annotator can load it by accident."""

    class Use(models.TextChoices):
        CALIBRATION = "calibration"
        HIDDEN = "hidden"

    item = models.ForeignKey(Item, models.CASCADE, related_name="gold")
    scheme = models.ForeignKey("SchemeVersion", models.RESTRICT, related_name="+")
    value = TextJSONField()
    # Whose answer it was, where it was somebody's: they are not compared with themselves.
    taken_from = models.ForeignKey(Assignment, models.SET_NULL, null=True, related_name="+")
    rationale = models.TextField(blank=True)
    use = models.CharField(max_length=12, choices=Use.choices)

    class Meta:
        verbose_name = "known answer"
        constraints = [models.UniqueConstraint(fields=["item", "scheme"], name="one_gold_per_scheme")]

    def __str__(self) -> str:
        return f"gold for item {self.item_id}"
