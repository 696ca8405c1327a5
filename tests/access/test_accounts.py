"""Accounts: nobody changes their own powers, a second person confirms what others set up, everything is recorded."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from access.accounts import confirm_account, is_confirmed, note_change
from access.models import User
from audit import selectors as audit
from common.errors import Conflict, Forbidden
from tests.access.test_roles import form
from tests.staff import staff

pytestmark = pytest.mark.django_db
TEMPORARY = "temporary horse 1"
WORDS = {"usable_password": "true", "password1": TEMPORARY, "password2": TEMPORARY}


def change(browser: Client, user: User, **fields: Any) -> int:
    """Return the status of a saved form of the user."""
    return browser.post(reverse("admin:access_user_change", args=[user.pk]), {**form(user), **fields}).status_code


def confirm(browser: Client, user: User) -> str:
    """Return the page after a click on Confirm."""
    url = reverse("admin:access_user_confirm_page", args=[user.pk])
    return browser.post(url, follow=True).content.decode()


def test_an_operator_changes_no_account_and_no_password() -> None:
    operator, dee = staff("ops", "operator"), User.objects.create_user("dee", is_staff=True)
    ops = User.objects.get(username="ops")
    everything = [group.pk for group in Group.objects.all()]

    for user in (ops, dee):
        assert change(operator, user, groups=everything) == 403
        assert operator.post(f"/admin/access/user/{user.pk}/password/", WORDS).status_code == 403
        assert operator.post(f"/admin/access/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert operator.get("/admin/access/user/add/").status_code == 403

    assert [group.name for group in ops.groups.all()] == ["operator"]
    assert operator.get(f"/admin/access/user/{dee.pk}/change/").status_code == 200, "it may look"


@pytest.mark.parametrize("role", ["account manager", ""])
def test_nobody_changes_their_own_powers(role: str) -> None:
    browser = staff("mona", role)
    mona = User.objects.get(username="mona")
    more = {
        "groups": [group.pk for group in Group.objects.all()],
        "user_permissions": [Permission.objects.get(codename="approve_modelwaiver").pk],
        "is_superuser": "" if mona.is_superuser else "on",
        "is_active": "",
        "first_name": "Mona",
    }

    assert change(browser, mona, **more) == 302

    after = User.objects.get(pk=mona.pk)
    assert after.first_name == "Mona"
    assert [group.name for group in after.groups.all()] == ([role] if role else [])
    assert (after.is_superuser, after.is_active, after.user_permissions.exists()) == (not role, True, False)
    assert browser.post(f"/admin/access/user/{mona.pk}/delete/", {"post": "yes"}).status_code == 403


def test_ones_own_password_is_changed_with_the_old_one() -> None:
    manager = staff("mona", "account manager")
    mona = User.objects.get(username="mona")

    answer = manager.post(f"/admin/access/user/{mona.pk}/password/", WORDS)

    assert answer["Location"] == reverse("admin:password_change")
    assert User.objects.get(pk=mona.pk).check_password("correct horse battery")


def test_an_account_manager_touches_no_superuser_and_makes_none() -> None:
    manager, root = staff("mona", "account manager"), User.objects.create_superuser("root")
    dee = User.objects.create_user("dee", is_staff=True)
    permission = Permission.objects.get(codename="change_product").pk

    assert change(manager, dee, is_superuser="on", user_permissions=[permission], first_name="Deirdre") == 302
    assert change(manager, root, username="mine") == 403
    assert manager.post(f"/admin/access/user/{root.pk}/password/", WORDS).status_code == 403
    assert manager.post(f"/admin/access/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403

    dee.refresh_from_db()
    assert (dee.first_name, dee.is_superuser, dee.user_permissions.exists()) == ("Deirdre", False, False)


def test_a_new_account_is_confirmed_by_a_second_person_after_its_owner_chose_a_password() -> None:
    mona, olu = staff("mona", "account manager"), staff("olu", "compliance officer")
    role = Group.objects.get(name="compliance officer").pk
    mona.post("/admin/access/user/add/", {"username": "cy", **WORDS})
    cy = User.objects.get(username="cy")
    change(mona, cy, groups=[role])

    assert not is_confirmed(User.objects.get(pk=cy.pk))
    assert "The account cy waits for a second person" in olu.get("/admin/").content.decode()
    assert "given compliance officer" in olu.get(f"/admin/access/user/{cy.pk}/confirm/").content.decode()
    assert "must change it first" in confirm(olu, cy)

    own = Client()
    assert own.login(username="cy", password=TEMPORARY)
    new = {"old_password": TEMPORARY, "new_password1": "only mine 12345", "new_password2": "only mine 12345"}
    assert own.post("/admin/password_change/", new).status_code == 302
    assert "somebody who did not set it up" in confirm(mona, cy)
    assert "somebody who did not set it up" in confirm(own, cy), "nor the account itself"
    assert "cy is confirmed" in confirm(olu, cy)

    assert is_confirmed(User.objects.get(pk=cy.pk))
    (event,) = audit.entries(action="user.confirmed")
    mona_id, olu_id = (User.objects.get(username=name).pk for name in ("mona", "olu"))
    assert (event.actor, event.data) == (f"staff:{olu_id}", {"set_up_by": [f"staff:{mona_id}"]})


def test_a_puppet_confirms_nothing_and_manages_nobody() -> None:
    staff("mona", "account manager")
    mona = User.objects.get(username="mona")
    puppet_browser, dee = staff("puppet", "account manager"), User.objects.create_user("dee", is_staff=True)
    puppet = User.objects.get(username="puppet")
    note_change(puppet.pk, actor=f"staff:{mona.pk}")
    note_change(dee.pk, actor=f"staff:{mona.pk}")

    assert "A second person must confirm it first" in confirm(puppet_browser, dee)
    assert change(puppet_browser, dee, first_name="x") == 403
    assert puppet_browser.post("/admin/access/user/add/", {"username": "c", **WORDS}).status_code == 403
    assert puppet_browser.post(f"/admin/access/user/{dee.pk}/password/", WORDS).status_code == 403
    with pytest.raises(Conflict):
        confirm_account(dee.pk, by=User.objects.get(pk=puppet.pk))
    assert not is_confirmed(User.objects.get(pk=dee.pk))


def test_of_two_who_set_an_account_up_neither_confirms_it() -> None:
    for name in ("mona", "moe"):
        staff(name, "account manager")
    dee = User.objects.create_user("dee", is_staff=True)
    managers = [User.objects.get(username=name) for name in ("mona", "moe")]
    for one in managers:
        note_change(dee.pk, actor=f"staff:{one.pk}")

    for one in managers:
        with pytest.raises(Conflict, match="did not set it up"):
            confirm_account(dee.pk, by=one)


def test_only_who_may_confirm_does() -> None:
    staff("ops", "operator")
    dee = User.objects.create_user("dee", is_staff=True)
    note_change(dee.pk, actor="staff:99")

    with pytest.raises(Forbidden):
        confirm_account(dee.pk, by=User.objects.get(username="ops"))
    assert staff("ops2", "operator").get(f"/admin/access/user/{dee.pk}/confirm/").status_code == 403


@pytest.mark.parametrize(
    ("fields", "confirmed"),
    [
        ({"first_name": "Deirdre", "email": "dee@shop.example"}, True),
        ({"username": "olu"}, False),
        ({"is_active": ""}, False),
    ],
)
def test_names_and_addresses_need_no_confirmation(fields: dict[str, str], confirmed: bool) -> None:
    manager, dee = staff("mona", "account manager"), User.objects.create_user("dee", is_staff=True)

    assert change(manager, dee, **fields) == 302

    assert is_confirmed(User.objects.get(pk=dee.pk)) is confirmed


def test_a_superusers_acts_on_accounts_are_recorded() -> None:
    root = staff("root", "")
    actor = f"staff:{User.objects.get(username='root').pk}"

    root.post("/admin/access/user/add/", {"username": "dee", **WORDS})
    dee = User.objects.get(username="dee")
    role, permission = Group.objects.get(name="marketer"), Permission.objects.get(codename="approve_modelwaiver")
    change(root, dee, groups=[role.pk], user_permissions=[permission.pk], is_superuser="on")
    change(root, dee, groups=[], user_permissions=[], is_superuser="", is_active="")
    root.post(f"/admin/access/user/{dee.pk}/password/", WORDS)
    permission_ids = list(role.permissions.values_list("pk", flat=True))
    root.post(
        f"/admin/auth/group/{role.pk}/change/", {"name": role.name, "permissions": [*permission_ids, permission.pk]}
    )
    root.post("/admin/access/user/", {"action": "delete_selected", "_selected_action": dee.pk, "post": "yes"})

    about = [entry for entry in reversed(audit.entries(object=f"user:{dee.pk}")) if entry.category == "access"]
    assert [entry.action for entry in about] == [
        "user.added", "user.changed", "user.changed", "user.changed", "user.deleted"
    ]  # fmt: skip
    assert {entry.actor for entry in about} == {actor}
    given, taken, password = (entry.data["changes"] for entry in about[1:4])
    waiver = "modelops.approve_modelwaiver"
    assert {"roles": {"given": ["marketer"], "taken": []}} in given
    assert {"permissions": {"given": [waiver], "taken": []}} in given
    assert {"switched": {"is_superuser": True}} in given
    assert {"roles": {"given": [], "taken": ["marketer"]}} in taken
    assert {"switched": {"is_active": False, "is_superuser": False}} in taken
    assert "password" in str(password).lower()
    (role_event,) = audit.entries(object=f"group:{role.pk}")
    assert role_event.actor == actor
    assert {"permissions": {"given": [waiver], "taken": []}} in role_event.data["changes"]


def test_nothing_is_deleted_without_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    root, dee = staff("root", ""), User.objects.create_user("dee", is_staff=True)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no record")

    monkeypatch.setattr("django.contrib.admin.options.ModelAdmin.delete_queryset", broken)
    with pytest.raises(RuntimeError):
        root.post("/admin/access/user/", {"action": "delete_selected", "_selected_action": dee.pk, "post": "yes"})

    assert not audit.entries(object=f"user:{dee.pk}")
