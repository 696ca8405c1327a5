"""What this room holds about shoppers in Redis, and how long."""

from datetime import timedelta

from django.conf import settings

from common import retention
from common.personal_data import PersonalFields, declare
from profiles import keys
from profiles.services.live_counts import KEEP_SECONDS
from profiles.services.retention import count_old_profiles, delete_old_profiles

STORE = "profiles"
USES = ("personalization",)


def register() -> None:
    """Declare the keys of profiles, segments and live counts, and their retentions."""
    for name, where, fields, category in (
        ("histories of browsing", f"{keys.BROWSED}*", ("raw id", "interactions"), "profile"),
        ("histories of purchases and opinions", f"{keys.LASTING}*", ("raw id", "interactions"), "profile"),
        ("times of refusals", f"{keys.REFUSED}*", ("raw id", "time"), "decisions"),
        ("states of profiles", f"{keys.STATE}*", ("raw id",), "identifiers"),
        ("attributes", f"{keys.ATTRIBUTES}*", ("raw id", "attributes"), "contact"),
        ("users of devices", f"{keys.CLAIMS}*", ("anonymous id", "user ids"), "identifiers"),
        ("devices of users", f"{keys.LINKED}*", ("user id", "raw ids"), "identifiers"),
        ("segments of shoppers", f"{keys.SEGMENTS}*", ("raw id", "segments"), "profile"),
        ("members of segments", f"{keys.MEMBERS}*", ("raw ids",), "profile"),
        ("shoppers whose segments are due", f"{keys.DUE}*", ("raw ids",), "identifiers"),
        ("entries into segments on their way", f"{keys.OUTBOX}*", ("raw id", "segment"), "profile"),
        ("ids with a profile", keys.SUBJECTS, ("raw ids",), "identifiers"),
    ):
        declare(name, where=where, engine="Redis", groups=(PersonalFields(fields, category, USES, "profiles", STORE),))
    for name, where in (
        ("rows of live counts", f"{keys.COUNTED_ROWS}*"),
        ("refusals of live counts", f"{keys.COUNTS_REFUSED}*"),
    ):
        group = PersonalFields(("raw id", "products"), "browsing", ("train_models",), "live_counts", STORE)
        declare(name, where=where, engine="Redis", groups=(group,))
    retention.register(
        retention.Retention(
            "live_counts",
            "Rows of live counts",
            "they count the latest days",
            period=lambda: timedelta(seconds=KEEP_SECONDS),
            job="Redis, by expiry",
        )
    )
    retention.register(
        retention.Retention(
            "profiles",
            "Profiles",
            "what happened longer ago says little",
            starts="last added to",
            period=lambda: retention.of_days(settings.PROFILES_RETENTION_DAYS),
            setting="PROFILES_RETENTION_DAYS",
            delete=delete_old_profiles,
            overdue=count_old_profiles,
        )
    )
