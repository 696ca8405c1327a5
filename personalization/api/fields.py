"""The fields of a storefront's request; queries and bodies use the same names."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from catalog import limits
from common.attribute_filters import AttributesField, query_attributes
from consents.subjects import MAX_ID
from personalization.serving.page_cursor import MOST_SHOWN

MOST_PRODUCTS = 500
MOST_SLOTS = 20
CURSOR_LENGTH = 6 * MOST_SHOWN
"""More characters than any cursor has."""
LISTS = ("product_id", "exclude", "category", "brand", "fields")
ITEM_FIELDS = frozenset(
    {
        *("score", "reason", "title", "price", "compare_at_price", "currency"),
        *("brand", "stock", "attributes", "url", "image_url"),
    }
)
"""The fields of an item that an answer may leave out; it always has `product_id` and `position`."""


class IdField(serializers.CharField):
    """A shop's own id, stripped of blanks, as in events."""

    def __init__(self, *, longest: int = limits.ID, **options: Any) -> None:
        super().__init__(max_length=longest, **options)


class ShopperField(IdField):
    """The id of a shopper, with the length limit of events; empty means no shopper."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=MAX_ID, required=False, allow_null=True, allow_blank=True, **options)


class Ids(serializers.ListField):
    """Several ids."""

    def __init__(self, *, most: int = MOST_PRODUCTS, **options: Any) -> None:
        super().__init__(child=IdField(), max_length=most, **options)
        self.most = most

    def to_internal_value(self, data: Any) -> list[Any]:
        """Check the number of ids before each id: a body can hold hundreds of thousands."""
        if isinstance(data, list) and len(data) > self.most:
            self.fail("max_length", max_length=self.most)
        return super().to_internal_value(data)


class IdList(Ids):
    """Several ids; a single id need not be a list."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Accept a single id as a list of one."""
        return super().to_internal_value([data] if isinstance(data, str) else data)


class FieldNames(serializers.ListField):
    """Names of fields of the items; a text may hold several between commas."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.ChoiceField(sorted(ITEM_FIELDS)), max_length=len(ITEM_FIELDS), **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        """Split texts at commas."""
        texts = [data] if isinstance(data, str) else data
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            texts = [name for text in texts for name in text.split(",")]
        return super().to_internal_value(texts)


class SubjectFields(serializers.Serializer[Any]):
    """Who the shopper is."""

    user_id = ShopperField(help_text="The shop's id of a known customer.")
    anonymous_id = ShopperField(help_text="The visitor's id.")
    user_hash = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=128,
        help_text="HMAC-SHA256 of user_id under the key's identity secret, in hex; also in the header X-User-Hash. "
        "Without it, where the key asks for it, the answer is the anonymous id's alone.",
    )


class ShopperFields(SubjectFields):
    """The shopper of the request, and whether the answer looks at their profile."""

    personalized = serializers.BooleanField(
        required=False, default=True, help_text="false: an answer that looks at no profile; always available."
    )


class ShapeFields(serializers.Serializer[Any]):
    """Context, size and filters. Filters apply before ranking, so a filtered answer is still full."""

    product_id = IdList(required=False, help_text="The product looked at, or the lines of the cart; repeatable.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, help_text="Default: the placement's.")
    exclude = IdList(required=False, help_text="Products never to answer; repeatable.")
    category = IdList(
        most=50, required=False, help_text='A path ("Furniture/Chairs") or one of its names; any of several.'
    )
    brand = IdList(most=50, required=False, help_text="Any of several brands.")
    min_price = serializers.DecimalField(
        16, 4, required=False, allow_null=True, min_value=Decimal(0), coerce_to_string=True
    )
    max_price = serializers.DecimalField(
        16, 4, required=False, allow_null=True, min_value=Decimal(0), coerce_to_string=True
    )
    in_stock = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="true: only what is in stock; false: only what is sold out. Left out: what is in stock, and what is "
        "sold out only if the placement shows it.",
    )
    attributes = AttributesField()
    cursor = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=CURSOR_LENGTH,
        help_text="`next_cursor` of the page before: the next products, none of them twice.",
    )
    fields = FieldNames(  # type: ignore[assignment]  # a field named as a property
        required=False, help_text="Fields of the items, besides `product_id` and `position`. Left out: all."
    )
    explain = serializers.BooleanField(
        required=False, default=False, help_text="Per item: sources with their scores, rules that moved it."
    )


class RecommendFields(ShapeFields, ShopperFields):
    """One request."""

    strategy = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=60,
        help_text="One recommender by its name (`svd`, `rp3beta`, …). Secret key only.",
    )


class RankFields(ShopperFields):
    """The shop's own list to rank."""

    product_ids = Ids(allow_empty=True)


class SlotFields(ShapeFields):
    """One slot of a page."""

    placement = serializers.CharField(max_length=60)
    key = serializers.CharField(
        required=False,
        max_length=60,
        help_text="The name of this slot's answer; needed where a placement comes twice. Default: the placement.",
    )
    deadline_ms = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=60_000,
        help_text="How long after the call's beginning it may still think.",
    )


class PageFields(ShopperFields):
    """Several placements at once."""

    placements = SlotFields(many=True, allow_empty=False, max_length=MOST_SLOTS)  # type: ignore[call-arg]  # the list's

    def validate_placements(self, slots: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Reject two slots of one key."""
        keys = [slot_key(slot) for slot in slots]
        if len(set(keys)) < len(keys):
            raise serializers.ValidationError("Each needs a key of its own: a placement that comes twice has none.")
        return slots


def slot_key(slot: Mapping[str, Any]) -> str:
    """Return the name of a slot's answer."""
    return str(slot.get("key") or slot["placement"])


def query_fields(query: QueryDict) -> dict[str, Any]:
    """Return a query in the form of a body: repeatable fields as lists, the last value of the others."""
    fields = {name: query.getlist(name) if name in LISTS else query[name] for name in query}
    attributes = query_attributes(query)
    return {**fields, "attributes": attributes} if attributes else fields
