"""One shopper with data in every store, erased: each store is searched for the ids by its own means, not by ours."""

import logging
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import redis as redis_py
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from access.services import create_key
from audit.services import record
from common import clock, privacy, redis
from common.personal_data import places
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.models import IdentityMethod, PrivacyRequest
from consents.services import decide_for, fulfilment
from consents.services.requests import open_request
from consents.suppression_mark import mark_of
from events.log import get_log
from events.models import Order
from events.services.recorder import Recorder, offsets
from events.stream.tail import tail
from experiments.models import Experiment, Exposure
from experiments.services.designs import create_experiment
from experiments.services.sticky import Note, write
from modelops.models import ModelVersion
from modelops.services.mirror import mirror_version
from profiles import services as profiles
from tests.modelops.conftest import few_sources
from tests.modelops.test_training import record as record_purchases
from tests.shop_fixtures import stocked_shop

__all__ = ["few_sources", "stocked_shop"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("stocked_shop"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of MLflow
]
USER, DEVICE = "lovelace-4711", "phone-4711"
SUBJECT = subject_pseudonym(f"user:{USER}")
OF_THE_SHOP = (b"lovelace-4711", b"phone-4711", b"lovelace@example")
NEEDLES = (*OF_THE_SHOP, pseudonym(USER).encode(), pseudonym(DEVICE).encode())
YES = {"analytics": True, "personalization": True, "train_models": True, "experiments": True, "cross_device": True}


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with mock.patch("celery.current_app.send_task"):
        yield


def send(client: APIClient, *items: dict[str, Any]) -> None:
    context = {"consent": {"categoryPreferences": YES}}
    batch = [{"type": "track", "userId": USER, "anonymousId": DEVICE, "context": context, **item} for item in items]
    assert client.post("/v1/batch", {"batch": batch}, format="json").status_code == 200


def consume() -> None:
    log = get_log()
    after = offsets(range(log.shards))
    batch = log.read_many(after, count=10_000)
    if batch:
        Recorder().record(batch, after=after)
        profiles.apply(batch)


@pytest.fixture
def everywhere(few_sources: None, settings: Any, tmp_path: Path) -> APIClient:
    """The shopper, in every store; the client of the shop's server."""
    server = APIClient()
    server.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='s', scopes=['events:write'])[1]}")
    viewed = {"event": "Product Viewed", "properties": {"product_id": "lamp"}}
    order = {"order_id": "O1", "revenue": 20, "coupon": "C", "products": [{"product_id": "lamp", "price": 20}]}
    send(
        server,
        viewed,
        {**viewed, "userId": None},
        {"type": "identify", "traits": {"email": "lovelace@example.com", "first_name": "Ada"}},
        {"event": "Order Completed", "properties": order},
        {"event": 7},
    )
    browser = APIClient()
    browser.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='pk', name='p')[1]}")
    send(browser, {**viewed, "anonymousId": "tablet"})  # a claim without proof
    send(server, {**viewed, "userId": None, "anonymousId": DEVICE, "context": {}})
    decide_for(SUBJECT, decisions={"ads_share": False}, actor="test", source="banner")
    consume()
    record_purchases(120)
    create_experiment("button", data={"test_units": {SUBJECT: "control"}}, actor="staff:1")
    write([Note("button", 1, "control", SUBJECT)])
    Exposure.objects.create(
        experiment=Experiment.objects.get(), epoch=1, unit=SUBJECT, arm="control", first_at=clock.now()
    )
    session = SessionStore()
    session["shop.user"] = USER
    session.create()
    record(
        category="customer", action="customer.viewed", actor="staff:1", object="customer",
        subject=SUBJECT, detail={"address": "lovelace@example.com"},
    )  # fmt: skip
    tail.flush()
    call_command("train", "--seed", "3")
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path}/mlflow.db"
    settings.MLFLOW_NAME = "erasure"
    with mock.patch("os.getcwd", return_value=str(tmp_path)):
        mirror_version(ModelVersion.objects.get().version)
    return server


def in_postgres(*needles: bytes) -> list[str]:
    """Return the tables whose rows hold an id, in a dump of all of them; sessions are decoded."""
    traces = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            traces += [
                table for (row,) in cursor.fetchall() if holds(row.encode(), *needles) or holds(unhexed(row), *needles)
            ]
    traces += ["session" for row in Session.objects.all() if holds(str(row.get_decoded()).encode(), *needles)]
    return sorted(set(traces))


