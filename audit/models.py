"""Tables of the audit log.

`audit_event`, `audit_leaf` and `audit_checkpoint` are unmanaged: the migration makes them with triggers that refuse
every UPDATE, DELETE and TRUNCATE, so a test flush must leave them alone.
"""

from typing import ClassVar

from django.db import models


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

    class Meta:
        managed = False
        db_table = "audit_event"
        verbose_name = "audit event"
        ordering: ClassVar[list[str]] = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.object}"


class AuditLeaf(models.Model):
    """The position of an event in the tree: contiguous from 0."""

    idx = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    hash = models.BinaryField(max_length=32)

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

    class Meta:
        managed = False
        db_table = "audit_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class AuditPending(models.Model):
    """Outbox: events without a leaf yet."""

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

    class Meta:
        db_table = "audit_detail"

    def __str__(self) -> str:
        return f"detail of {self.event_id}"
