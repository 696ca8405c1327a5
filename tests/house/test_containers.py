"""The compose file is valid, and runs what the Procfile runs."""

import json
import shlex
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from common.embedded import procfile
from tests.house.tree import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SCHEMA = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
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


def test_valkey_keeps_what_it_acknowledged() -> None:
    command = COMPOSE["services"]["redis"]["command"]

    assert "--appendonly yes --appendfsync always --maxmemory-policy noeviction" in command
