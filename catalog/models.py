"""The table of products.

A trigger sets `changed_xid` to the transaction that last changed the row. Readers that poll for changes miss nothing,
not even late commits (`selectors.changed_since`). The same trigger keeps what a change replaces (`ProductChange`), so
that the catalog of an earlier moment can be rebuilt (`product_history`).
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from catalog import limits
from common.money import DECIMALS
from common.personal_data import PersonalFields, staff_fields


class Product(models.Model):
    """One product that can be sold. Variants share a `group_id`. A removed product keeps its row, because history names
    it.
    """

    product_id = models.CharField(
        max_length=limits.ID, unique=True, help_text="The shop's own id, as its events name it."
    )
    title = models.CharField(max_length=limits.TITLE)
    description = models.TextField(blank=True)
    category = ArrayField(
        models.CharField(max_length=limits.CATEGORY),
        default=list,
        blank=True,
        help_text="Path from the widest category to the narrowest, separated by commas.",
    )
    brand = models.CharField(max_length=limits.BRAND, blank=True, db_index=True)
    price = models.DecimalField(
        max_digits=16, decimal_places=4, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    compare_at_price = models.DecimalField(
        max_digits=16, decimal_places=4, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    cost = models.DecimalField(
        max_digits=16, decimal_places=4, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(max_length=3, choices=[(code, code) for code in sorted(DECIMALS)])
    stock = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: not counted, always in stock.")
    active = models.BooleanField(default=True, help_text="Off: never recommended.")
    group_id = models.CharField(max_length=limits.ID, blank=True, db_index=True, help_text="Shared by variants.")
    attributes = models.JSONField(default=dict, blank=True)
    url = models.CharField(max_length=limits.URL, blank=True)
    image_url = models.CharField(max_length=limits.URL, blank=True)
    available_from = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True, editable=False)
    removed_at = models.DateTimeField(null=True, editable=False)
    changed_xid = models.BigIntegerField(default=0, editable=False, db_index=True)
    created_xid = models.BigIntegerField(default=0, editable=False)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "attributes": "of a product",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["product_id"]
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["category"], name="catalog_category"),
            # Django's case-insensitive lookups compare upper case.
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="catalog_title"),
            models.Index(Upper("brand"), name="catalog_brand"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(price=None) | Q(price__gte=0), name="catalog_price"),
            models.CheckConstraint(condition=Q(cost=None) | Q(cost__gte=0), name="catalog_cost"),
        ]

    def __str__(self) -> str:
        return self.title


class ProductChange(models.Model):
    """What one change of a product replaced. Rows are only added, by the trigger, and deleted when they are old."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, db_index=False)
    xid = models.BigIntegerField(db_index=True)
    before = models.JSONField(help_text="The changed columns, with the values that they had before")
    at = models.DateTimeField(db_index=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "before": "of a product",
    }

    def __str__(self) -> str:
        return f"change {self.pk}"


class HistoryStart(models.Model):
    """Since when all changes of products are kept; without a row, none was deleted."""

    at = models.DateTimeField(help_text="Changes before this moment were deleted")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class ImportState(models.TextChoices):
    """The state of an imported file."""

    DRAFT = "draft", "Not imported yet"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ProductImport(models.Model):
    """One uploaded file of products. The worker writes its progress with the products, in the same transactions."""

    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.DRAFT)
    file_name = models.CharField(max_length=255)
    format = models.CharField(max_length=4)
    stored_as = models.CharField(max_length=64, unique=True, help_text="Name in the folder of imports")
    size = models.BigIntegerField(help_text="Bytes of the file")
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField(null=True, help_text="Rows of the file; empty: not counted before the import")
    actor = models.CharField(max_length=120)
    rows_done = models.PositiveIntegerField(default=0, help_text="Where an interrupted import continues")
    bytes_done = models.BigIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, help_text="The first rejected rows: row, product_id, field, message")
    starts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker began or continued it")
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("actor"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "errors": "of lines of a file with products",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name = "import"

    def __str__(self) -> str:
        return self.file_name

    @property
    def percent(self) -> int:
        """The share of the file that is read, in percent."""
        return 100 if self.state == ImportState.DONE else min(99, 100 * self.bytes_done // max(1, self.size))
