"""Home, sidebar and pages of each role, and their permissions."""

import re
from urllib.parse import quote

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from access.roles import ROLES
from audit.services import record
from catalog.services import put_product
from common import clock, redis
from common.clock import from_microseconds
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.cache import apply_all
from consents.state import Decision
from customers.models import Customer
from customers.shop_ids import keep_ids, newly_sealed
from events.models import SetAside
from events.services.recorder import Recorder, offsets
from events.stream import minutes
from personalization.models import Placement
from personalization.serving.snapshot_refresher import snapshot_refresher
from portal.home import DOORS
from portal.profile import readable
from profiles import services as profiles
from tests.events.builders import START, entry, event
from tests.staff import LogIn

ADA = pseudonym("ada")


@pytest.mark.parametrize("role", ["", *ROLES])
def test_all_roles_have_a_home_page(log_in: LogIn, role: str) -> None:
    page = log_in(role).get("/admin/")

    assert page.status_code == 200
    assert "What is happening" in page.content.decode()


def test_home_respects_permissions(log_in: LogIn) -> None:
    merchandiser = log_in("merchandiser").get("/admin/").content.decode()
    compliance = log_in("compliance officer").get("/admin/").content.decode()

    assert "The live model" not in merchandiser, "models are judged by others"
    assert "Rules that run now" in merchandiser
    assert "Recent decisions" not in merchandiser
    assert "The live model" in compliance, "who approves waivers sees what they are for"
    assert "Recent decisions" in compliance


def test_home_lists_decisions_without_sign_ins(log_in: LogIn) -> None:
    officer = log_in("compliance officer")
    record(category="model", action="model.promoted", actor="staff:1", object="model_version:v1")
    for number in range(9):
        record(category="access", action="user.signed_in", actor=f"staff:{number}", object=f"user:{number}")

    page = officer.get("/admin/").content.decode()

    assert ("model.promoted" in page, "user.signed_in" in page) == (True, False)


def test_home_names_staff_and_links_to_consents(log_in: LogIn) -> None:
    officer = log_in("compliance officer", "olu-the-officer")
    record(category="model", action="model.promoted", actor=f"staff:{officer.session['_auth_user_id']}", object="v1")

    page = officer.get("/admin/").content.decode()
    decided = page[page.index("Recent decisions") :]

    assert ("olu-the-officer" in decided, "staff:" in decided) == (True, False)
    assert f'<a href="{reverse("admin:consents_consentevent_changelist")}">Look up consent proof</a>' in page


def test_the_operators_home_has_the_last_minutes(log_in: LogIn, settings: LazySettings) -> None:
    pipe = redis.client().pipeline()
    numbers = {"event:kept": 1_234, "status:429": 5, "lag": 77, "within:recommend:0.01": 1, "within:recommend:+Inf": 1}
    minutes.queue_add(pipe, numbers)
    pipe.execute()

    page = log_in("operator").get("/admin/").content.decode()
    shown = page[page.index("The last minutes") :]
    assert re.search(r"Arrived in the last hour</span><b>1,234</b>", page)
    assert (
        "1,234 events arrived in the last hour and were kept."
        in log_in("operator", "olga").get(reverse("portal:stream")).content.decode()
    )

    assert all(
        text in shown
        for text in ("<dd>1,234</dd>", "77 entries", "under 10 ms, of 1 answer<", "1,234</title>", ">5</a>")
    )
    assert f'href="{reverse("portal:stream")}#failures"' in page
    assert "The last minutes" not in log_in("merchandiser").get("/admin/").content.decode()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis does not answer." in log_in("operator", "ops").get("/admin/").content.decode()


def test_home_links_are_valid() -> None:
    assert [name for _, name, _ in DOORS if not reverse(name)] == []


def test_preview_names_the_invalid_field(log_in: LogIn) -> None:
    page = log_in("merchandiser").get("/portal/preview?placement=home&limit=99&effect=cap&cap=-1").content.decode()

    assert "Size: Ensure this value is less than or equal to 50." in page
    assert "At most: Ensure this value is greater than or equal to 0." in page
    assert 'value="99"' in page


def test_home_shows_an_unreadable_live_version(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(snapshot_refresher), "refusal", "v1 is not served here: ranker.json was altered")

    assert "ranker.json was altered" in log_in("data scientist").get("/admin/").content.decode()


def test_admin_url_without_slash_redirects(log_in: LogIn) -> None:
    answer = log_in("merchandiser").get("/admin?x=1")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/?x=1")


