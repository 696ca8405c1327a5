"""Doors of what was decided: a shopper's signed receipt, and what consent said on a date."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from audit.reads import note_read
from common import clock
from common.problems import ProblemSerializer
from common.pseudonyms import subject_pseudonym
from consents import gpc, selectors
from consents.api.decisions import HASH, SUBJECT, check_identity, region_here, signal_of
from consents.consent_receipt import signed_receipt
from consents.selectors.history import Answer, answers_of, consent_on
from consents.selectors.purposes import purpose_versions
from consents.serializers import ConsentOnDateSerializer, MomentSerializer, SignedReceiptSerializer, verdict_body
from consents.state import GPC
from consents.subjects import parse_subject
from customers.shop_ids import with_ids

_AT = OpenApiParameter("at", str, description="ISO 8601 time, not in the future. Default: now.")


class ReceiptView(APIView):
    """A signed receipt of the subject's decisions."""

    scope: ClassVar[dict[str, str]] = {"GET": "consents:read"}
    publishable = True

    @extend_schema(
        operation_id="consents_receipt",
        parameters=[SUBJECT, HASH],
        responses={200: SignedReceiptSerializer, 503: ProblemSerializer},
        tags=["consents"],
    )
    def get(self, request: Request, subject: str) -> Response:
        """Return what each purpose may now, with its proof, signed by the audit log's key."""
        raw_id = parse_subject(subject)
        key = check_identity(request, raw_id, user_hash=request.query_params.get("user_hash", ""))
        whom, live, here, now = (
            selectors.person(subject_pseudonym(raw_id)),
            signal_of(request, key),
            region_here(request),
            clock.now(),
        )
        answers = answers_of(
            selectors.verdicts(whom, region=here, gpc=live), purpose_versions(now), selectors.proofs(whom.states)
        )
        signed = signed_receipt(raw_id, answers, at=now, region=here or whom.region, gpc=live or whom.remembers(GPC))
        response = Response(signed)
        response["Cache-Control"] = "private, no-store"
        gpc.vary(response)
        return response


class ConsentOnDateView(APIView):
    """What consent said on a date, for a server."""

    scope: ClassVar[dict[str, str]] = {"GET": "consents:read"}

    @extend_schema(
        operation_id="consents_on_date",
        parameters=[SUBJECT, _AT],
        responses={200: ConsentOnDateSerializer},
        tags=["consents"],
    )
    def get(self, request: Request, subject: str) -> Response:
        """Return each verdict at a time, with proof and policy text, over all ids of a person."""
        raw_id, wish = parse_subject(subject), MomentSerializer(data=request.query_params)
        wish.is_valid(raise_exception=True)
        history = consent_on(subject_pseudonym(raw_id), at=wish.validated_data.get("at", clock.now()))
        if history.proofs:
            actor, about = key_of(request).actor, history.subject
            note_read("consentproof.read", actor=actor, object="consentproof:api", subject=about)
        body = {
            "subject": history.subject,
            "at": history.at,
            "raw_ids": history.raw_ids,
            "later_ids": history.later_ids,
            "region": history.region,
            "mode": history.rule.mode,
            "gpc": history.gpc,
            "answers": [_answer(one) for one in history.answers],
            "policy": history.policy,
        }
        own = raw_id.partition(":")[2]
        return Response(
            with_ids(ConsentOnDateSerializer(body).data, own=own), headers={"Cache-Control": "private, no-store"}
        )


def _answer(answer: Answer) -> dict[str, Any]:
    proof = answer.proof
    return {
        "purpose": answer.purpose,
        "title": answer.title,
        "description": answer.description,
        "version": answer.version,
        **verdict_body(answer.verdict),
        "source": proof.source if proof else "",
        "policy_version": proof.policy_version if proof else "",
        "policy_sha256": proof.policy_sha256 if proof else "",
        "raw_id": proof.raw_id if proof else None,
        "recorded_at": proof.recorded_at if proof else None,
        "policy": answer.policy,
    }
