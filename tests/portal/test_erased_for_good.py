"""Who was erased stays erased: neither a replay of the log nor a backup from before brings them back."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from access.services import create_key
from audit.selectors import entries
from catalog.services import bulk_upsert
from common import clock, privacy, redis
from common.pseudonyms import subject_pseudonym
from consents import cache
from consents.models import ErasureMark, IdentityMethod, PrivacyRequest
from consents.selectors.requests import first_erasure_after
from consents.services import decide_for, fulfilment
from consents.services.requests import open_request
from consents.services.suppression import repair_marks
from customers.models import Customer
from embedded.postgres import binaries
from events.log import get_log
from events.models import Dedupe, Event, Offset
from events.services.recorder import Recorder, offsets
from profiles import services as profiles
from profiles.replay import replay

pytestmark = pytest.mark.django_db(transaction=True)
SUBJECT = subject_pseudonym("user:lovelace")
ADA = privacy.Person((SUBJECT, subject_pseudonym("anonymous:laptop")))
BO = privacy.Person((subject_pseudonym("user:bo"),))
YES = {"analytics": True, "personalization": True, "train_models": True}


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with mock.patch("celery.current_app.send_task"):
        yield


@pytest.fixture
def server() -> APIClient:
    """The shop's server, which sent what Ada did on her laptop and phone, and what Bo did later on that phone.

    The phone is Bo's as well, so an erasure of Ada marks her account and her laptop alone.
    """
    bulk_upsert([{"product_id": "lamp", "title": "Lamp", "price": "9.90", "currency": "EUR"}], actor="system:test")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='s', scopes=['events:write'])[1]}")
    send(client, {"userId": None}, {}, {"type": "identify", "traits": {"email": "lovelace@example.com"}})
    send(client, {"anonymousId": "phone"}, {"userId": "bo", "anonymousId": "phone"})
    consume()
    return client


def send(client: APIClient, *items: dict[str, Any]) -> None:
    viewed = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "lamp"}}
    ids = {"userId": "lovelace", "anonymousId": "laptop", "context": {"consent": {"categoryPreferences": YES}}}
    body = {"batch": [{**viewed, **ids, **item} for item in items]}
    assert client.post("/v1/batch", body, format="json").status_code == 200


def consume() -> None:
    log = get_log()
    after = offsets(range(log.shards))
    if batch := log.read_many(after, count=10_000):
        Recorder().record(batch, after=after)
        profiles.apply(batch)


def erase() -> None:
    request = open_request(SUBJECT, kind="erasure", regime="gdpr", actor="sk_1", proof=IdentityMethod.LOGIN)
    fulfilment.fulfil(request.pk, actor="staff:7")
    for _ in range(2):
        PrivacyRequest.objects.update(next_attempt_at=clock.now())
        fulfilment.work_on(request.pk)
    assert PrivacyRequest.objects.get().status == "completed"


def held(person: privacy.Person) -> dict[str, int]:
    """Return what stores other than the audit log hold about the person: the number of records."""
    counts = {store.name: store.verify(person) for store in privacy.stores() if not store.is_log}
    return {name: count for name, count in counts.items() if count}


def program(name: str, *options: str) -> None:
    """Run a client program of PostgreSQL on the test's database."""
    where = settings.DATABASES["default"]
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    environment = {**os.environ, **{variable: str(where[name]) for variable, name in names.items()}}
    command = [str(binaries(Path("/")) / name), *options]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def backup(server: APIClient, tmp_path: Path) -> Callable[[], None]:
    """Return what restores PostgreSQL from a backup that was made while the shop still knew Ada."""
    file = str(tmp_path / "before.dump")
    program("pg_dump", "--format", "custom", "--file", file)

    def restore() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.close()
        program("pg_restore", "--single-transaction", "--dbname", connection.settings_dict["NAME"], file)

    return restore


def test_a_replay_from_offset_0_brings_nobody_back(server: APIClient) -> None:
    assert held(ADA).keys() >= {"customers", "events", "profiles", "consents"}
    erase()
    of_bo = held(BO)

    for model in (Event, Dedupe, Offset, Customer):
        model.objects.all().delete()
    profiles.forget_everybody()
    consume()
    replay(get_log())

    assert held(ADA) == {}
    assert held(BO) == of_bo


def test_a_backup_from_before_brings_nobody_back(server: APIClient, backup: Callable[[], None]) -> None:
    before = clock.now()
    erase()
    backup()
    assert held(ADA).keys() >= {"customers", "events", "consents"}
    assert not ErasureMark.objects.exists()
    consume()

    call_command("erase_again")
    replay(get_log())

    assert held(ADA) == {}
    assert {"customers", "events", "consents"} <= held(BO).keys()
    assert entries(action="erasure.repeated")[0].data["ids"] == 2
    assert first_erasure_after(before), "models of the backup must unlearn"
    send(server, {})
    consume()
    assert held(ADA) == {}


def test_nor_do_backups_of_both_stores(backup: Callable[[], None]) -> None:
    client = redis.client()
    copies: dict[Any, Any] = {key: client.dump(key) for key in client.scan_iter()}
    erase()
    backup()
    client.flushdb()
    for key, content in copies.items():
        client.restore(key, 0, content)
    assert "profiles" in held(ADA)

    with mock.patch("profiles.services.forget", side_effect=OSError), pytest.raises(OSError):
        repair_marks()
    assert repair_marks() == 2, "a repair that failed begins anew"

    assert held(ADA) == {}
    assert held(BO)
    assert client.hlen(cache.ERASED) == ErasureMark.objects.count() == 2
    assert repair_marks() == 0


def test_who_came_back_by_a_new_decision_stays(server: APIClient) -> None:
    erase()
    decide_for(SUBJECT, decisions=YES, actor="test")
    send(server, {"anonymousId": None})
    consume()
    new = held(ADA)
    assert new.keys() >= {"events", "profiles", "consents"}

    redis.client().delete(cache.ERASED)

    assert repair_marks() == 2
    assert held(ADA) == new