def test_preview_links_need_permission(log_in: LogIn) -> None:
    subject = subject_pseudonym("user:u1")
    Customer.objects.create(raw_id=subject, attributes={"city": "Vienna"})
    for role, led in (("merchandiser", True), ("compliance officer", False)):
        staff = log_in(role)
        assert ("What would they see?" in staff.get(f"/portal/customers/{subject}").content.decode()) is led
        assert (f"?subject={quote(subject, safe='')}" in staff.get("/portal/customers").content.decode()) is led


def test_sidebar_hides_links_without_permission(log_in: LogIn) -> None:
    scientist = log_in("data scientist")

    page = scientist.get("/admin/").content.decode()

    assert 'href="/admin/modelops/modelversion/"' in page
    assert 'href="/admin/access/apikey/"' not in page


def test_the_sidebar_leads_everybody_to_the_api_docs(log_in: LogIn) -> None:
    assert 'href="/api/docs"' in log_in("nobody").get("/admin/").content.decode()


@pytest.mark.parametrize("address", ["/portal/customers", "/portal/customers/user:u1", "/portal/preview"])
def test_staff_page_needs_login_and_permission(log_in: LogIn, address: str) -> None:
    stranger = Client().get(address)
    nobody = log_in("nobody").get(address)

    assert stranger.status_code == 302
    assert stranger["Location"].startswith("/admin/login/")
    assert nobody.status_code == 403


def test_sign_in_redirects_to_home(log_in: LogIn) -> None:
    user = get_user_model().objects.create_user("bo", password="long-enough-1", is_staff=True)

    answer = Client().post("/admin/login/", {"username": user.get_username(), "password": "long-enough-1"})

    assert answer["Location"] == "/admin/"


def test_unknown_customer_is_reported(log_in: LogIn) -> None:
    page = log_in("").get("/portal/customers/user:nobody-at-all")

    assert page.status_code == 200
    assert "No event of this id was recorded" in page.content.decode()


def test_profile_uses_trait_titles(log_in: LogIn) -> None:
    profiles.apply_events([event(1, user_id=ADA), event(2, name="Product Added", user_id=ADA)], offsets={})

    page = log_in("merchandiser").get("/portal/customers/user:ada")

    titles = [name for name, _ in page.context["profile"].traits]
    assert titles == [
        *("Days since last seen", "Days active", "Actions", "Last viewed"),
        *("Sessions", "Usual hour", "Recent activity"),
    ]
    assert "Amounts are in EUR." in page.content.decode()


def test_customer_page_shows_unknown_product_ids(log_in: LogIn) -> None:
    put_product("P2", data={"title": "Desk", "price": "9.90"}, actor="staff:1")
    lines = [{"product_id": f"P{number}"} for number in range(1, 9)]
    bought = (
        event(1, name="Order Completed", user_id=ADA, properties={"order_id": "O1", "revenue": 9, "products": lines}),
        event(
            2, name="Order Completed", user_id=ADA, properties={"order_id": "O2", "revenue": 9, "products": lines[2:4]}
        ),
    )
    after = offsets([0])
    Recorder().record({0: [(after[0] + place, entry(one)) for place, one in enumerate(bought, start=1)]}, after=after)

    page = " ".join(log_in("").get("/portal/customers/user:ada").content.decode().split())

    assert 'Desk <span class="soft">and 7 more</span>' in page
    assert "and more: 8 lines" in page
    assert '<span class="soft">P3, P4</span>' in page[page.index("<h2>Orders") : page.index("<h2>What happened")]


def test_repeated_consent_shows_its_latest_time(log_in: LogIn) -> None:
    pipe = redis.client().pipeline()
    for number in (1, 2):
        apply_all(pipe, f"user:{ADA}", {"analytics": Decision(True, START + number * 3_600_000_000, f"m{number}")})
    pipe.execute()

    page = log_in("").get("/portal/customers/user:ada").content.decode()

    assert f"{from_microseconds(START + 2 * 3_600_000_000):%Y-%m-%d %H:%M} UTC" in page, "not the first time"
    assert ("<th>Last said</th>" in page, "<th>Since</th>" in page) == (True, False)


def test_home_counts_set_aside_items(log_in: LogIn) -> None:
    for number, sent in enumerate((None, clock.now(), None)):
        SetAside.objects.create(
            reason="no", payload="{}", received_at=clock.now(), shard=0, log_offset=number, replayed_at=sent
        )
    operator = log_in("operator")

    home = operator.get("/admin/")
    (door,) = re.findall(r'<b>2</b><span><a href="([^"]+)">never sent again', home.content.decode())

    assert operator.get(door).context["cl"].result_count == home.context["pulse"].waiting == 2


def test_search_redirects_to_the_customer(log_in: LogIn) -> None:
    root = log_in("")

    for typed, subject in (("u1", "user:u1"), ("anonymous:a1", "anonymous:a1")):
        known_as = subject_pseudonym(subject)
        Customer.objects.create(raw_id=known_as)
        assert root.post("/portal/customers", {"q": typed})["Location"] == f"/portal/customers/{known_as}"


