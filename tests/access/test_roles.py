"""Roles come with their permissions, again and again the same; nobody makes himself more than he is."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from access.models import ApiKey, User
from access.roles import ROLES
from access.selectors import identity_secret
from access.services import create_key, revoke_key, sync_roles
from audit import selectors as audit
from common import clock
from consents.models import RegionRule
from tests.staff import staff

pytestmark = pytest.mark.django_db


def permissions(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


def test_roles_hold_what_their_people_need() -> None:
    call_command("sync_roles", verbosity=0)

    assert {"catalog.add_product", "catalog.change_product"} <= permissions("merchandiser")
    assert "audit.view_auditevent" in permissions("compliance officer")
    assert "access.add_apikey" in permissions("operator")
    assert {"access.add_user", "access.change_user", "auth.view_group"} <= permissions("account manager")
    for role in ("merchandiser", "marketer", "data scientist"):
        assert not any(name.startswith(("access.", "audit.", "auth.")) for name in permissions(role))
    assert not any(name.split(".")[1].startswith(("change_", "add_", "delete_")) and name.startswith("audit.")
                   for role in ROLES for name in permissions(role))  # fmt: skip


def test_syncing_again_changes_and_records_nothing_and_repairs_what_was_changed() -> None:
    sync_roles(actor="system:test")
    before = len(audit.entries(action="role.synced"))

    sync_roles(actor="system:test")
    assert len(audit.entries(action="role.synced")) == before

    Group.objects.get(name="marketer").permissions.add(Permission.objects.get(codename="change_user"))
    sync_roles(actor="system:test")
    assert "access.change_user" not in permissions("marketer")
    repaired, *others = audit.entries(action="role.synced")
    assert len(others) == before
    assert repaired.data == {"role": "marketer", "permissions": len(permissions("marketer"))}


def test_only_account_managers_change_accounts_and_nobody_a_role() -> None:
    def writes(role: str, table: str) -> set[str]:
        return {name for name in permissions(role) if name.endswith(table) and ".view_" not in name}

    call_command("sync_roles", verbosity=0)

    assert {role for role in ROLES if writes(role, "_user") - {"access.confirm_user"}} == {"account manager"}
    assert {role for role in ROLES if "access.confirm_user" in permissions(role)} == {
        "account manager",
        "compliance officer",
    }
    assert not any(writes(role, table) for role in ROLES for table in ("_group", "_permission"))


def test_a_new_member_of_staff_can_sign_in_and_is_told_what_is_missing() -> None:
    manager, password = staff("mona", "account manager"), "new horse battery"
    dora = {"username": "dora", "usable_password": "true", "password1": password, "password2": password}

    manager.post("/admin/access/user/add/", dora)

    browser = Client()
    assert browser.login(username="dora", password=password)
    home = browser.get("/admin/")
    assert home.status_code == 200
    assert "Your account has no role yet" in home.content.decode()
    assert "Your account has no role yet" not in manager.get("/admin/").content.decode()


def test_a_deleted_account_is_named_in_the_erasable_part_of_the_log() -> None:
    manager = staff("mona", "account manager")
    dora = User.objects.create_user("dora", is_staff=True)
    number = dora.pk

    manager.post(f"/admin/access/user/{number}/delete/", {"post": "yes"})

    (event,) = audit.entries(object=f"user:{number}")
    assert (event.action, audit.read_detail(event.id)) == ("user.deleted", {"username": "dora"})
    assert b"dora" not in event.body


def test_a_superuser_makes_and_changes_superusers() -> None:
    root, dee = staff("root", ""), User.objects.create_user("dee", is_staff=True)

    for fields in ({"is_superuser": "on"}, {"is_superuser": "on", "first_name": "Deirdre"}):
        root.post(f"/admin/access/user/{dee.pk}/change/", {**form(dee), **fields})

    dee.refresh_from_db()
    assert (dee.is_superuser, dee.first_name) == (True, "Deirdre")


def test_a_change_of_staff_is_on_the_log_without_what_identifies() -> None:
    manager = staff("mona", "account manager")
    dee = User.objects.create_user("dee", email="dee@shop.example", is_staff=True)

    answer = manager.post(f"/admin/access/user/{dee.pk}/change/", {**form(dee), "first_name": "Deirdre"})

    assert answer.status_code == 302
    (event,) = audit.entries(object=f"user:{dee.pk}")
    assert event.action == "user.changed"
    assert b"First name" in event.body
    assert b"Deirdre" not in event.body


def test_a_form_that_was_saved_as_it_was_shown_leaves_nothing_on_the_log() -> None:
    manager, officer = staff("mona", "account manager"), staff("olu", "compliance officer")
    dee = User.objects.create_user("dee", is_staff=True)
    rule = RegionRule.objects.create(region="US", mode="opt_out")
    before = len(audit.entries())

    saved = (
        manager.post(f"/admin/access/user/{dee.pk}/change/", form(dee)),
        officer.post(f"/admin/consents/regionrule/{rule.pk}/change/", {"region": "US", "mode": "opt_out"}),
    )

    assert [answer.status_code for answer in saved] == [302, 302]
    assert len(audit.entries()) == before


def test_the_log_names_the_roles_that_were_given_and_taken() -> None:
    manager = staff("mona", "account manager")
    dee = User.objects.create_user("dee", is_staff=True)
    roles = {group.name: group.pk for group in Group.objects.all()}

    for names in (["merchandiser", "marketer"], ["merchandiser", "data scientist"], []):
        manager.post(f"/admin/access/user/{dee.pk}/change/", {**form(dee), "groups": [roles[name] for name in names]})
        if names:
            changelist = manager.get("/admin/access/user/", {"q": "dee"}).context["cl"]
            assert [set(changelist.model_admin.roles(one).split(", ")) for one in changelist.result_list] == [
                set(names)
            ]
    manager.post(f"/admin/access/user/{dee.pk}/change/", {**form(dee), "first_name": "Deirdre"})

    data = [
        [change["roles"] for change in event.data["changes"] if "roles" in change]
        for event in reversed(audit.entries(action="user.changed"))
    ]
    assert data == [
        [{"given": ["marketer", "merchandiser"], "taken": []}],
        [{"given": ["data scientist"], "taken": ["marketer"]}],
        [{"given": [], "taken": ["data scientist", "merchandiser"]}],
        [],
    ]


def test_an_operator_makes_rotates_and_revokes_a_key_and_sees_it_once() -> None:
    operator = staff("ops", "operator")
    answer = operator.post(
        "/admin/access/apikey/add/", {"name": "shop", "kind": "sk", "scopes": ["catalog:read"]}, follow=True
    )
    key = ApiKey.objects.get()
    url = f"/admin/access/apikey/{key.pk}/change/"

    assert f"{key.prefix}_" in answer.content.decode()
    assert f"{key.prefix}_" not in operator.get(url).content.decode()
    facts = {"name": "shop", "scopes": ["catalog:read"]}
    rotated = operator.post(url, {**facts, button(operator, url, "rotate"): "1"}, follow=True)
    key.refresh_from_db()
    assert f"{key.prefix}_" in rotated.content.decode()
    revoke_url = reverse("admin:access_apikey_revoke_page", args=[key.pk])
    assert (revoke_url in operator.get(url).content.decode(), operator.get(revoke_url).status_code) == (True, 200)
    key.refresh_from_db()
    assert not ApiKey.objects.exclude(revoked_at=None).exists(), "it was asked only"
    operator.post(revoke_url)
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert operator.get(revoke_url).status_code == 403
    assert operator.post(f"/admin/access/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("scopes", {"kind": "pk", "scopes": ["catalog:read"]}),
        ("scopes", {"kind": "sk", "scopes": ["catalog:eat"]}),
        ("scopes", {"kind": "sk"}),
        ("origins", {"kind": "pk", "origins": "https://shop.example, shop"}),
        ("expires_at", {"kind": "pk", "expires_at_0": "2020-01-01", "expires_at_1": "00:00"}),
    ],
)
def test_a_key_that_cannot_be_is_refused_at_its_field(field: str, facts: dict[str, object]) -> None:
    answer = staff("ops", "operator").post("/admin/access/apikey/add/", {"name": "x", **facts})

    assert list(answer.context["adminform"].form.errors) == [field]
    assert not ApiKey.objects.exists()


def test_what_is_refused_of_a_key_says_how_to_write_it() -> None:
    operator = staff("ops", "operator")
    wrong = {"name": "x", "kind": "pk", "origins": "shop.example", "expires_at_0": "31.12.2027", "expires_at_1": "6 pm"}

    form = operator.post("/admin/access/apikey/add/", wrong).context["adminform"].form

    assert "Write it as https://shop.example" in form.errors["origins"][0]
    assert form.errors["expires_at"] == list(clock.HOW_TO_WRITE.values())
    assert "In UTC" in form.fields["expires_at"].help_text


def test_a_comma_too_many_is_no_origin() -> None:
    operator = staff("ops", "operator")
    origins = "https://shop.example, , https://www.shop.example,"

    operator.post("/admin/access/apikey/add/", {"name": "x", "kind": "pk", "origins": origins})

    assert ApiKey.objects.get().origins == ["https://shop.example", "https://www.shop.example"]


def test_who_rotates_a_key_that_was_revoked_meanwhile_is_told() -> None:
    operator = staff("ops", "operator")
    key, _ = create_key(kind="pk", name="shop")
    url = f"/admin/access/apikey/{key.pk}/change/"
    rotate = button(operator, url, "rotate")
    revoke_key(key.pk, actor="staff:1")

    page = operator.post(url, {"name": "shop", rotate: "1"}, follow=True).content.decode()

    assert "was revoked: it was not rotated" in page
    assert ApiKey.objects.get().prefix == key.prefix


def test_the_list_of_keys_tells_which_of_them_open() -> None:
    create_key(kind="sk", name="open")
    create_key(kind="sk", name="old", expires_at=clock.now())
    revoke_key(create_key(kind="sk", name="lost")[0].pk, actor="staff:1")

    changelist = staff("ops", "operator").get("/admin/access/apikey/").context["cl"]

    states = {key.name: changelist.model_admin.state(key) for key in changelist.result_list}
    assert states == {"open": "live", "old": "expired", "lost": "revoked"}


def test_olu_sees_keys_but_neither_changes_them_nor_reads_their_secrets() -> None:
    key, _ = create_key(kind="pk", name="shop")
    olu, operator = staff("olu", "compliance officer"), staff("ops", "operator")
    url = f"/admin/access/apikey/{key.pk}/change/"

    page = olu.get(url)

    assert page.status_code == 200
    assert "Identity secret" not in page.content.decode()
    assert identity_secret(key) in operator.get(url).content.decode()
    assert olu.post(url, {"name": "mine"}).status_code == 403


def form(user: User) -> dict[str, Any]:
    """Return what the page of the user holds, roles included: who sends none gives them up."""
    roles = [group.pk for group in user.groups.all()]
    return {"username": user.username, "email": user.email, "is_active": "on", "is_staff": "on", "groups": roles}


def button(client: Client, url: str, name: str) -> str:
    buttons = client.get(url).context["actions_submit_line"]
    return str(next(one.action_name for one in buttons if name in one.action_name))
