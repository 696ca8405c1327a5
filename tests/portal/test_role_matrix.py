"""Every page and action of the admin and the portal, with what each role may do there, as `role_matrix.txt` lists it.

The pages come from the URL resolver and the actions from the admin, so a new one without a row fails here. To add one,
run this test, read the lines it prints, and copy them into the file if they say what you want.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from plotly.offline import get_plotlyjs_version
from pytest_django import Settings

from access.accounts import note_change
from access.models import User
from access.roles import ROLES
from access.services import create_key
from audit.models import AuditExport
from audit.services import exports, record
from audit.services.sequencing import sequence
from catalog import imports
from catalog.services import put_product
from common import clock
from common.ids import uuid7
from consents.models import ConsentEvent, ConsentKey, PolicyText, Purpose, RegionRule
from consents.services.requests import open_request
from customers.models import Customer, CustomerLink
from events.models import AllowedField, Event, Order, SetAside
from experiments.models import Proposal
from experiments.services.designs import create_experiment, create_namespace
from experiments.services.metrics import define_metric
from modelops.models import ModelAlarm, ModelVersion, ModelWaiver, TrainingRun
from personalization.services.rules import create_rule
from profiles.services.segment_jobs import queue_job
from profiles.services.segments import create_segment
from tests.staff import staff

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
MATRIX: Final = Path(__file__).with_name("role_matrix.txt")
VISITOR, NO_ROLE, SUPERUSER = "visitor", "no role", "superuser"
COLUMNS: Final = (VISITOR, NO_ROLE, *ROLES, SUPERUSER)
NOTHING, VIEW, DO, BOTH = ".", "r", "w", "rw"
"""Nothing: 403, or the login form. View: GET answers. Do: POST answers, or the action is offered."""
VIEWS: Final = (
    "_changelist",
    "_history",
    "_evaluation_page",
    "_comparison_page",
    "_with_live",
    "_trainingrun_live",
    "_plotly",
)
"""Ends of the names of pages that take no POST of their own; actions of a list have lines of their own."""
SITE_VIEWS: Final = ("index", "search", "jsi18n", "autocomplete", "app_list", "view_on_site", "password_change_done")
MACHINES: Final = (
    *("api/", "v1/", "cdn/", "mp/", "ofrep/", "sub/", "track", ".well-known/"),
    *("healthz", "readyz", "metrics", "shop/pictures/", "privacy/confirm/", "privacy/me"),
)
"""Starts of routes that no member of staff opens by a role; keys open them, or anybody."""
NAMED: Final = {"portal:preview of a named shopper": "/portal/preview?placement=home&subject=user:ada"}
"""Addresses that deserve a line beside the one of their page."""
LOOKS: Final = {
    "name": "Looks",
    "kind": "mean",
    "numerator": {"source": "events", "aggregate": "count", "events": ["Product Viewed"]},
}
"""A metric that somebody defined."""
UNNAMED: Final = ("<path:object_id>/", "(?P<url>.*)$", "admin")
"""Ends of routes without a name: redirects, and the admin's answer to unknown addresses."""


