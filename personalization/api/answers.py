"""The bodies of answers and their OpenAPI documentation."""

from typing import Any, get_args

from rest_framework import serializers

from personalization.serving.answers import Answer, FallbackReason, Item
from personalization.serving.reasons import CODES

FALLBACK_REASONS = get_args(FallbackReason)


class ReasonBody(serializers.Serializer[Any]):
    """Why an item is shown."""

    code = serializers.ChoiceField(CODES)
    text = serializers.CharField(help_text="For the shopper to read.")
    product_ids = serializers.ListField(child=serializers.CharField(), help_text="The products the reason names.")


class ExplainBody(serializers.Serializer[Any]):
    """Why an item is where it is."""

    sources = serializers.DictField(child=serializers.FloatField(), help_text="Who proposed it, with what score.")
    contributions = serializers.DictField(child=serializers.FloatField(), help_text="The ranker's strongest features.")
    rules = serializers.ListField(child=serializers.CharField(), help_text="Rules that moved it.")


class ItemBody(serializers.Serializer[Any]):
    """One product of the answer."""

    product_id = serializers.CharField()
    position = serializers.IntegerField(min_value=1)
    score = serializers.FloatField(help_text="Of the ranking, before rules; comparable within one answer only.")
    reason = ReasonBody()
    title = serializers.CharField()
    price = serializers.CharField(allow_null=True, help_text="A decimal.")
    currency = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    image_url = serializers.CharField(allow_blank=True)
    explain = ExplainBody(required=False, help_text="With explain=true.")


class ExperimentBody(serializers.Serializer[Any]):
    """An experiment that decided this answer."""

    key = serializers.CharField()
    variation = serializers.CharField()


class RemovedBody(serializers.Serializer[Any]):
    """A product that a rule kept off the answer."""

    product_id = serializers.CharField()
    title = serializers.CharField()
    by = serializers.CharField()


class AnswerBody(serializers.Serializer[Any]):
    """What to show."""

    recommendation_id = serializers.UUIDField(help_text="`list_id` of the events that show, click or buy from it.")
    placement = serializers.CharField()
    strategy = serializers.CharField(help_text="The placement's own, or the recommender asked for.")
    model_version = serializers.CharField(allow_null=True)
    personalized = serializers.BooleanField()
    degraded = serializers.ChoiceField(
        FALLBACK_REASONS, allow_null=True, help_text="How the answer fell short, if it did."
    )
    experiments = ExperimentBody(many=True)
    items = ItemBody(many=True)
    unknown_products = serializers.ListField(child=serializers.CharField(), help_text="Context that nobody knows.")
    took_ms = serializers.FloatField()
    removed = RemovedBody(many=True, required=False, help_text="With explain=true and a secret key.")


class RankBody(serializers.Serializer[Any]):
    """The list in personal order."""

    recommendation_id = serializers.UUIDField()
    product_ids = serializers.ListField(child=serializers.CharField())
    degraded = serializers.ChoiceField(FALLBACK_REASONS, allow_null=True)


class PageBody(serializers.Serializer[Any]):
    """One answer for each placement, by its key."""

    placements = serializers.DictField(child=AnswerBody())


def answer_body(answer: Answer, *, tells_removed: bool) -> dict[str, Any]:
    """Return the JSON of an answer; the removed products of an explained answer only with `tells_removed`."""
    body: dict[str, Any] = {
        "recommendation_id": answer.recommendation_id,
        "placement": answer.placement,
        "strategy": answer.strategy,
        "model_version": answer.model_version,
        "personalized": answer.personalized,
        "degraded": answer.degraded,
        "experiments": [],
        "items": [_item_body(item) for item in answer.items],
        "unknown_products": list(answer.unknown_products),
        "took_ms": answer.took_ms,
    }
    if tells_removed and answer.removed is not None:
        body["removed"] = [{"product_id": one.product_id, "title": one.title, "by": one.by} for one in answer.removed]
    return body


def _item_body(item: Item) -> dict[str, Any]:
    reason = item.reason
    body: dict[str, Any] = {
        "product_id": item.product_id,
        "position": item.position,
        "score": item.score,
        "reason": {"code": reason.code, "text": reason.text, "product_ids": list(reason.product_ids)},
        "title": item.title,
        "price": item.price,
        "currency": item.currency,
        "url": item.url,
        "image_url": item.image_url,
    }
    if (why := item.explanation) is not None:
        rules, shares = list(why.rules), why.contributions
        body["explain"] = {"sources": why.sources, "contributions": shares, "rules": rules}
    return body
