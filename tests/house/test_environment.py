"""Settings are read from the environment by type, and say loudly what they cannot understand."""

import os
import subprocess
import sys
from importlib import import_module
from typing import get_args

import pytest

from common import redis
from config import env
from consents.rules import Mode, region_of_rule
from tests.house.tree import ROOT
from tests.services import acquire, refuse_a_shop


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("true", True), ("YES", True), ("0", False), ("", False)])
def test_a_flag(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    assert env.flag("SAMPLE") is value


def test_a_flag_that_is_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "maybe")

    with pytest.raises(env.BadSetting, match="SAMPLE='maybe'"):
        env.flag("SAMPLE")


def test_a_number_below_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "0")

    with pytest.raises(env.BadSetting, match="at least 1"):
        env.integer("SAMPLE", 4, minimum=1)
    with pytest.raises(env.BadSetting, match="at most -1"):
        env.integer("SAMPLE", -4, maximum=-1)


@pytest.mark.parametrize(
    ("raw", "message"), [("1.5", "at most 1"), ("-0.1", "at least 0"), ("nan", "finite"), ("inf", "finite")]
)
def test_a_number_out_of_bounds(raw: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    with pytest.raises(env.BadSetting, match=message):
        env.number("SAMPLE", 0.5, minimum=0.0, maximum=1.0)


def test_a_listing_drops_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "a, b,,")

    assert env.listing("SAMPLE") == ["a", "b"]


def test_amounts_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "view=1, cart = 2.5,")

    assert env.weights("SAMPLE", ("view", "cart", "purchase")) == {"view": 1.0, "cart": 2.5}
    assert env.weights("NOTHING_OF_THIS_NAME", ("view",)) == {}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("buy=2", "'buy' is none of view, cart"),
        ("view", "expected view=number"),
        ("view=much", "expected view=number"),
        ("view=1,view=2", "view comes twice"),
        *[(f"view={value}", "expected a number above 0") for value in ("0", "-1", "nan", "inf", "1e-60", "1e60")],
    ],
)
def test_amounts_that_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, raw: str, message: str) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    with pytest.raises(env.BadSetting, match=f"SAMPLE: .*{message}"):
        env.weights("SAMPLE", ("view", "cart"))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('{"DE": 1}', "'DE': expected one of opt_in, opt_out, not 1"),
        ('{"DE": "opt-in"}', "'DE': expected one of opt_in, opt_out, not 'opt-in'"),
        ('{"Germany": "opt_in"}', "'Germany' cannot be read"),
        ('{"DE": "opt_in", "de": "opt_out"}', "DE comes twice"),
        ('["DE"]', "expected a JSON object"),
    ],
)
def test_a_mapping_that_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, raw: str, message: str) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    with pytest.raises(env.BadSetting, match=f"SAMPLE: {message}"):
        env.mapping("SAMPLE", {}, key=region_of_rule, choices=get_args(Mode))


def test_a_mapping_is_looked_up_as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", '{"us_ca": "opt_in", "*": "opt_out"}')

    rules = env.mapping("SAMPLE", {}, key=region_of_rule, choices=get_args(Mode))

    assert rules == {"US-CA": "opt_in", "*": "opt_out"}


@pytest.mark.parametrize(
    "variable",
    [
        *("KEY_RATE_SECRET=lots", "KEY_RATE_PUBLISHABLE=60k/minute", "LOG_LEVEL=loud", "SERVING_REFRESH=sometimes"),
        "KEY_RATE_PUBLISHABLE=1200/minute;10/second",
        *("SHOP_CURRENCY=euro", "CONSENT_RULES=x", "CONSENT_DEFAULT_REGION=Germany"),
        *("REDIS_URL=localhost:6379", "REDIS_URL=redis://localhost/a", "DATABASE_URL=mysql://localhost/shop"),
        *("REDIS_BROKER_URL=localhost:6379", "REDIS_CHANNELS_URL=redis://localhost:x/2"),
        *("DATABASE_URL=postgresql://localhost:x/shop", "DATABASE_OWNER_URL=postgresql://localhost:70000/shop"),
        *("MLFLOW_NAME=o'neill", "MLFLOW_NAME=shop/two", "MLFLOW_NAME= ", "MASTER_KEY=of-sixteen-chars"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_name(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    for module in [module for module in sys.modules if module.startswith("config.settings")]:
        monkeypatch.delitem(sys.modules, module)

    with pytest.raises(env.BadSetting, match=f"^{name}[=:]"):
        import_module("config.settings")


@pytest.mark.parametrize(
    "variable", ["LOG_LEVEL=loud", "EXTRA_SOURCES=svd,nonsense", "CONSENT_REGION_RESOLVER=no.such"]
)
def test_what_cannot_be_understood_stops_the_start_with_its_name(variable: str) -> None:
    name, _, value = variable.partition("=")
    code = "import django; django.setup()"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", name: value}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, f" {name}" in done.stderr.splitlines()[-1]) == (1, True)


def test_what_is_empty_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "")

    assert env.choice("SAMPLE", "one", choices=("one", "two")) == "one"
    assert env.path("SAMPLE", "var/sample") == ROOT / "var" / "sample"
    assert env.redis("SAMPLE", "redis://localhost:6379/1") == "redis://localhost:6379/1"


def test_a_database_url_with_an_encoded_password() -> None:
    database = env.postgres("postgresql://ada:p%40ss@db.example:5433/shop?sslmode=require", name="SAMPLE")

    assert database["PASSWORD"] == "p@ss"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", "5433", "shop")
    assert database["OPTIONS"]["sslmode"] == "require"


def test_a_database_of_another_kind() -> None:
    with pytest.raises(env.BadSetting, match="postgresql://"):
        env.postgres("mysql://localhost/shop", name="SAMPLE")


def test_a_redis_database_further_on() -> None:
    assert env.redis_database("redis://:x@localhost:6379/4", 2) == "redis://:x@localhost:6379/6"


def test_tests_do_not_empty_what_a_shop_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    refuse_a_shop(os.environ["REDIS_URL"])
    redis.client().set("v:log:{0}:bytes", 7)

    with pytest.raises(pytest.UsageError, match="REDIS_URL, and it holds something"):
        acquire()