def unhexed(row: str) -> bytes:
    """Return the binary columns of a row as bytes."""
    return b"".join(bytes.fromhex(part.split('"')[0]) for part in row.split("\\\\x")[1:] if _is_hex(part.split('"')[0]))


def _is_hex(part: str) -> bool:
    return len(part) % 2 == 0 and all(sign in "0123456789abcdef" for sign in part)


def in_redis(*needles: bytes) -> list[str]:
    """Return the keys that hold an id, in their names or values, in all databases of the product; the log is here."""
    traces = []
    for url in (django_settings.REDIS_URL, django_settings.REDIS_BROKER_URL, django_settings.REDIS_CHANNELS_URL):
        client = redis_py.Redis.from_url(url)
        for key in client.scan_iter(count=1000):
            traces += [key.decode()] if holds(key, *needles) or holds(_value(client, key), *needles) else []
        client.close()
    return sorted(set(traces))


def _value(client: Any, key: bytes) -> bytes:
    match client.type(key):
        case b"string":
            value = client.get(key)
        case b"hash":
            value = client.hgetall(key)
        case b"set":
            value = client.smembers(key)
        case b"zset":
            value = client.zrange(key, 0, -1)
        case b"list":
            value = client.lrange(key, 0, -1)
        case b"stream":
            value = client.xrange(key)
        case other:
            raise AssertionError(other)
    return repr(value).encode()


def undeclared_traces() -> list[str]:
    """Return tables and keys that hold an id, and that the record of processing does not name."""
    tables = tuple(place.where for place in places() if place.engine == "PostgreSQL")
    patterns = [place.where for place in places() if place.engine == "Redis"]
    return [
        *(one for one in in_postgres() if one != "session" and not one.startswith(tables)),
        *(one for one in in_redis() if not any(fnmatchcase(one, pattern) for pattern in patterns)),
    ]


def in_files(*folders: Path) -> list[str]:
    """Return the files that hold an id, packed ones unpacked: model files, MLflow's store and copies."""
    traces = []
    for path in (one for folder in folders for one in folder.rglob("*") if one.is_file()):
        traces += [path.name] if holds(path.read_bytes()) else []
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                traces += [path.name for name in archive.namelist() if holds(archive.read(name))]
    return sorted(traces)


def holds(content: bytes, *needles: bytes) -> bool:
    return any(needle in content for needle in needles or NEEDLES)


def test_no_store_holds_the_ids_of_an_erased_shopper(
    everywhere: APIClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = (tmp_path, Path(django_settings.MODEL_DIR))
    assert len(in_postgres()) >= 10
    assert len(in_redis()) >= 10
    assert undeclared_traces() == []
    assert {one.suffix for folder in folders for one in folder.rglob("*")} >= {".npz", ".json", ".db"}
    person = privacy.Person((SUBJECT, subject_pseudonym(f"anonymous:{DEVICE}")))
    holdings = {store.name: store.verify(person) for store in privacy.stores()}
    assert min(holdings.values()) > 0, holdings
    (total,) = Order.objects.values_list("revenue", flat=True).filter(order_id="O1")

    with caplog.at_level(logging.DEBUG):
        request = open_request(
            SUBJECT, kind="erasure", regime="gdpr", actor="sk_1", proof=IdentityMethod.LOGIN,
            contact="lovelace@example.com",
        )  # fmt: skip
        fulfilment.fulfil(request.pk, actor="staff:7")
        for _ in range(2):
            PrivacyRequest.objects.update(next_attempt_at=clock.now())
            fulfilment.work_on(request.pk)
        # What comes late, and what the shop's pages send still.
        send(everywhere, {"event": "Product Viewed", "properties": {"product_id": "lamp"}})
        send(everywhere, {"event": "Order Completed", "properties": {"order_id": "O1", "products": []}})
        consume()

    assert PrivacyRequest.objects.get().status == "completed"
    assert in_postgres() == []
    assert in_redis() == []
    assert redis.client().hkeys("v:erased")
    assert in_files(*folders) == []
    assert not holds(caplog.text.encode())
    assert list(Order.objects.filter(order_id="O1").values_list("revenue", "user_id")) == [(total, None)]
    assert mark_of(SUBJECT) == PrivacyRequest.objects.get().subject_mark
