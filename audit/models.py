"""Tables of the audit log.

`audit_event`, `audit_leaf` and `audit_checkpoint` are unmanaged: the migration makes them with triggers that refuse
every UPDATE, DELETE and TRUNCATE, so a test flush must leave them alone.
"""

from typing import ClassVar

from django.db import models

from common.personal_data import PersonalFields, staff_fields


class AuditEvent(models.Model):
    """One audit event. `body` is the canonical JSON (RFC 8785); the other columns only serve searches."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    category = models.TextField()
    action = models.TextField()
    actor = models.TextField()
    object = models.TextField()
    subject = models.TextField(null=True)
    body = models.BinaryField()
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("subject", "body"), "actions", ("accountability",), "audit_log", "audit"),
        staff_fields("actor", retention="audit_log"),
    )

    class Meta:
        managed = False
        db_table = "audit_event"
        verbose_name = "audit event"
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        permissions: ClassVar = [("export_auditevent", "Can export the audit log")]

    def __str__(self) -> str:
        return f"{self.action} {self.object}"


class AuditLeaf(models.Model):
    """The position of an event in the tree: contiguous from 0."""

    idx = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    at = models.DateTimeField()
    hash = models.BinaryField(max_length=32)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "hash": "a hash of canonical bytes",
    }

    class Meta:
        managed = False
        db_table = "audit_leaf"

    def __str__(self) -> str:
        return f"{self.idx} {self.event_id}"


class AuditCheckpoint(models.Model):
    """A signed root of the tree at a size."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField()
    note = models.TextField()
    impersonal_fields: ClassVar[dict[str, str]] = {
        "root": "a hash",
        "frontier": "hashes",
    }

    class Meta:
        managed = False
        db_table = "audit_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class AuditPending(models.Model):
    """Outbox: events without a leaf yet. Triggers write it; the function `audit_append` empties it into the tree."""

    seq = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_pending"

    def __str__(self) -> str:
        return f"{self.seq} {self.event_id}"


class SubjectKey(models.Model):
    """The keys of one subject, sealed by the master key. Destroying the row makes the subject's details unreadable."""

    lookup = models.BinaryField(max_length=32, primary_key=True)
    pseudonym_key = models.BinaryField()
    data_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("lookup", "pseudonym_key", "data_key"),
            "identifiers",
            ("accountability", "service"),
            "audit_log",
            "audit",
        ),
    )

    class Meta:
        db_table = "audit_subject_key"

    def __str__(self) -> str:
        return bytes(self.lookup).hex()[:12]


class AuditDetail(models.Model):
    """Identifying data, encrypted under the subject's data key: the only part of the log that can be deleted."""

    event_id = models.UUIDField(primary_key=True)
    key_lookup = models.BinaryField(max_length=32, db_index=True)
    nonce = models.BinaryField(max_length=12)
    ciphertext = models.BinaryField()
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("key_lookup", "ciphertext"), "contact", ("accountability",), "audit_log", "audit"),
    )
    impersonal_fields: ClassVar[dict[str, str]] = {
        "nonce": "random",
    }

    class Meta:
        db_table = "audit_detail"

    def __str__(self) -> str:
        return f"detail of {self.event_id}"


class AuditDestruction(models.Model):
    """The keys and details of one subject were destroyed. The event about it names this row, which names nobody."""

    at = models.DateTimeField()

    class Meta:
        db_table = "audit_destruction"
        managed = False

    def __str__(self) -> str:
        return f"{self.pk} at {self.at}"


class AuditPublication(models.Model):
    """Up to which checkpoint a place has the log; what went wrong at the last try."""

    place = models.TextField(primary_key=True)
    size = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)
    problem = models.TextField(default="", blank=True)

    class Meta:
        db_table = "audit_publication"

    def __str__(self) -> str:
        return f"{self.size} at {self.place}"

    @property
    def kind(self) -> str:
        """What the place is, in words."""
        return "web address" if self.place.startswith(("http://", "https://")) else "folder on the server"


class AuditVerification(models.Model):
    """One comparison of the stored rows with the signed tree."""

    at = models.DateTimeField()
    size = models.BigIntegerField()
    problems = models.JSONField(default=list, blank=True)
    seconds = models.FloatField(default=0)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "problems": "positions in the log",
    }

    class Meta:
        db_table = "audit_verification"

    def __str__(self) -> str:
        return f"{self.size} at {self.at}"


class ExportState(models.TextChoices):
    """What became of an export."""

    QUEUED = "queued", "waits for a worker"
    RUNNING = "running", "is being written"
    DONE = "done", "is ready"
    FAILED = "failed", "failed"


class ExportFormat(models.TextChoices):
    """How the events of an export are written."""

    JSONL = "jsonl", "JSON lines"
    CSV = "csv", "CSV"
    OCSF = "ocsf", "OCSF (JSON lines)"


class AuditExport(models.Model):
    """One export: its filter and, once written, its file. `filter` holds what the manifest declares."""

    id = models.UUIDField(primary_key=True)
    actor = models.TextField()
    format = models.CharField(max_length=8, choices=ExportFormat)
    filter = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.QUEUED)
    created_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    starts = models.IntegerField(default=0)
    first = models.BigIntegerField(null=True)
    end = models.BigIntegerField(null=True)
    position = models.BigIntegerField(null=True)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    message = models.TextField(default="", blank=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("actor", "filter", retention="audit_log"),)

    class Meta:
        db_table = "audit_export"
        verbose_name = "audit export"
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.get_format_display()} of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def range_label(self) -> str:
        """The times of the events that were asked for, in UTC."""
        since, until = (self.filter.get(name, "")[:16].replace("T", " ") for name in ("since", "until"))
        if not since and not until:
            return "all times"
        return " ".join([*(("from", since) if since else ()), *(("until", until) if until else ())])

    @property
    def percent(self) -> int:
        """The share that is written."""
        if self.first is None or self.end is None or self.position is None:
            return 0
        return 100 * (self.position - self.first) // max(1, self.end - self.first)

    @property
    def last(self) -> int | None:
        """The position of the last event."""
        return None if self.end is None else self.end - 1
