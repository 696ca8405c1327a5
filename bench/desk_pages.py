"""How fast every page of the desks answers, asked for as its person through the real web server, in a shop of any size.

    make bench-desk-pages ARGS="--products 1000000 --customers 1000000 --events 3000000 --answers 5000000"

The pages are those of `tests/portal/role_matrix.txt` that a role may open. An answer counts as ten impressions. The
tables are filled inside PostgreSQL; no model is trained, but versions with full reports exist.
"""

import argparse
import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench._desk_rows import Sizes, fill
from bench._results import write_results
from bench._stage import Stage, answers, stage_in, until

MATRIX: Final = Path(__file__).resolve().parent.parent / "tests" / "portal" / "role_matrix.txt"
BUDGET_MS: Final = 300
CUSTOMER: Final = f"user:p_{7:022}"
QUERIES: Final = {
    "portal:preview": "?placement=home",
    "portal:experiment-preview": "?experiment=button",
    "admin:personalization_rule_choices": "?kind=products",
    "admin:consents_consentevent_on_date": f"?subject={CUSTOMER}",
    "portal:preview of a named shopper": f"?placement=home&subject={CUSTOMER}",
}
MORE: Final = {
    "customers by a whole id": f"/portal/customers?q=p_{123:022}",
    "customers by a common beginning": "/portal/customers?q=nam",
    "customers by name": "/portal/customers?q=ada",
    "customers by two names": "/portal/customers?q=eve+name1",
    "customers by nobody's name": "/portal/customers?q=quetzalcoatl",
    "older customers": "/portal/customers?before=500000",
    "performance in 90 days": "/portal/performance?days=90",
    "home in 90 days": "/portal/performance/home?days=90",
    "a whole report": "/admin/modelops/modelversion/1/evaluation/?part=all",
    "products by a part": "/admin/catalog/product/?q=oak+chair",
}
"""Addresses beside those of the matrix, asked for by the superuser."""


def main() -> int:
    """Fill the tables, ask for every page, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--answers", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=20, help="requests of each page")
    parser.add_argument("--folder", type=Path, help="where the stage lies; default: a temporary folder")
    options = parser.parse_args()
    sizes = Sizes(options.products, options.customers, options.events, options.answers)
    figures = measured(sizes, times=options.times, folder=options.folder)
    print(json.dumps(figures, indent=1))
    write_results("desk_pages", figures)
    return 0


def measured(sizes: Sizes, *, times: int, folder: Path | None = None) -> dict[str, Any]:
    """Return the milliseconds of each page, and which are over the budget."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="vitrine-") as name, stage_in(folder or Path(name), SECURE="0") as it:
        began = time.monotonic()
        prepare(it, sizes)
        filled_s = time.monotonic() - began
        serve(it)
        pages = {name: request_times(it.url, role, path, times) for name, role, path in addresses()}
    over = sorted(name for name, one in pages.items() if one["p95_ms"] > BUDGET_MS)
    return {
        **asdict(sizes),
        "impressions": sizes.impressions,
        "filled_s": round(filled_s),
        "pages": len(pages),
        "p95_ms_worst": max(one["p95_ms"] for one in pages.values()),
        "over_budget": over,
        "by_page": dict(sorted(pages.items(), key=lambda pair: -pair[1]["p95_ms"])),
    }


def prepare(it: Stage, sizes: Sizes) -> None:
    """Fill the tables and set up Django on the stage's stores."""
    it.environment["STATIC_ROOT"] = str(it.folder / "static")
    it.manage("collectstatic", "--no-input", "--verbosity", "0")
    it.manage("sync_roles")
    os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
    import django
    import psycopg2

    django.setup()
    with contextlib.closing(psycopg2.connect(it.environment["DATABASE_OWNER_URL"])) as connection:
        connection.autocommit = True
        fill(connection, sizes)
    few_rows()


