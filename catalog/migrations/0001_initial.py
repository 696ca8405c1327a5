"""The table of products, and the trigger that dates every change by its transaction."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models
from django.db.models.functions import Upper

# A row that an upsert did not change keeps its date: a nightly feed of the same products reloads nothing. What a change
# replaces is kept, so that the catalog of an earlier moment can be rebuilt.
TOUCH = """
CREATE FUNCTION catalog_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.created_at := OLD.created_at;
        NEW.created_xid := OLD.created_xid;
        NEW.updated_at := OLD.updated_at;
        NEW.changed_xid := OLD.changed_xid;
        IF NEW IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
        INSERT INTO catalog_productchange (product_id, xid, before, at)
        SELECT OLD.id, pg_current_xact_id()::text::bigint, jsonb_object_agg(was.key, was.value), clock_timestamp()
        FROM jsonb_each(to_jsonb(OLD)) AS was JOIN jsonb_each(to_jsonb(NEW)) AS becomes USING (key)
        WHERE was.value IS DISTINCT FROM becomes.value;
    ELSE
        NEW.created_xid := pg_current_xact_id()::text::bigint;
    END IF;
    NEW.updated_at := now();
    NEW.changed_xid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_touch BEFORE INSERT OR UPDATE ON catalog_product
    FOR EACH ROW EXECUTE FUNCTION catalog_touch();
