"""The tables of consent, and the triggers that deny changes of proofs, purposes and texts."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.functions.text
from django.db import migrations, models

import common.ids
from consents.migrations._requests import REQUESTS

# Proofs are append-only for everyone. Only erasure may replace the raw id, and the texts of a sender, which may hold names.
TRIGGERS = """
CREATE FUNCTION consents_consentevent_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('vitrine.erasing', true) = 'on' AND NEW.raw_id LIKE 'erased:%' THEN
    OLD.raw_id := NEW.raw_id;
    OLD.source := '';
    IF NEW.message_id LIKE 'erased:%' THEN
      OLD.message_id := NEW.message_id;
    END IF;
    IF OLD IS NOT DISTINCT FROM NEW THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'consents_consentevent is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER consents_consentevent_append_only BEFORE UPDATE OR DELETE ON consents_consentevent
  FOR EACH ROW EXECUTE FUNCTION consents_consentevent_deny();

CREATE FUNCTION consents_purpose_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is never changed: write its next version', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER consents_purpose_immutable BEFORE UPDATE OR DELETE ON consents_purpose
  FOR EACH ROW EXECUTE FUNCTION consents_purpose_deny();
CREATE TRIGGER consents_policytext_immutable BEFORE UPDATE OR DELETE ON consents_policytext
  FOR EACH ROW EXECUTE FUNCTION consents_purpose_deny();
"""

UNDO = """
DROP TRIGGER consents_consentevent_append_only ON consents_consentevent;
DROP TRIGGER consents_purpose_immutable ON consents_purpose;
DROP TRIGGER consents_policytext_immutable ON consents_policytext;
DROP FUNCTION consents_consentevent_deny();
DROP FUNCTION consents_purpose_deny();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="RegionRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "region",
                    models.CharField(
                        help_text="A country (DE), a part of one (US-CA), or * for all others.",
                        max_length=6,
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^(\\*|[A-Z]{2}(-[A-Z0-9]{1,3})?)$")],
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("opt_in", "Opt in: nothing before a yes"), ("opt_out", "Opt out: until a no")],
                        max_length=7,
                    ),
                ),
            ],
            options={
                "ordering": ["region"],
            },
        ),
        migrations.CreateModel(
            name="ConsentKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="As the tool writes it, in any case: C0005, Statistics.", max_length=100
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        blank=True,
                        help_text="None: the key decides nothing, and nobody is warned of it.",
                        max_length=40,
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("key"),
                        name="consents_consentkey_once",
                        violation_error_message="This key has a row already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                ("id", models.UUIDField(default=common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("raw_id", models.TextField()),
                ("purpose", models.CharField(max_length=40)),
                ("purpose_version", models.PositiveIntegerField(null=True)),
                ("given", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("message_id", models.TextField()),
                ("source", models.TextField(blank=True)),
                ("policy_version", models.TextField(blank=True)),
                ("policy_sha256", models.CharField(blank=True, max_length=64)),
                ("region", models.CharField(blank=True, max_length=6)),
            ],
            options={
                "verbose_name": "consent proof",
                "verbose_name_plural": "consent proof",
                "ordering": ["-at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("raw_id", "purpose", "message_id"), name="consents_consentevent_once"
                    )
                ],
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="consents_consentevent_at"),
                    models.Index(fields=["message_id"], name="consents_consentevent_message"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ConsentState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("raw_id", models.TextField()),
                ("purpose", models.CharField(max_length=40)),
                ("given", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("event_id", models.TextField()),
                ("region", models.CharField(blank=True, max_length=6)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("raw_id", "purpose"), name="consents_consentstate_latest")
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=40)),
                ("language", models.CharField(default="en", max_length=10)),
                ("body", models.TextField()),
                ("sha256", models.CharField(editable=False, max_length=64)),
                ("published_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-published_at"],
                "constraints": [
                    models.UniqueConstraint(fields=("version", "language"), name="consents_policytext_version")
                ],
            },
        ),
        migrations.CreateModel(
            name="Purpose",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        max_length=40, validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9_]*$")]
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("title", models.CharField(max_length=100)),
                ("description", models.TextField(help_text="In the shopper's words: what happens, and what does not.")),
                (
                    "legal_basis",
                    models.CharField(
                        choices=[
                            ("consent", "Consent"),
                            ("contract", "Contract"),
                            ("legitimate_interest", "Legitimate interest"),
                            ("legal_obligation", "Legal obligation"),
                        ],
                        default="consent",
                        max_length=20,
                    ),
                ),
                (
                    "data_categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), blank=True, default=list, size=None
                    ),
                ),
                ("retention_days", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "recipients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), blank=True, default=list, size=None
                    ),
                ),
                (
                    "sale_or_share",
                    models.BooleanField(
                        default=False,
                        help_text="A sale or a sharing in the sense of the CCPA: Global Privacy Control refuses it.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name", "-version"],
                "constraints": [
                    models.UniqueConstraint(fields=("name", "version"), name="consents_purpose_version"),
                    models.CheckConstraint(
                        condition=models.Q(("name__in", ("epoch", "region", "erased", "gpc")), _negated=True),
                        name="consents_purpose_not_reserved",
                    ),
                ],
            },
        ),
        *REQUESTS,
        migrations.RunSQL(TRIGGERS, UNDO),
    ]
