"""The bodies of answers and their OpenAPI documentation."""

from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b
from typing import Any, get_args

import orjson
from rest_framework import serializers

from personalization.api.fields import ITEM_FIELDS
from personalization.serving.answers import Answer, FallbackReason, Item, RankAnswer
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
    """One product of the answer. `fields` says which of the optional fields it has; without it, it has all."""

    product_id = serializers.CharField()
    position = serializers.IntegerField(min_value=1)
    score = serializers.FloatField(
        required=False, help_text="Of the ranking, before rules; comparable within one answer only."
    )
    reason = ReasonBody(required=False)
    title = serializers.CharField(required=False)
    price = serializers.CharField(required=False, allow_null=True, help_text="A decimal.")
    compare_at_price = serializers.CharField(required=False, allow_null=True, help_text="The former price, a decimal.")
    currency = serializers.CharField(required=False)
    brand = serializers.CharField(required=False, allow_blank=True)
    stock = serializers.IntegerField(required=False, allow_null=True, help_text="Null: not counted, always in stock.")
    attributes = serializers.DictField(child=serializers.JSONField(), required=False)
    url = serializers.CharField(required=False, allow_blank=True)
    image_url = serializers.CharField(required=False, allow_blank=True)
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
    next_cursor = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null: it was the last.")
    took_ms = serializers.FloatField()
    removed = RemovedBody(many=True, required=False, help_text="With explain=true and a secret key.")


class RankBody(serializers.Serializer[Any]):
    """The list in personal order."""

    recommendation_id = serializers.UUIDField()
    product_ids = serializers.ListField(child=serializers.CharField())
    personalized = serializers.BooleanField(help_text="false: the order is the shop's own.")
    degraded = serializers.ChoiceField(FALLBACK_REASONS, allow_null=True)


class PageBody(serializers.Serializer[Any]):
    """One answer for each slot, by its `key`: the placement's, where the slot has none of its own."""

    placements = serializers.DictField(child=AnswerBody())


def answer_body(answer: Answer, *, tells_removed: bool, fields: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON of an answer; the removed products of an explained answer only with `tells_removed`.

    `fields` are the optional fields of the items to keep; none means all.
    """
    left_out = ITEM_FIELDS - set(fields) if fields else frozenset()
    body: dict[str, Any] = {
        "recommendation_id": answer.recommendation_id,
        "placement": answer.placement,
        "strategy": answer.strategy,
        "model_version": answer.model_version,
        "personalized": answer.personalized,
        "degraded": answer.degraded,
        "experiments": [{"key": key, "variation": arm} for key, arm in answer.trial.in_force],
        "items": [_item_body(item, left_out) for item in answer.items],
        "unknown_products": list(answer.unknown_products),
        "next_cursor": answer.next_cursor,
        "took_ms": answer.took_ms,
    }
    if tells_removed and answer.removed is not None:
        body["removed"] = [{"product_id": one.product_id, "title": one.title, "by": one.by} for one in answer.removed]
    return body


def answer_digest(answer: Answer, *, tells_removed: bool, fields: Collection[str] = ()) -> str:
    """Return a hash of all of the answer's JSON but its id and its time."""
    body = answer_body(replace(answer, recommendation_id="", took_ms=0.0), tells_removed=tells_removed, fields=fields)
    return blake2b(orjson.dumps(body, default=str), digest_size=12).hexdigest()


def rank_body(answer: RankAnswer) -> dict[str, Any]:
    """Return the JSON of the shop's own list."""
    return {
        "recommendation_id": answer.recommendation_id,
        "product_ids": list(answer.product_ids),
        "personalized": answer.personalized,
        "degraded": answer.degraded,
    }


def _item_body(item: Item, left_out: Collection[str]) -> dict[str, Any]:
    reason = item.reason
    body: dict[str, Any] = {
        "product_id": item.product_id,
        "position": item.position,
        "score": item.score,
        "reason": {"code": reason.code, "text": reason.text, "product_ids": list(reason.product_ids)},
        "title": item.title,
        "price": item.price,
        "compare_at_price": item.compare_at_price,
        "currency": item.currency,
        "brand": item.brand,
        "stock": item.stock,
        "attributes": item.attributes,
        "url": item.url,
        "image_url": item.image_url,
    }
    for name in left_out:
        del body[name]
    if (why := item.explanation) is not None:
        rules, shares = list(why.rules), why.contributions
        body["explain"] = {"sources": why.sources, "contributions": shares, "rules": rules}
    return body
