"""Schemas of collection for the OpenAPI document. `events.intake` reads the bodies, and accepts far more spellings."""

from typing import Any, Final

from rest_framework import serializers

from consents.rules import BUILT_IN
from events.activity import SERVER_EVENTS
from events.types.base import KINDS
from events.types.registry import EVENT_TYPES

NAMES: Final = (
    f"Known names, in any case: {', '.join(name for name in EVENT_TYPES if name not in SERVER_EVENTS)}. "
    "Any other is kept as custom."
)
PURPOSES: Final = (
    f"Purposes: {', '.join(name for name, terms in BUILT_IN.items() if not terms.essential)}. "
    "Models learn only from events whose shopper allowed `train_models` when they came."
)


class EventSerializer(serializers.Serializer[Any]):
    """One event, as Segment's SDKs write it. One of `userId` and `anonymousId` is needed."""

    messageId = serializers.CharField(required=False, help_text="Twice the same id is counted once.")
    userId = serializers.CharField(required=False, allow_null=True)
    anonymousId = serializers.CharField(required=False, allow_null=True)
    previousId = serializers.CharField(required=False, help_text="Alias: the user id that joins.")
    event = serializers.CharField(required=False, help_text=f"Track: the event's name. {NAMES}")
    name = serializers.CharField(required=False, help_text="Page, screen: the name.")
    properties = serializers.DictField(required=False)
    traits = serializers.DictField(required=False, help_text="Identify: what is known of the customer.")
    context = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text=f"`consent.categoryPreferences`: purpose to yes or no. {PURPOSES}"
    )
    integrations = serializers.DictField(required=False)
    timestamp = serializers.DateTimeField(required=False)
    originalTimestamp = serializers.DateTimeField(required=False)
    sentAt = serializers.DateTimeField(required=False)
    writeKey = serializers.CharField(required=False, help_text="The key, where no header carries it.")


class BatchItemSerializer(EventSerializer):
    """One event of a batch."""

    type = serializers.ChoiceField(KINDS)


class BatchSerializer(serializers.Serializer[Any]):
    """A batch of at most 2500 events and 4 MB, unpacked."""

    batch = BatchItemSerializer(many=True)
    context = serializers.DictField(required=False, help_text="Holds for all items.")  # type: ignore[assignment]
    integrations = serializers.DictField(required=False)
    sentAt = serializers.DateTimeField(required=False)
    writeKey = serializers.CharField(required=False, help_text="The key, where no header carries it.")


class AcceptedSerializer(serializers.Serializer[Any]):
    """The log holds it."""

    success = serializers.BooleanField()


class Ga4EventSerializer(serializers.Serializer[Any]):
    """One GA4 event."""

    name = serializers.CharField()
    params = serializers.DictField(required=False)


class Ga4Serializer(serializers.Serializer[Any]):
    """A Measurement Protocol body."""

    client_id = serializers.CharField(required=False)
    user_id = serializers.CharField(required=False)
    timestamp_micros = serializers.IntegerField(required=False)
    user_properties = serializers.DictField(required=False)
    consent = serializers.DictField(required=False)
    events = Ga4EventSerializer(many=True)


class SettingsSerializer(serializers.Serializer[Any]):
    """What `analytics.js` asks before it sends."""

    integrations = serializers.DictField()