@pytest.mark.parametrize("shopper", ["crm/42", "a\nb", "50 %", "../x", "ü", "a" * 512])
def test_any_id_has_a_page(log_in: LogIn, shopper: str) -> None:
    subject = subject_pseudonym(f"user:{shopper}")
    Customer.objects.create(raw_id=subject, attributes={"city": "Rome"})
    dee = log_in("merchandiser")

    list_page = dee.get("/portal/customers")
    customer_page = dee.post("/portal/customers", {"q": shopper}, follow=True)

    assert (list_page.status_code, customer_page.status_code) == (200, 200)
    assert customer_page.context["subject"] == subject
    assert "Rome" in list_page.content.decode()


@pytest.mark.parametrize("before", ["2026-99-99T00:00:00", "2026-01-01T00:00:00+99:99", "yesterday"])
def test_invalid_time_shows_the_latest_events(log_in: LogIn, before: str) -> None:
    assert log_in("merchandiser").get("/portal/customers/user:ada", {"before": before}).status_code == 200


def test_empty_list_shows_only_possible_actions(log_in: LogIn) -> None:
    scientist, merchandiser = log_in("data scientist"), log_in("merchandiser")
    alarms = reverse("admin:modelops_modelalarm_changelist")
    rules = reverse("admin:personalization_rule_changelist")

    assert "Add" not in page_text(scientist, alarms)
    assert "Show everything" not in page_text(scientist, alarms)
    assert "Show everything" in page_text(scientist, f"{alarms}?kind__exact=data")
    assert "Add rule" in page_text(merchandiser, rules)


def page_text(browser: Client, address: str) -> str:
    """Return the text of a list without rows."""
    page = browser.get(address).content.decode()
    assert "Create a new item" not in page
    start = page.index("Nothing ")
    return page[start : page.index("</section>", start)]


def test_heading_keeps_the_case_of_an_id(log_in: LogIn) -> None:
    admin = log_in("")
    keep_ids(newly_sealed(["shopper-1"]))
    home = Placement.objects.get(key="home")

    customer = heading(admin.get("/portal/customers/user:shopper-1").content.decode())
    placement = heading(admin.get(f"/admin/personalization/placement/{home.pk}/change/").content.decode())

    assert customer == ["shopper-1"]
    assert placement == ["What is shown", "Placements", "home"], "the menu's group"


def test_show_all_link_needs_hidden_rows(log_in: LogIn) -> None:
    admin = log_in("")

    assert "Show all" not in admin.get("/admin/audit/auditevent/").content.decode()
    assert "Show all" in admin.get("/admin/audit/auditevent/?q=user:u1").content.decode()


def test_times_have_one_format_with_zone(log_in: LogIn) -> None:
    admin = log_in("")

    assert re.search(r">\d{4}-\d\d-\d\d \d\d:\d\d UTC<", admin.get("/admin/audit/auditevent/").content.decode())
    assert "When (UTC)" in admin.get("/admin/").content.decode()


def heading(page: str) -> list[str]:
    """Return the parts of the page's first heading."""
    inside = re.search(r"<h1.*?</h1>", page, re.DOTALL)
    assert inside is not None
    words = re.findall(r"(?<=>)[^<>]+(?=<)", inside[0])
    return [word.strip() for word in words if word.strip() not in ("", "chevron_right")]


def test_missing_trait_is_shown_as_unknown() -> None:
    assert readable({"monetary": 0.0, "average_order_value": None}) == "monetary 0, average order value unknown"


def test_invalid_key_redirects_home(log_in: LogIn) -> None:
    assert log_in("operator").get("/admin/access/apikey/none/change/").status_code == 302


def test_empty_lists_explain_where_rows_come_from(log_in: LogIn) -> None:
    root = log_in("")
    lists = (
        *("events_event", "events_setaside", "events_order", "consents_consentevent", "customers_customer"),
        *("customers_customerlink", "modelops_modelversion", "modelops_trainingrun"),
        *("modelops_modelwaiver", "modelops_modelalarm"),
    )

    pages = {name: root.get(reverse(f"admin:{name}_changelist")).content.decode() for name in lists}

    assert [name for name, page in pages.items() if not re.search(r"Nothing here yet\. [A-Z]\w*", page)] == []


@pytest.mark.django_db
def test_missing_rule_redirects_with_a_message(log_in: LogIn) -> None:
    response = log_in("merchandiser").get(reverse("admin:personalization_rule_change", args=[9999]), follow=True)

    assert "rule with ID “9999” doesn’t exist" in response.content.decode()
