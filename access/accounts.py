"""Accounts of staff, and who set them up.

Two-person decisions need two people, not two accounts. An account that somebody else set up takes part in them only
after a second person has confirmed it, so that nobody can play both parts.
"""

from typing import Any, Final

from django.db import transaction

from access.models import User
from access.roles import ROLES, may
from audit.services import record
from common.errors import Conflict, Forbidden, NotFound

MOST_HOLDERS: Final = 5
"""Names that a refused person is told to ask."""
CONFIRM: Final = "access.confirm_user"
POWERS: Final = frozenset({"username", "is_active", "is_staff", "is_superuser", "groups", "user_permissions"})
"""Fields of an account whose change by somebody else must be confirmed; a password's must, too."""
UNCONFIRMED: Final = "Somebody else set up your account. A second person must confirm it first, under Staff."


def is_confirmed(person: Any) -> bool:
    """Return whether the account is confirmed: nobody else set it up, or a second person confirmed what they did."""
    return not getattr(person, "unconfirmed_changes_by", ())


def unconfirmed_accounts() -> list[tuple[int, str]]:
    """Return id and name of the active accounts that wait for their confirmation."""
    waiting = User.objects.filter(is_active=True).exclude(unconfirmed_changes_by=[])
    return list(waiting.order_by("username").values_list("pk", "username"))


def roles_with(permission: str) -> list[str]:
    """Return the roles that hold the permission."""
    return [role for role in ROLES if may(role, permission)]


def holders_of(permission: str) -> list[str]:
    """Return the names of the first active staff who hold the permission by a role."""
    people = User.objects.filter(is_active=True, is_staff=True, groups__name__in=roles_with(permission))
    return list(people.distinct().order_by("username").values_list("username", flat=True)[:MOST_HOLDERS])


def require_confirmed(person: Any) -> None:
    """Raise Forbidden for an account that waits for its confirmation."""
    if not is_confirmed(person):
        raise Forbidden(UNCONFIRMED)


def note_change(user_id: int, *, actor: str, password: bool = False) -> None:
    """Note that the actor set up the account, or its password; its own changes need no confirmation."""
    if actor == f"staff:{user_id}":
        return
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user_id)
        user.unconfirmed_changes_by = sorted({*user.unconfirmed_changes_by, actor})
        user.has_temporary_password |= password
        user.save(update_fields=["unconfirmed_changes_by", "has_temporary_password"])


def note_own_password(person: Any) -> None:
    """Note that the person chose the password: nobody else knows it any more."""
    User.objects.filter(pk=person.pk).update(has_temporary_password=False)


def refusal_to_confirm(user: User, *, by: Any) -> str:
    """Return why this person may not confirm the account now; "" if they may."""
    if is_confirmed(user):
        return "This account is confirmed already."
    if by.pk == user.pk or f"staff:{by.pk}" in user.unconfirmed_changes_by:
        return "An account takes two persons: somebody who did not set it up must confirm it."
    if not is_confirmed(by):
        return UNCONFIRMED
    if user.has_temporary_password:
        return "Somebody else set the password. The person must change it first, under Change password."
    return ""


def confirm_account(user_id: int, *, by: Any) -> None:
    """Confirm what others set up of an account.

    Raises NotFound; Forbidden without the permission; Conflict if `refusal_to_confirm` gives a reason.
    """
    if not (by.is_active and by.has_perm(CONFIRM)):
        raise Forbidden("You may not do this.")
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=user_id).first()
        if user is None:
            raise NotFound(f"There is no account {user_id}.")
        if refusal := refusal_to_confirm(user, by=by):
            raise Conflict(refusal)
        changed_by = user.unconfirmed_changes_by
        user.unconfirmed_changes_by = []
        user.save(update_fields=["unconfirmed_changes_by"])
        record(
            category="access",
            action="user.confirmed",
            actor=f"staff:{by.pk}",
            object=f"user:{user.pk}",
            data={"set_up_by": changed_by},
        )
