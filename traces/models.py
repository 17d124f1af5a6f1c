"""Datasets, traces and their immutable versions; imports; and the cache of rendered chunks."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from potato_site.textjson import TextJSONField


class Dataset(models.Model):
    """A named set of traces. Several projects may label it."""

    name = models.CharField(max_length=200)
    managers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="datasets", blank=True)
    # A folder of the server whose files are imported as they arrive, one of those the settings allow; "": none
    watched_folder = models.CharField(max_length=1000, blank=True)
    # What the tick saw in it last, and what was last imported: digests of names, sizes and times
    watched_seen = models.CharField(max_length=64, blank=True, editable=False)
    watched_done = models.CharField(max_length=64, blank=True, editable=False)
    # On its way out, with the last project that used it: nobody finds it any more. See traces.purges.
    is_going = models.BooleanField(default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Trace(models.Model):
    """One agent run, under the id its document gives. What it contains is in its versions."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="traces")
    external_id = models.CharField(max_length=255)
    issue_id = models.CharField(max_length=255, blank=True)
    # Groups attempts at one issue: issue_id, else instance_id, else a digest of repo, commit and text.
    issue_key = models.CharField(max_length=255)
    instance_id = models.CharField(max_length=255, blank=True)
    is_withdrawn = models.BooleanField(default=False)
    current = models.ForeignKey("TraceVersion", models.RESTRICT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "external_id"], name="one_trace_per_id")]
        indexes = [models.Index(fields=["dataset", "issue_key"], name="trace_issue")]

    def __str__(self) -> str:
        return self.external_id


class TraceVersion(models.Model):
    """One immutable state of a trace. Answers are given to a version."""

    trace = models.ForeignKey(Trace, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    source_sha256 = models.CharField(max_length=64, blank=True)
    converter = models.CharField(max_length=64)
    converter_version = models.CharField(max_length=32)
    n_steps = models.PositiveIntegerField()
    agent = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(max_length=100, blank=True)
    # {"title": first line of the task, "repo", "base_commit", "model", "source_file", "warnings": n}
    meta = TextJSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trace", "number"], name="version_number"),
            models.UniqueConstraint(fields=["trace", "sha256"], name="version_content"),
        ]
        # They are few, and counted for pages.
        indexes = [models.Index(fields=["trace"], condition=Q(n_steps=0), name="version_without_steps")]

    def __str__(self) -> str:
        return f"{self.trace_id} v{self.number}"


class Document(models.Model):
    """The trace document of a version: canonical JSON, zstd. Apart, so that no list can load a body by accident."""

    version = models.OneToOneField(TraceVersion, models.CASCADE, primary_key=True)
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"document of {self.version_id}"


class Rendering(models.Model):
    """How a version looks under one set of render options: its chunks and its outline. A cache."""

    version = models.ForeignKey(TraceVersion, models.CASCADE, related_name="renderings")
    options_key = models.CharField(max_length=64)
    # What made it (traces.options.RENDERER_VERSION). That of another version nobody shows any more.
    renderer = models.CharField(max_length=16, db_index=True)
    chunk_keys = TextJSONField()
    outline = TextJSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "options_key"], name="one_rendering")]

    def __str__(self) -> str:
        return f"rendering of {self.version_id}"


class Chunk(models.Model):
    """25 rendered steps, gzip-compressed HTML, named by what they were made from. A cache."""

    key = models.CharField(max_length=64, primary_key=True)
    renderer = models.CharField(max_length=16, db_index=True)
    body = models.BinaryField()

    def __str__(self) -> str:
        return self.key[:12]


class Import(models.Model):
    """One import into a dataset, run as a job."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="imports")
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    # Of all its files together, of which there may be a hundred thousand: kept by what writes their rows.
    counts = TextJSONField(default=dict, db_default={})
    # The name of the first
    file = models.CharField(max_length=1000, blank=True, default="", db_default="")

    # Whether the call that returned this row made it, or found one of the same content. No column.
    is_new = False

    def __str__(self) -> str:
        return f"import {self.pk} into {self.dataset_id}"


class ImportFile(models.Model):
    """One file of an import: what became of its records."""

    batch = models.ForeignKey(Import, models.CASCADE, related_name="files")
    file = models.CharField(max_length=1000)
    sha256 = models.CharField(max_length=64, blank=True)
    # The converter that read it; "" before, and where none did
    format = models.CharField(max_length=64, blank=True)
    # {"new", "changed", "unchanged", "problems", "warnings"}
    counts = TextJSONField(default=dict)
    # The first problems, [{"file", "line", "field", "message", "severity"}]; counts has the true number
    problems = TextJSONField(default=list)

    def __str__(self) -> str:
        return self.file
