"""Schemas of the wires for the OpenAPI document. The wires read the bodies themselves, and accept more."""

from typing import Any

from rest_framework import serializers

ATTRIBUTES = (
    "`id`: the user id, else the anonymous id. `anonymous_id`: the browser's. `user_id`, `user_hash`: who is signed in,"
    " and the proof. `consent`: decisions by purpose."
)


class FlagSerializer(serializers.Serializer[Any]):
    """One flag: what it is worth by default, and GrowthBook's rules, which are tried in order."""

    defaultValue = serializers.JSONField(allow_null=True)
    rules = serializers.ListField(child=serializers.DictField())


class FeaturesSerializer(serializers.Serializer[Any]):
    """The payload of GrowthBook's SDKs."""

    status = serializers.IntegerField()
    features = serializers.DictField(child=FlagSerializer())
    dateUpdated = serializers.CharField(help_text="Changes with the content.")


class EvaluationFields(serializers.Serializer[Any]):
    """What GrowthBook's SDKs send for remote evaluation."""

    attributes = serializers.DictField(required=False, help_text=ATTRIBUTES)
    forcedVariations = serializers.DictField(
        child=serializers.IntegerField(), required=False, help_text="The number of an arm, by experiment, for tests."
    )
    forcedFeatures = serializers.ListField(required=False, help_text="Read by the SDK alone.")
    url = serializers.CharField(required=False, allow_blank=True)


class OfrepFields(serializers.Serializer[Any]):
    """The evaluation context of OpenFeature."""

    context = serializers.DictField(  # type: ignore[assignment]  # a field named as a property
        required=False, help_text=f"`targetingKey` fills `id`. {ATTRIBUTES}"
    )


class OfrepFlagSerializer(serializers.Serializer[Any]):
    """One evaluated flag."""

    key = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    reason = serializers.ChoiceField(["SPLIT", "STATIC", "TARGETING_MATCH", "DEFAULT"])
    variant = serializers.CharField(help_text="The key of the arm.")
    metadata = serializers.DictField()


class OfrepErrorSerializer(serializers.Serializer[Any]):
    """Why a flag could not be evaluated."""

    key = serializers.CharField(required=False)
    errorCode = serializers.CharField()
    errorDetails = serializers.CharField()


class EventStreamSerializer(serializers.Serializer[Any]):
    """Where changes are told."""

    type = serializers.CharField()
    url = serializers.CharField()
    inactivityDelaySec = serializers.IntegerField()


class OfrepFlagsSerializer(serializers.Serializer[Any]):
    """All evaluated flags. Each is a flag, or says why it could not be evaluated."""

    flags = serializers.ListField(child=serializers.DictField())
    metadata = serializers.DictField()
    eventStreams = EventStreamSerializer(many=True, required=False)


class UploadedEventSerializer(serializers.Serializer[Any]):
    """One event, as GrowthBook's tracking plugins write it."""

    event_name = serializers.CharField(help_text="`Experiment Viewed`; others are kept as events of their own.")
    properties_json = serializers.DictField(required=False)
    user_id = serializers.CharField(required=False, allow_null=True)
    device_id = serializers.CharField(required=False, allow_null=True)
    context_json = serializers.DictField(required=False)
    url = serializers.CharField(required=False, allow_blank=True)


class UploadedSerializer(serializers.Serializer[Any]):
    """The log holds it."""

    success = serializers.BooleanField()