def few_rows() -> None:
    """Add the rows of which every shop has few: versions, runs, alarms, waivers, rules, segments, accounts."""
    from datetime import timedelta

    from access.models import User
    from access.services import create_key
    from common import clock
    from consents.models import ConsentKey, PolicyText, RegionRule
    from events.models import AllowedField
    from experiments.services.designs import create_experiment
    from modelops.models import ModelAlarm, ModelVersion, ModelWaiver, TrainingRun
    from personalization.services.rules import create_rule
    from profiles.services.segment_jobs import queue_job
    from profiles.services.segments import create_segment
    from recsys.evaluation.model_checks.verdict import Verdict
    from tests.modelops.reports import REPORT
    from tests.recsys.planted import case, losing, usual

    now = clock.now()
    gate = Verdict.of(case(losing(usual(), 0.5), usual()), reference="live").json()
    for number in range(60):
        state = "champion" if number == 59 else "refused"
        version = ModelVersion.objects.create(
            version=f"2026-11-24.{number}", directory=str(number), artifact_hash="0" * 64, stage="blend", state=state,
            report=REPORT, gate=gate, metrics={"ndcg@10": 0.1}, promoted_at=now - timedelta(days=60 - number),
        )  # fmt: skip
        TrainingRun.objects.create(actor="system:test", state="done", model_version=version, steps=[["a", 0.0]] * 60)
    asker = User.objects.create_user("asker", is_staff=True)
    ModelWaiver.objects.create(
        model_version=version, reason="x", requested_by=asker, requested_at=now, expires_at=now + timedelta(days=1)
    )
    ModelAlarm.objects.create(kind="data", message="x", raised_at=now, latest_at=now)
    create_key(kind="sk", name="server", scopes=["catalog:read"])
    ConsentKey.objects.create(key="C0009", purpose="analytics")
    AllowedField.objects.create(path="properties.color", purposes=["analytics"])
    PolicyText.objects.create(version="1", body="Hello")
    RegionRule.objects.create(region="US", mode="opt_out")
    create_segment(key="lookers", name="Lookers", rule={"event": "view", "times": 1}, actor="staff:1")
    create_experiment("button", data={}, actor="staff:1")
    queue_job("refit", actor="staff:1")
    for number in range(10):
        wording = {"effect": "boost", "products": [f"P{number + 1}"]}
        create_rule(name=f"Rule {number}", wording=wording, actor="staff:1")


def serve(it: Stage) -> None:
    """Start the web server, and wait until it holds the catalog."""
    it.environment["LOG_LEVEL"] = "WARNING"
    it.serve()
    until(lambda: answers(f"{it.url}/readyz"), seconds=900, what="the catalog")
    time.sleep(5)


def addresses() -> Iterator[tuple[str, str, str]]:
    """Yield name, role and address of each page that a role may open with GET."""
    for name, cells in matrix().items():
        role = next((role for role, may in cells.items() if role not in ("visitor", "no role") and "r" in may), None)
        path = address_of(name) if role and name.startswith(("admin:", "portal:")) else None
        if role and path:
            yield name, role, path
    yield from ((name, "superuser", path) for name, path in MORE.items())


def matrix() -> dict[str, dict[str, str]]:
    """Return what each column may do, by page."""
    lines = [line.split("|") for line in MATRIX.read_text(encoding="utf-8").splitlines() if "|" in line]
    columns = [cell.strip() for cell in lines[0][1:]]
    return {line[0].strip(): dict(zip(columns, map(str.strip, line[1:]), strict=True)) for line in lines[1:]}


def address_of(name: str) -> str | None:
    """Return the address of a page with a row of its table, None where the stage has no such page or row."""
    from django.urls import NoReverseMatch, reverse

    route = name.partition(" of ")[0]
    query = QUERIES.get(name, "")
    for arguments in ([], *([one] for one in keys_of(name))):
        try:
            return reverse(route, args=arguments) + query
        except NoReverseMatch:
            continue
    return None


def keys_of(name: str) -> list[Any]:
    """Return what the address of a page of one row may need: the key of a row of its table, or a name."""
    from django.contrib import admin

    named = {
        "portal:customer": CUSTOMER,
        "portal:segment": "lookers",
        "portal:performance-placement": "home",
        "portal:placement-rules": "home",
        "portal:placement-objective": "home",
        "portal:performance-product": "P1",
        "portal:shop-product": "P1",
        "portal:model-comparison": 60,
        "admin:app_list": "catalog",
        "admin:personalization_plotly": "6",
    }
    if name in named:
        return [named[name]]
    for model in admin.site._registry:
        if name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
            key = model._default_manager.order_by().values_list("pk", flat=True).first()
            return [] if key is None else [key]
    return []


def cookie_of(role: str) -> str:
    """Return the session cookie of somebody of the role."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Group

    from access.models import User

    user, is_new = User.objects.get_or_create(
        username=role.replace(" ", "-"), defaults={"is_staff": True, "is_superuser": role == "superuser"}
    )
    if is_new and role != "superuser":
        user.groups.add(Group.objects.get(name=role))
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def request_times(url: str, role: str, path: str, times: int) -> dict[str, Any]:
    """Return status, size and the milliseconds of a page; the first request, which loads templates, does not count."""
    cookie, took, status, size = cookie_of(role), [], 0, 0
    link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    for number in range(times + 1):
        began = time.perf_counter()
        link.request("GET", path, headers={"Cookie": cookie})
        answer = link.getresponse()
        size, status = len(answer.read()), answer.status
        if number:
            took.append(1000 * (time.perf_counter() - began))
    link.close()
    return {"role": role, "path": path, "status": status, "bytes": size, **quantiles(sorted(took))}


def quantiles(took: list[float]) -> Mapping[str, float]:
    """Return median and 95 % of sorted times."""
    return {
        "p50_ms": round(took[len(took) // 2], 1),
        "p95_ms": round(took[min(len(took) - 1, int(0.95 * len(took)))], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