"""
UNDO = "DROP TRIGGER catalog_touch ON catalog_product; DROP FUNCTION catalog_touch;"


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "product_id",
                    models.CharField(
                        help_text="The shop's own id, as its events name it.", max_length=255, unique=True
                    ),
                ),
                ("title", models.CharField(max_length=500)),
                ("description", models.TextField(blank=True)),
                (
                    "category",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        blank=True,
                        default=list,
                        help_text="Path from the widest category to the narrowest, separated by commas.",
                        size=None,
                    ),
                ),
                ("brand", models.CharField(blank=True, db_index=True, max_length=200)),
                (
                    "price",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=16,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "compare_at_price",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=16,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=16,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        choices=[
                            ("AED", "AED"),
                            ("AFN", "AFN"),
                            ("ALL", "ALL"),
                            ("AMD", "AMD"),
                            ("AOA", "AOA"),
                            ("ARS", "ARS"),
                            ("AUD", "AUD"),
                            ("AWG", "AWG"),
                            ("AZN", "AZN"),
                            ("BAM", "BAM"),
                            ("BBD", "BBD"),
                            ("BDT", "BDT"),
                            ("BHD", "BHD"),
                            ("BIF", "BIF"),
                            ("BMD", "BMD"),
                            ("BND", "BND"),
                            ("BOB", "BOB"),
                            ("BRL", "BRL"),
                            ("BSD", "BSD"),
                            ("BTN", "BTN"),
                            ("BWP", "BWP"),
                            ("BYN", "BYN"),
                            ("BZD", "BZD"),
                            ("CAD", "CAD"),
                            ("CDF", "CDF"),
                            ("CHF", "CHF"),
                            ("CLP", "CLP"),
                            ("CNY", "CNY"),
                            ("COP", "COP"),
                            ("CRC", "CRC"),
                            ("CUP", "CUP"),
                            ("CVE", "CVE"),
                            ("CZK", "CZK"),
                            ("DJF", "DJF"),
                            ("DKK", "DKK"),
                            ("DOP", "DOP"),
                            ("DZD", "DZD"),
                            ("EGP", "EGP"),
                            ("ERN", "ERN"),
                            ("ETB", "ETB"),
                            ("EUR", "EUR"),
                            ("FJD", "FJD"),
                            ("FKP", "FKP"),
                            ("GBP", "GBP"),
                            ("GEL", "GEL"),
                            ("GHS", "GHS"),
                            ("GIP", "GIP"),
                            ("GMD", "GMD"),
                            ("GNF", "GNF"),
                            ("GTQ", "GTQ"),
                            ("GYD", "GYD"),
                            ("HKD", "HKD"),
                            ("HNL", "HNL"),
                            ("HTG", "HTG"),
                            ("HUF", "HUF"),
                            ("IDR", "IDR"),
                            ("ILS", "ILS"),
                            ("INR", "INR"),
                            ("IQD", "IQD"),
                            ("IRR", "IRR"),
                            ("ISK", "ISK"),
                            ("JMD", "JMD"),
                            ("JOD", "JOD"),
                            ("JPY", "JPY"),
                            ("KES", "KES"),
                            ("KGS", "KGS"),
                            ("KHR", "KHR"),
                            ("KMF", "KMF"),
                            ("KPW", "KPW"),
                            ("KRW", "KRW"),
                            ("KWD", "KWD"),
                            ("KYD", "KYD"),
                            ("KZT", "KZT"),
                            ("LAK", "LAK"),
                            ("LBP", "LBP"),
                            ("LKR", "LKR"),
                            ("LRD", "LRD"),
                            ("LSL", "LSL"),
                            ("LYD", "LYD"),
                            ("MAD", "MAD"),
                            ("MDL", "MDL"),
                            ("MGA", "MGA"),
                            ("MKD", "MKD"),
                            ("MMK", "MMK"),
                            ("MNT", "MNT"),
                            ("MOP", "MOP"),
                            ("MRU", "MRU"),
                            ("MUR", "MUR"),
                            ("MVR", "MVR"),
                            ("MWK", "MWK"),
                            ("MXN", "MXN"),
                            ("MYR", "MYR"),
                            ("MZN", "MZN"),
                            ("NAD", "NAD"),
                            ("NGN", "NGN"),
                            ("NIO", "NIO"),
                            ("NOK", "NOK"),
                            ("NPR", "NPR"),
                            ("NZD", "NZD"),
                            ("OMR", "OMR"),
                            ("PAB", "PAB"),
                            ("PEN", "PEN"),
                            ("PGK", "PGK"),
                            ("PHP", "PHP"),
                            ("PKR", "PKR"),
                            ("PLN", "PLN"),
                            ("PYG", "PYG"),
                            ("QAR", "QAR"),
                            ("RON", "RON"),
                            ("RSD", "RSD"),
                            ("RUB", "RUB"),
                            ("RWF", "RWF"),
                            ("SAR", "SAR"),
                            ("SBD", "SBD"),
                            ("SCR", "SCR"),
                            ("SDG", "SDG"),
                            ("SEK", "SEK"),
                            ("SGD", "SGD"),
                            ("SHP", "SHP"),
                            ("SLE", "SLE"),
                            ("SOS", "SOS"),
                            ("SRD", "SRD"),
                            ("SSP", "SSP"),
                            ("STN", "STN"),
                            ("SVC", "SVC"),
                            ("SYP", "SYP"),
                            ("SZL", "SZL"),
                            ("THB", "THB"),
                            ("TJS", "TJS"),
                            ("TMT", "TMT"),
                            ("TND", "TND"),
                            ("TOP", "TOP"),
                            ("TRY", "TRY"),
                            ("TTD", "TTD"),
                            ("TWD", "TWD"),
                            ("TZS", "TZS"),
                            ("UAH", "UAH"),
                            ("UGX", "UGX"),
                            ("USD", "USD"),
                            ("UYU", "UYU"),
                            ("UZS", "UZS"),
                            ("VED", "VED"),
                            ("VES", "VES"),
                            ("VND", "VND"),
                            ("VUV", "VUV"),
                            ("WST", "WST"),
                            ("XAF", "XAF"),
                            ("XCD", "XCD"),
                            ("XCG", "XCG"),
                            ("XOF", "XOF"),
                            ("XPF", "XPF"),
                            ("YER", "YER"),
                            ("ZAR", "ZAR"),
                            ("ZMW", "ZMW"),
                            ("ZWG", "ZWG"),
                        ],
                        max_length=3,
                    ),
                ),
                (
                    "stock",
                    models.PositiveIntegerField(
                        blank=True, help_text="Empty: not counted, always in stock.", null=True
                    ),
                ),
                ("active", models.BooleanField(default=True, help_text="Off: never recommended.")),
                (
                    "group_id",
                    models.CharField(blank=True, db_index=True, help_text="Shared by variants.", max_length=255),
                ),
                ("attributes", models.JSONField(blank=True, default=dict)),
                ("url", models.CharField(blank=True, max_length=2000)),
                ("image_url", models.CharField(blank=True, max_length=2000)),
                ("available_from", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now_add=True)),
                ("removed_at", models.DateTimeField(editable=False, null=True)),
                ("changed_xid", models.BigIntegerField(db_index=True, default=0, editable=False)),
                ("created_xid", models.BigIntegerField(default=0, editable=False)),
            ],
            options={
                "ordering": ["product_id"],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["category"], name="catalog_category"),
                    django.contrib.postgres.indexes.GinIndex(
                        OpClass(Upper("title"), name="gin_trgm_ops"), name="catalog_title"
                    ),
                    models.Index(Upper("brand"), name="catalog_brand"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("price", None), ("price__gte", 0), _connector="OR"), name="catalog_price"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cost", None), ("cost__gte", 0), _connector="OR"), name="catalog_cost"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProductImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Not imported yet"),
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("file_name", models.CharField(max_length=255)),
                ("format", models.CharField(max_length=4)),
                ("stored_as", models.CharField(help_text="Name in the folder of imports", max_length=64, unique=True)),
                ("size", models.BigIntegerField(help_text="Bytes of the file")),
                ("sha256", models.CharField(max_length=64)),
                (
                    "rows",
                    models.PositiveIntegerField(
                        help_text="Rows of the file; empty: not counted before the import", null=True
                    ),
                ),
                ("actor", models.CharField(max_length=120)),
                (
                    "rows_done",
                    models.PositiveIntegerField(default=0, help_text="Where an interrupted import continues"),
                ),
                ("bytes_done", models.BigIntegerField(default=0)),
                ("created", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("unchanged", models.PositiveIntegerField(default=0)),
                ("rejected", models.PositiveIntegerField(default=0)),
                (
                    "errors",
                    models.JSONField(
                        default=list, help_text="The first rejected rows: row, product_id, field, message"
                    ),
                ),
                (
                    "starts",
                    models.PositiveSmallIntegerField(default=0, help_text="How often a worker began or continued it"),
                ),
                ("message", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "import",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ProductChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("xid", models.BigIntegerField(db_index=True)),
                ("before", models.JSONField(help_text="The changed columns, with the values that they had before")),
                ("at", models.DateTimeField(db_index=True)),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="catalog.product"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HistoryStart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="Changes before this moment were deleted")),
            ],
        ),
        migrations.RunSQL(TOUCH, UNDO),
    ]
