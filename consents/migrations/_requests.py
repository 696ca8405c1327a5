"""Operations that make the tables of the privacy desk."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids

REQUESTS = [
    migrations.CreateModel(
        name="ErasureMark",
        fields=[
            ("mark", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ("at", models.DateTimeField()),
        ],
    ),
    migrations.CreateModel(
        name="PrivacyRequest",
        fields=[
            ("id", models.UUIDField(default=common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("access", "Access: what do you hold about me?"),
                        ("portability", "Portability: my data as files"),
                        ("erasure", "Erasure: delete what you hold"),
                        ("rectification", "Rectification: correct what you hold"),
                        ("restriction", "Restriction: keep it, and do not use it"),
                        ("objection", "Objection or opt-out: stop using it"),
                    ],
                    max_length=13,
                ),
            ),
            ("regime", models.CharField(choices=[("gdpr", "GDPR"), ("ccpa", "CCPA")], default="gdpr", max_length=4)),
            (
                "status",
                models.CharField(
                    choices=[
                        ("identity_check", "Identity check"),
                        ("open", "Open"),
                        ("in_progress", "In progress"),
                        ("completed", "Completed"),
                        ("no_data", "No data"),
                        ("refused", "Refused"),
                    ],
                    default="identity_check",
                    max_length=14,
                ),
            ),
            ("received_at", models.DateTimeField()),
            ("due_on", models.DateField()),
            ("acknowledge_by", models.DateField(null=True)),
            ("acknowledged_at", models.DateTimeField(null=True)),
            ("extended_at", models.DateTimeField(null=True)),
            ("opened_by", models.TextField(help_text="The key or the member of staff who brought it in.")),
            ("subject_mark", models.CharField(max_length=64)),
            ("sealed_content", models.BinaryField(null=True)),
            ("token_hash", models.CharField(blank=True, default="", max_length=64)),
            ("token_expires_at", models.DateTimeField(null=True)),
            (
                "identity_method",
                models.CharField(
                    blank=True,
                    choices=[
                        ("link", "One-time link to a contact that the shop knew"),
                        ("login", "Login at the shop (user_hash)"),
                        ("device", "The browser's own secret id"),
                        ("staff", "Checked by staff"),
                    ],
                    default="",
                    max_length=6,
                ),
            ),
            ("identity_at", models.DateTimeField(null=True)),
            ("searched_at", models.DateTimeField(null=True)),
            ("attempts", models.PositiveIntegerField(default=0)),
            ("next_attempt_at", models.DateTimeField(null=True)),
            ("closed_at", models.DateTimeField(null=True)),
            ("receipt", models.JSONField(null=True)),
            ("receipt_sha256", models.CharField(blank=True, default="", max_length=64)),
        ],
        options={
            "ordering": ["due_on", "id"],
            "permissions": [("fulfil_privacyrequest", "Can search, export, erase and answer for a shopper")],
            "indexes": [
                models.Index(fields=["due_on", "id"], name="consents_request_due"),
                models.Index(fields=["subject_mark"], name="consents_request_subject"),
                models.Index(
                    condition=models.Q(("next_attempt_at__isnull", False)),
                    fields=["next_attempt_at"],
                    name="consents_request_attempt",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="StoreStep",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("store", models.CharField(max_length=60)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("pending", "Pending"),
                        ("erased", "Erased, not verified"),
                        ("verified", "Verified: nothing left"),
                        ("failed", "Failed"),
                    ],
                    default="pending",
                    max_length=8,
                ),
            ),
            ("holdings", models.JSONField(default=list)),
            ("erased", models.PositiveBigIntegerField(default=0)),
            ("remaining", models.PositiveBigIntegerField(null=True)),
            ("error", models.TextField(blank=True, default="")),
            ("at", models.DateTimeField(null=True)),
            (
                "request",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="consents.privacyrequest"
                ),
            ),
        ],
        options={
            "ordering": ["id"],
            "constraints": [models.UniqueConstraint(fields=("request", "store"), name="consents_storestep_once")],
        },
    ),
]