def routes(resolver: URLResolver, start: str = "", spaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    """Yield the whole route and the pattern of each page; the namespace stands before the name."""
    for pattern in resolver.url_patterns:
        route = start + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from routes(pattern, route, inner)
        else:
            yield route, URLPattern(pattern.pattern, pattern.callback, {}, _full_name(spaces, pattern.name))


def _full_name(spaces: tuple[str, ...], name: str | None) -> str | None:
    return None if name is None else ":".join((*spaces, name))


def pages() -> list[str]:
    """Return the names of the pages that people open."""
    names = [str(page.name) for route, page in routes(get_resolver()) if not route.startswith(MACHINES)]
    return [*(name for name in names if name.startswith(("admin:", "portal:"))), *NAMED]


def actions() -> list[tuple[str, Any, str]]:
    """Return label, admin and name of each action of a list, and of each button beside Save."""
    request = request_of(User(is_superuser=True, is_active=True))
    result = []
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label_lower.replace(".", "_")
        result += [(f"action {label} {name}", model_admin, name) for name in model_admin.get_actions(request)]
        result += [
            (f"button {label} {name}", model_admin, name) for name in getattr(model_admin, "actions_submit_line", ())
        ]
    return result


def request_of(user: Any) -> Any:
    """Return a request of the user for the list of actions."""
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


@pytest.fixture
def rows(db: None, settings: Settings, tmp_path: Path) -> dict[str, Any]:
    """One row of each table that has pages; the key of each by `app_model`."""
    asker, dee = User.objects.create_user("asker", is_staff=True), User.objects.create_user("dee", is_staff=True)
    note_change(dee.pk, actor="staff:0")
    now, settings.MEDIA_ROOT = clock.now(), tmp_path
    put_product("P1", data={"title": "Chair", "price": "9.90"}, actor="system:test")
    version = ModelVersion.objects.create(version="2026-12-01.1", directory="2026-12-01.1", artifact_hash="0" * 64)
    crontab, interval = CrontabSchedule.objects.create(), IntervalSchedule.objects.create(every=1, period="hours")
    one = {
        "access_user": dee,
        "access_apikey": create_key(kind="sk", name="server", scopes=["catalog:read"])[0],
        "auth_group": Group.objects.create(name="helpers"),
        "catalog_productimport": imports.keep_file(
            [b"product_id,title\nP2,Desk\n"], file_name="p.csv", format="csv", rows=1, actor="staff:1"
        ),
        "consents_consentevent": ConsentEvent.objects.create(
            raw_id="user:ada", purpose="analytics", given=True, at=now
        ),
        "consents_consentkey": ConsentKey.objects.create(key="C0009", purpose="analytics"),
        "consents_policytext": PolicyText.objects.create(version="1", body="Hello"),
        "consents_regionrule": RegionRule.objects.create(region="US", mode="opt_out"),
        "customers_customer": Customer.objects.create(raw_id="user:ada", attributes={"city": "Rome"}),
        "customers_customerlink": CustomerLink.objects.create(
            kind="claim", from_id="a1", user_id="ada", at=now, message_id="m1"
        ),
        "django_celery_beat_crontabschedule": crontab,
        "django_celery_beat_intervalschedule": interval,
        "django_celery_beat_periodictask": PeriodicTask.objects.create(name="test", task="x", interval=interval),
        "events_allowedfield": AllowedField.objects.create(path="properties.color", purposes=["analytics"]),
        "events_event": Event.objects.create(
            id=uuid7(), message_id="m1", at=now, received_at=now, kind="track", shard=0, log_offset=1
        ),
        "events_order": Order.objects.create(order_id="O1", user_id="ada", currency="EUR", placed_at=now),
        "events_setaside": SetAside.objects.create(reason="no", payload="{}", received_at=now, shard=0, log_offset=1),
        "experiments_experiment": create_experiment("button", data={}, actor="staff:1").experiment,
        "experiments_metricdefinition": define_metric("looks", data=LOOKS, actor="staff:1"),
        "experiments_namespace": create_namespace("checkout", name="Checkout", actor="staff:1"),
        "modelops_modelalarm": ModelAlarm.objects.create(kind="data", message="x", raised_at=now, latest_at=now),
        "modelops_modelversion": version,
        "modelops_modelwaiver": ModelWaiver.objects.create(
            model_version=version, reason="x", requested_by=asker, requested_at=now, expires_at=now + timedelta(days=1)
        ),
        "modelops_trainingrun": TrainingRun.objects.create(actor="system:test"),
        "profiles_segment": create_segment(
            key="lookers", name="Lookers", rule={"event": "view", "times": 1}, actor="staff:1"
        ),
        "profiles_segmentjob": queue_job("refit", actor="staff:1"),
        "personalization_rule": create_rule(
            name="More chairs", wording={"effect": "boost", "products": ["P1"]}, actor="staff:1"
        ),
    }
    one["consents_privacyrequest"] = open_request("user:ada", kind="access", regime="gdpr", actor="staff:1")
    keys = {name: row.pk for name, row in one.items()}
    experiment = one["experiments_experiment"]
    keys["step"] = experiment.steps.get().pk
    keys["proposal"] = Proposal.objects.create(
        experiment=experiment, action="stop", rule="x", reason="x", inputs={}, at=now
    ).pk
    keys["audit_auditevent"] = record(category="x", action="x.y", actor="system:test", object="x:1").id
    keys["audit_auditexport"] = written_export(settings, tmp_path).pk
    for label in ("catalog.product", "consents.purpose", "personalization.placement"):
        keys[label.replace(".", "_")] = apps.get_model(label)._default_manager.values_list("pk", flat=True).first()
    assert Purpose.objects.exists()
    return keys


def written_export(settings: Settings, folder: Path) -> AuditExport:
    """Return an export whose file is there."""
    settings.AUDIT_KEY_FILE = folder / "signing.key"
    sequence()
    row = exports.queue_export(format="jsonl", declared={}, actor="staff:1")
    exports.run_export(row.pk)
    return row


def address_of(name: str, rows: dict[str, Any]) -> str:
    """Return the address of a page with a row of its table."""
    if name in NAMED:
        return NAMED[name]
    match name:
        case "admin:auth_user_password_change":
            return reverse(name, args=[rows["access_user"]])
        case "admin:view_on_site":
            return reverse(name, args=[1, 1])
        case "admin:app_list":
            return reverse(name, args=["catalog"])
        case "admin:personalization_plotly":
            return reverse(name, args=[get_plotlyjs_version()])
        case "admin:experiments_experiment_step":
            return reverse(name, args=[rows["experiments_experiment"], "start"])
        case "admin:experiments_experiment_undo":
            return reverse(name, args=[rows["experiments_experiment"], rows["step"]])
        case "admin:experiments_experiment_proposal":
            return reverse(name, args=[rows["experiments_experiment"], rows["proposal"], "approve"])
        case "portal:experiment-preview":
            return reverse(name) + "?experiment=button"
        case "portal:customer":
            return reverse(name, args=["user:ada"])
        case "portal:model-comparison":
            return reverse(name, args=[rows["modelops_modelversion"]])
        case "portal:segment":
            return reverse(name, args=["lookers"])
        case "portal:performance-product":
            return reverse(name, args=["P1"])
        case "portal:performance-placement" | "portal:placement-rules" | "portal:placement-objective":
            return reverse(name, args=["home"])
        case "portal:preview":
            return reverse(name) + "?placement=home"
        case "portal:shop-product":
            return reverse(name, args=["P1"])
    table = next((table for table in rows if name.startswith(f"admin:{table}_")), None)
    try:
        return reverse(name)
    except Exception:  # noqa: BLE001  # the page belongs to one row
        return reverse(name, args=[rows[str(table)]])


def answers(ask: Callable[[], Any]) -> bool:
    """Return whether the page answers this person at all. What it writes is rolled back."""
    with transaction.atomic():
        response = ask()
        if response.streaming:
            b"".join(response.streaming_content)  # read to its end, a file is closed
        transaction.set_rollback(True)
    led = response.headers.get("Location", "")
    return response.status_code not in (403, 404, 405) and not led.startswith("/admin/login/")


def may_open(browser: Client, name: str, rows: dict[str, Any]) -> str:
    """Return what the person of the browser may do on a page."""
    address, cookies = address_of(name, rows), SimpleCookie(browser.cookies.output(header="", sep=";"))
    short = name.partition(":")[2]
    takes_post = not (short.endswith(VIEWS) or short in SITE_VIEWS)
    view = answers(lambda: browser.get(address))
    do = takes_post and answers(lambda: browser.post(address))
    browser.cookies = cookies
    return BOTH if view and do else VIEW if view else DO if do else NOTHING


def may_act(user: Any, model_admin: Any, label: str, name: str, rows: dict[str, Any]) -> str:
    """Return whether an action is offered to the person."""
    request = request_of(user)
    if not model_admin.has_view_or_change_permission(request):
        return NOTHING
    if label.startswith("button"):
        offered = [one.method.__name__ for one in model_admin.get_actions_submit_line(request, rows[label.split()[1]])]
        return DO if name in offered and model_admin.has_change_permission(request) else NOTHING
    return DO if name in model_admin.get_actions(request) else NOTHING


def matrix() -> dict[str, dict[str, str]]:
    """Return the lines of the file: by page or action, what each column may do."""
    lines = [line.split("|") for line in MATRIX.read_text().splitlines() if "|" in line]
    columns = [cell.strip() for cell in lines[0][1:]]
    return {line[0].strip(): dict(zip(columns, map(str.strip, line[1:]), strict=True)) for line in lines[1:]}


def test_every_page_and_action_has_a_line_and_every_role_a_column() -> None:
    labels = [*pages(), *(label for label, _, _ in actions())]
    lines = matrix()

    assert sorted(lines) == sorted(labels), "a page or action without a line in role_matrix.txt, or a line without one"
    assert {tuple(cells) for cells in lines.values()} == {COLUMNS}


def test_every_other_address_is_for_machines() -> None:
    others = [
        route
        for route, page in routes(get_resolver())
        if not str(page.name or "").startswith(("admin:", "portal:"))
        and not route.startswith(MACHINES)
        and not (page.name is None and route.endswith(UNNAMED))
    ]

    assert others == [], "name it in a namespace of the staff's pages, or as a machine's door"


@pytest.mark.parametrize("column", COLUMNS)
def test_each_role_may_do_what_its_column_says(column: str, rows: dict[str, Any]) -> None:
    browser, user = person_of(column)

    measured = {name: may_open(browser, name, rows) for name in pages()}
    measured |= {label: may_act(user, model_admin, label, name, rows) for label, model_admin, name in actions()}

    expected = {label: cells[column] for label, cells in matrix().items()}
    wrong = {label: (expected.get(label), cell) for label, cell in measured.items() if expected.get(label) != cell}
    assert wrong == {}, f"{column}: expected, measured"


def person_of(column: str) -> tuple[Client, Any]:
    """Return a browser in which somebody of the column is signed in, and the account."""
    if column == VISITOR:
        return Client(), AnonymousUser()
    browser = staff("somebody", {NO_ROLE: "nobody", SUPERUSER: ""}.get(column, column))
    return browser, User.objects.get(username="somebody")
