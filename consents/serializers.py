"""Shapes of the consent doors."""

from datetime import datetime
from typing import Any, Final

from rest_framework import serializers

from common import clock
from common.clock import from_microseconds
from consents.models.decisions import MODES
from consents.person import Verdict
from consents.rules import BUILT_IN

PURPOSES: Final = ", ".join(name for name, terms in BUILT_IN.items() if not terms.essential)


class StrictBooleanField(serializers.BooleanField):
    """True or false, and nothing that merely looks like it: a decision must not be guessed."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean; anything else is an error."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class DecisionsSerializer(serializers.Serializer[Any]):
    """Body of a PUT."""

    decisions = serializers.DictField(
        child=StrictBooleanField(), allow_empty=False, help_text=f"Purpose to yes or no. Purposes: {PURPOSES}."
    )
    policy_version = serializers.CharField(
        required=False, allow_blank=True, max_length=40, default="", help_text="The text the shopper was shown."
    )
    # The contract's name; DRF's own attribute of that name is about fields, not about their children.
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=100, default="", help_text="Where it was decided: banner, account."
    )
    user_hash = serializers.CharField(
        required=False, allow_blank=True, max_length=128, default="", help_text="HMAC of the user id, for a browser."
    )


class VerdictSerializer(serializers.Serializer[Any]):
    """Whether one purpose is allowed, and why."""

    allowed = serializers.BooleanField()
    basis = serializers.CharField()
    reason = serializers.CharField()
    event_id = serializers.CharField(allow_null=True)
    rule_id = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)


class StateSerializer(serializers.Serializer[Any]):
    """What a subject decided, and what follows from it."""

    decisions = serializers.DictField(child=VerdictSerializer())
    epoch = serializers.IntegerField()
    gpc = serializers.BooleanField()
    region = serializers.CharField(allow_null=True)


def verdict_body(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the API shows it."""
    return {
        "allowed": verdict.allowed,
        "basis": verdict.basis,
        "reason": verdict.reason,
        "event_id": verdict.event_id,
        "rule_id": verdict.rule_id,
        "at": None if verdict.at is None else from_microseconds(verdict.at),
    }


class PurposeSerializer(serializers.Serializer[Any]):
    """One purpose in the shopper's words, and what holds of it here for somebody who decided nothing."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    description = serializers.CharField()
    essential = serializers.BooleanField(help_text="A contract or a law needs it: there is nothing to decide.")
    data_categories = serializers.ListField(child=serializers.CharField())
    recipients = serializers.ListField(child=serializers.CharField())
    retention_days = serializers.IntegerField(allow_null=True)
    sale_or_share = serializers.BooleanField()
    allowed = serializers.BooleanField()
    reason = serializers.CharField()


class PolicyTextSerializer(serializers.Serializer[Any]):
    """A policy text with its hash."""

    version = serializers.CharField()
    language = serializers.CharField()
    body = serializers.CharField()
    sha256 = serializers.CharField()
    published_at = serializers.DateTimeField()


class PurposesSerializer(serializers.Serializer[Any]):
    """What a preference center shows before it knows the shopper."""

    purposes = PurposeSerializer(many=True)
    mode = serializers.ChoiceField(choices=MODES, help_text="The rule of the region that the request came from.")
    gpc = serializers.BooleanField(help_text="Whether this request carried Sec-GPC: 1 from a browser.")
    region = serializers.CharField(allow_null=True)
    policy = PolicyTextSerializer(allow_null=True, help_text="The newest policy text; null before one is published.")


class AnswerSerializer(VerdictSerializer):
    """One purpose with its verdict and the proof that decided."""

    purpose = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    version = serializers.IntegerField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    policy_version = serializers.CharField(allow_blank=True)
    policy_sha256 = serializers.CharField(allow_blank=True)


class ReceiptSerializer(serializers.Serializer[Any]):
    """What is signed."""

    form = serializers.CharField()
    issuer = serializers.CharField()
    issued_at = serializers.DateTimeField()
    subject = serializers.CharField()
    region = serializers.CharField(allow_null=True)
    gpc = serializers.BooleanField()
    purposes = AnswerSerializer(many=True)


class SignedReceiptSerializer(serializers.Serializer[Any]):
    """A receipt, the signed note that holds its SHA-256, and the public key."""

    receipt = ReceiptSerializer()
    note = serializers.CharField()
    key = serializers.CharField()


class AnswerOnDateSerializer(AnswerSerializer):
    """One purpose on a date: who decided, when it was recorded, and the text that the proof names."""

    raw_id = serializers.CharField(allow_null=True)
    recorded_at = serializers.DateTimeField(allow_null=True)
    policy = PolicyTextSerializer(allow_null=True)


class ConsentOnDateSerializer(serializers.Serializer[Any]):
    """What consent said of a person at a time."""

    subject = serializers.CharField()
    at = serializers.DateTimeField()
    raw_ids = serializers.ListField(child=serializers.CharField(), help_text="The ids that were the person's then.")
    later_ids = serializers.ListField(child=serializers.CharField(), help_text="Ids that joined the person later.")
    region = serializers.CharField(allow_null=True)
    mode = serializers.ChoiceField(choices=MODES)
    gpc = serializers.BooleanField(help_text="Whether the account remembered Global Privacy Control.")
    answers = AnswerOnDateSerializer(many=True)
    policy = PolicyTextSerializer(allow_null=True, help_text="The newest policy text of that time.")


class MomentSerializer(serializers.Serializer[Any]):
    """A time of the past; without one it is now."""

    at = serializers.DateTimeField(required=False, help_text="ISO 8601, not in the future. Default: now.")

    def validate_at(self, value: datetime) -> datetime:
        """Refuse the future, of which nothing is known."""
        if value > clock.now():
            raise serializers.ValidationError("must not be in the future")
        return value
