"""What this room holds about people beside its tables, and how long."""

from datetime import timedelta
from typing import Final

from common import retention
from common.personal_data import MARK, PersonalFields, declare

REQUESTS: Final = timedelta(days=731)
"""24 months after the answer (11 CCR 7101)."""


def register() -> None:
    """Declare the consent cache and the marks of erased ids, and the retentions of this room."""
    cached = ("raw id", "decisions", "links between ids", "region")
    declare(
        "consent cache",
        where="v:c:*",
        engine="Redis",
        groups=(PersonalFields(cached, "decisions", ("essential",), "consent_proof", "consents"),),
    )
    declare(
        "marks of erased ids",
        where="v:erased",
        engine="Redis",
        groups=(PersonalFields(("mark",), "identifiers", ("accountability",), "erasure_marks", MARK),),
    )
    declare(
        "file of marks",
        where="ERASURE_MARKS_FILE",
        engine="files",
        groups=(PersonalFields(("mark",), "identifiers", ("accountability",), "erasure_marks", MARK),),
    )
    for one in (
        retention.Retention(
            "consent_proof", "Decisions on consent", "a shop must be able to show a yes (GDPR, Article 7)"
        ),
        retention.Retention("erasure_marks", "Marks of erased ids", "without them, late events bring a shopper back"),
        retention.Retention(
            "requests",
            "Privacy requests",
            "24 months (11 CCR 7101)",
            starts="closed",
            period=lambda: REQUESTS,
            job="the schedule “privacy requests”",
        ),
    ):
        retention.register(one)
