"""The models of a merchandising rule and its versions. Versions never change, so past answers can be explained."""

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from common.personal_data import PersonalFields, staff_fields

POSITIVE = MinValueValidator(Decimal("0"))


class Rule(models.Model):
    """A rule with its current version. Name and on/off are those of that version."""

    name = models.CharField(max_length=120, unique=True)
    active = models.BooleanField(default=True)
    current = models.ForeignKey("RuleVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class RuleVersion(models.Model):
    """One immutable version of a rule: its name, whether it is on, when it applies, to which products, and its effect.

    Empty lists and nulls mean "any". A database trigger rejects updates of a row.
    """

    class Effect(models.TextChoices):
        """The effect of a rule on the products it matches."""

        PIN = "pin", "Pin at a position"
        BOOST = "boost", "Boost"
        BURY = "bury", "Bury"
        EXCLUDE = "exclude", "Exclude"
        REQUIRE = "require", "Show only these"
        CAP = "cap", "At most so many"

    class CapBy(models.TextChoices):
        """The key by which a cap counts."""

        ALL = "", "All matching products together"
        BRAND = "brand", "Each brand"
        CATEGORY = "category", "Each category"

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    active = models.BooleanField(default=True)
    effect = models.CharField(max_length=10, choices=Effect)
    position = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    factor = models.FloatField(default=2.0, validators=[MinValueValidator(1.0), MaxValueValidator(100.0)])
    cap = models.PositiveSmallIntegerField(null=True, blank=True)
    cap_by = models.CharField(max_length=10, choices=CapBy, default=CapBy.ALL, blank=True)
    priority = models.SmallIntegerField(default=0, help_text="Where two rules want the same place, the higher wins")

    holdout_percent = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        blank=True,
        validators=[MaxValueValidator(50)],
        help_text="The share of shoppers, 0 to 50 %, for whom the rule does not apply, to measure it",
    )

    placements = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    segments = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    context_products = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    context_categories = ArrayField(models.CharField(max_length=400), default=list, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)

    products = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    categories = ArrayField(models.CharField(max_length=400), default=list, blank=True)
    brands = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    min_price = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True, validators=[POSITIVE])
    max_price = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True, validators=[POSITIVE])
    min_stock = models.IntegerField(null=True, blank=True)
    max_stock = models.IntegerField(null=True, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=120)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("created_by"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "cap_by": "brand or category",
    }

    class Meta:
        ordering = ["rule", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="rule_version_number"),
            models.CheckConstraint(
                condition=~models.Q(effect="pin") | models.Q(position__gte=1), name="rule_version_pin_has_position"
            ),
            models.CheckConstraint(
                condition=~models.Q(effect="cap") | models.Q(cap__gte=0), name="rule_version_cap_has_cap"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} v{self.number}"


class RuleState(models.Model):
    """Which version of a rule was current from a moment on, and whether the rule was on. A trigger adds the rows."""

    rule = models.BigIntegerField(db_index=True)
    version = models.BigIntegerField(null=True, help_text="The row of the current version")
    active = models.BooleanField()
    xid = models.BigIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"rule {self.rule} from {self.at:%Y-%m-%d %H:%M}"
