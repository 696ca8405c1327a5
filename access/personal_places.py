"""What this room, and the tables of libraries it uses, hold about staff and about who calls."""

from datetime import timedelta

from common import retention
from common.personal_data import EXPIRY, PersonalFields, declare, declare_model, staff_fields


def register() -> None:
    """Declare the admin's history, limits and tickets, and the retentions of data about staff."""
    declare_model("admin.LogEntry", staff_fields("user", "object_repr", "change_message"))
    declare(
        "limits of sign-ins and requests",
        where="v:limit:*",
        engine="Redis",
        groups=(PersonalFields(("address",), "identifiers", ("security",), "limits", EXPIRY),),
    )
    declare(
        "tickets of sockets",
        where="v:ticket:*",
        engine="Redis",
        groups=(PersonalFields(("raw id",), "identifiers", ("security",), "tickets", EXPIRY),),
    )
    for one in (
        retention.Retention("staff_accounts", "Accounts of staff", "who manages accounts deletes those of who left"),
        retention.Retention("staff_actions", "Who changed what", "kept with what was changed"),
        _expiring("limits", "Limits of sign-ins and requests", timedelta(hours=1)),
        _expiring("tickets", "Tickets of sockets", timedelta(seconds=30)),
    ):
        retention.register(one)


def _expiring(name: str, title: str, period: timedelta) -> retention.Retention:
    return retention.Retention(
        name, title, "as long as it works", starts="written", period=lambda: period, job="Redis, by expiry"
    )
