"""A server exports the log with a secret key, and reads the newest checkpoint."""

from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from access.services import create_key
from audit import note_check, selectors, signing, verify_audit
from audit.models import AuditExport
from audit.services import exports
from tests.audit.conftest import put_events

if TYPE_CHECKING:
    from django.http import FileResponse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]
EXPORTS = "/api/v1/audit/exports"


def client_of(scope: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='siem', scopes=[scope])[1]}")
    return client


@pytest.fixture
def siem() -> APIClient:
    return client_of("audit:read")


def test_an_export_is_requested_followed_and_taken(siem: APIClient) -> None:
    put_events(3)

    queued = siem.post(EXPORTS, {"format": "ocsf", "actor": "staff:4"}, format="json")
    address = queued.headers["Location"]
    early = siem.get(f"{address}/file")
    exports.run_export(AuditExport.objects.get().pk)
    done = siem.get(address).json()
    file = siem.get(f"{address}/file")

    assert (queued.status_code, queued.json()["state"], early.status_code) == (202, "queued", 409)
    assert (done["state"], done["rows"], done["first"], done["percent"]) == ("done", 3, 0, 100)
    assert len(b"".join(cast("FileResponse", file))) == done["bytes"]
    path = exports.path_of(AuditExport.objects.get().pk)
    assert verify_audit.main([str(path), "--key", str(signing.signer().verifier)]) == 0
    assert selectors.entries(action="audit_export.downloaded")[0].actor == AuditExport.objects.get().actor


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"format": "xml"}, "format"),
        ({"since": "soon"}, "since"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"),
        ({"subject": "user:eve"}, "subject"),
        ({"object": "a\x00b"}, "object"),
    ],
)
def test_bad_input_names_its_field(siem: APIClient, body: dict[str, str], field: str) -> None:
    answer = siem.post(EXPORTS, body, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not AuditExport.objects.exists()


def test_what_is_not_there_is_not_found(siem: APIClient) -> None:
    put_events(1)
    row = exports.queue_export(format="csv", declared={}, actor="key:1")
    exports.run_export(row.pk)
    exports.path_of(row.pk).unlink()

    assert siem.get(f"{EXPORTS}/{uuid4()}").status_code == 404
    assert siem.get(f"{EXPORTS}/{uuid4()}/file").status_code == 404
    assert siem.get(f"{EXPORTS}/{row.pk}/file").status_code == 404


def test_the_newest_checkpoint_comes_with_its_key(siem: APIClient) -> None:
    assert siem.get("/api/v1/audit/checkpoint").status_code == 404
    put_events(2)

    body = siem.get("/api/v1/audit/checkpoint").json()

    checkpoint = verify_audit.read_checkpoint(body["note"], note_check.read_key(body["key"]))
    assert checkpoint.size >= 2


def test_another_scope_may_not(siem: APIClient) -> None:
    other = client_of("catalog:read")
    for answer in (other.post(EXPORTS, {}, format="json"), other.get("/api/v1/audit/checkpoint")):
        assert answer.status_code == 403
    assert not AuditExport.objects.exists()
