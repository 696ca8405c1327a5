"""The Placement model: one spot of the storefront, configured by its row; and the versions of that row."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models


class Placement(models.Model):
    """One spot that shows products.

    `sources` is a list of `{"name": recommender, "weight": number}` in order of preference; empty means every source
    of the model. `strategy` is `hybrid` (the model's ranker), `blend` (the sources by weight), `basket` (the ranker of
    carts), `onboarding` (questions to a newcomer) or the name of one recommender. `fallback` names the recommenders
    that fill a short slate, in order. `filters` has the same fields as a request: category, brand, min_price,
    max_price, attributes.
    """

    class About(models.TextChoices):
        """The meaning of the request's products for this placement."""

        SHOPPER = "shopper", "The shopper; products in the request are ignored"
        PRODUCT = "product", "The product looked at"
        CART = "cart", "The lines of the cart"

    key = models.SlugField(max_length=60, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")])
    name = models.CharField(max_length=120)
    about = models.CharField(max_length=10, choices=About, default=About.SHOPPER)
    strategy = models.CharField(max_length=60, default="hybrid")
    sources = models.JSONField(default=list, blank=True)
    fallback = models.JSONField(default=list, blank=True)
    size = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1), MaxValueValidator(100)])
    filters = models.JSONField(default=dict, blank=True)
    max_per_brand = models.PositiveSmallIntegerField(default=0, help_text="0 = no limit")
    max_per_category = models.PositiveSmallIntegerField(default=0, help_text="0 = no limit")
    recent_item_slots = models.PositiveSmallIntegerField(
        default=0, help_text="Number of places for products close to the one the shopper looked at last"
    )
    explore_share = models.FloatField(
        "New products in",
        default=0.0,
        db_default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="Share of the answers, 0 to 0.5, in which one place goes to a new product that suits the shopper; "
        "0 = never",
    )
    explore_days = models.PositiveSmallIntegerField(
        "New for days",
        default=14,
        db_default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Number of days that a product is new after its creation",
    )
    explore_enough = models.PositiveIntegerField(
        "Until shown",
        default=500,
        db_default=500,
        help_text="Exploration of a product ends after this many impressions on all placements that show new products",
    )
    explore_cap = models.PositiveIntegerField(
        "At most a day",
        default=100,
        db_default=100,
        help_text="The budget: the most exploration impressions of one product a day on this placement",
    )
    repeat = models.BooleanField(
        default=True, help_text="May show what the shopper bought before, if people buy it again"
    )
    rest_days = models.PositiveSmallIntegerField(
        "Rest after a purchase",
        default=0,
        db_default=0,
        validators=[MaxValueValidator(365)],
        help_text="Days after a purchase in which the product is not shown to that shopper; 0 = none",
    )
    discovery_share = models.FloatField(
        "Discovery",
        default=0.7,
        db_default=0.7,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="The least share of the places, 0 to 1, for products that the shopper neither just looked at nor "
        "has. A list of the shopper's own products has no such places",
    )
    sold_out = models.BooleanField(
        default=False, db_default=False, help_text="May show products that are sold out; else only if a request asks"
    )
    objective = models.CharField(max_length=10, default="clicks", db_default="clicks")
    objective_percent = models.PositiveSmallIntegerField(default=0, db_default=0)
    """What the order is for besides relevance, and how strongly, 0 to 100 (`personalization.rules.objective`)."""
    version = models.PositiveIntegerField(default=0, editable=False)
    """Counted by a trigger with every write, which also keeps a `PlacementVersion`."""
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "sources": "configuration",
        "fallback": "configuration",
        "filters": "configuration",
    }

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=models.Q(size__gte=1, size__lte=100), name="placement_size_1_to_100"),
        ]

    def __str__(self) -> str:
        return self.key


class PlacementVersion(models.Model):
    """A placement's row after one write, as JSON. A database trigger adds versions, another rejects updates of them."""

    key = models.CharField(max_length=60)
    number = models.PositiveIntegerField()
    fields = models.JSONField()
    at = models.DateTimeField()
    impersonal_fields: ClassVar[dict[str, str]] = {
        "fields": "configuration",
    }

    class Meta:
        ordering = ["key", "-number"]
        constraints = [models.UniqueConstraint(fields=["key", "number"], name="placement_version_number")]

    def __str__(self) -> str:
        return f"{self.key} v{self.number}"
