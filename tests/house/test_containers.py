"""The compose file is valid, and runs what the Procfile runs."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from embedded import procfile
from tests.house.tree import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SCHEMA = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PROCESSES = procfile.read(ROOT / "Procfile")


def test_it_follows_the_compose_specification() -> None:
    schema = json.loads(SCHEMA.read_text())

    jsonschema.validate(COMPOSE, schema)


def test_the_specification_refuses_a_misspelled_key() -> None:
    schema = json.loads(SCHEMA.read_text())

    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.validate({"services": {"web": {"image": "vitrine", "comand": "granian"}}}, schema)


def test_it_runs_every_process_of_the_procfile() -> None:
    commands = {name: shlex.split(str(service.get("command", ""))) for name, service in COMPOSE["services"].items()}

    assert {name: commands.get(name) for name in PROCESSES} == PROCESSES


def test_it_runs_nothing_else_of_the_product() -> None:
    built = {name for name, service in COMPOSE["services"].items() if "build" in service}

    assert built - PROCESSES.keys() == {"migrate"}


def test_a_start_brings_tables_rights_and_roles() -> None:
    command = COMPOSE["services"]["migrate"]["command"]

    assert re.findall(r"manage\.py (\w+)", command) == ["migrate", "grant_app_role", "sync_roles"]


def test_only_the_migration_holds_the_password_of_the_tables_owner() -> None:
    services = {name: one for name, one in COMPOSE["services"].items() if one.get("env_file")}
    holders = {name for name, one in services.items() if one.get("environment", {}).get("DATABASE_OWNER_URL") != ""}
    readers = {
        name for name, one in services.items() if one.get("environment", {}).get("POSTGRES_OWNER_PASSWORD") != ""
    }

    assert holders == readers == {"migrate"}


def test_no_secret_goes_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert {".git", ".env", ".env.*", "var"} <= set(ignored)


def test_valkey_keeps_what_it_acknowledged() -> None:
    command = COMPOSE["services"]["redis"]["command"]

    assert "--appendonly yes --appendfsync always --maxmemory-policy noeviction" in command


def test_what_is_said_in_env_is_not_said_again_in_the_file() -> None:
    web, live, mlflow = (COMPOSE["services"][name]["environment"] for name in ("web", "live", "mlflow"))

    assert (web["GRANIAN_WORKERS"], live["GRANIAN_WORKERS"]) == ("${GRANIAN_WORKERS:-2}", "1")
    (port,) = COMPOSE["services"]["mlflow"]["ports"]
    outside = port.removeprefix("127.0.0.1:").removesuffix(":5000")
    allowed = mlflow["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert allowed == ["mlflow:5000", f"localhost:{outside}", f"127.0.0.1:{outside}"]


def test_every_image_is_built_with_the_extras_that_are_asked_for() -> None:
    builds = [service["build"] for service in COMPOSE["services"].values() if "build" in service]

    assert {build["args"]["EXTRAS"] for build in builds} == {"${EXTRAS:-}"}
    assert set(builds[0]["args"]) <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))


@pytest.mark.parametrize(
    ("extra", "packages"), [("deep", EXTRAS["deep"]), ("deep, spark", EXTRAS["deep"] + EXTRAS["spark"])]
)
def test_the_image_finds_an_extra_where_it_is_declared(extra: str, packages: list[str]) -> None:
    (code,) = re.findall(r"python -c '([^']+)'", DOCKERFILE)
    command = [sys.executable, "-c", code.replace("\\\n", ""), extra]

    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert output.splitlines() == packages
