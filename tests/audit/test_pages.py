"""Olu reads the log as sentences, sees how far it is verified, narrows it, and exports what she sees."""

import json
import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.utils.html import strip_tags

from audit import selectors, signing, verify_audit
from audit.changes import Change, changes_of
from audit.models import AuditEvent, AuditExport, AuditPending
from audit.sentences import sentence
from audit.services import exports, publishing, record, verification
from common import clock
from common.pseudonyms import subject_pseudonym
from tests.audit.conftest import behind_triggers, put_events
from tests.audit.test_append_only import FORGED
from tests.staff import staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]
LIST = "/admin/audit/auditevent/"
EXPORT = f"{LIST}export/"


def text(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return " ".join(strip_tags(answer.content.decode().replace("<", " <")).split())


def objects(client: Client, **query: str) -> list[str]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return [event.object for event in answer.context["cl"].result_list]


@pytest.mark.parametrize(
    ("actor", "action", "object", "said"),
    [
        ("dee", "placement.created", "placement:home", "dee created placement home"),
        ("dee", "rule.switched_off", "rule:4", "dee switched off rule 4"),
        ("dee", "rule.undone", "rule:4", "dee undid the last change of rule 4"),
        ("key:5", "product.put", "product:P1", "API key 5 wrote product P1"),
        ("system:test_run", "model.judged", "model_version:3", "The system (test run) let model version 3 pass the gate"),  # noqa: E501
        ("olu", "user.signed_in", "user:4", "olu signed in"),
        ("olu", "periodictask.changed", "periodictask:4", "olu changed schedule 4"),
        ("olu", "x.y", "odd", "olu y odd"),
    ],
)  # fmt: skip
def test_an_event_reads_as_a_sentence(actor: str, action: str, object: str, said: str) -> None:
    assert sentence(actor=actor, action=action, object=object) == said


def test_before_and_after_come_from_the_event_or_from_the_one_before() -> None:
    own = {"before": {"name": "Old", "weight": 1}, "after": {"name": "New", "weight": 1}, "undo": "x"}
    assert changes_of(own) == [Change("name", "Old", "New")]
    assert changes_of({"before": {"mode": "opt_in"}, "values": {"mode": "opt_out", "region": "US"}}) == [
        Change("mode", "opt_in", "opt_out")
    ]
    assert changes_of({"active": False, "version": 2}, {"active": True, "version": 2}) == [
        Change("active", "yes", "no")
    ]
    assert changes_of({"active": False}, None) == [Change("active", None, "no")]
    assert changes_of({"a_b": ["x", 1]}, {}) == [Change("a b", None, "x, 1")]


def test_the_list_and_the_page_say_what_happened() -> None:
    olu = staff("olu", "compliance officer")
    for effect in ("boost", "bury"):
        event = record(
            category="rule", action="rule.edited", actor="key:5", object="rule:4",
            data={"name": "More chairs", "effect": effect, "fields": ["effect"]},
        )  # fmt: skip

    assert "API key 5 edited rule 4: effect" in text(olu, LIST)
    page = text(olu, f"{LIST}{event.id}/change/")
    assert "API key 5 edited rule 4" in page
    assert "Field Before After effect boost bury" in page
    assert "In the signed tree waits for its signature" in page
    assert "More chairs" not in page.split("Canonical bytes")[0].split("Before and after")[1].split("Detail")[0]


def test_a_change_in_the_admin_is_recorded_with_what_was_before(admin_client: Client) -> None:
    from consents.models import RegionRule

    rule = RegionRule.objects.create(region="US", mode="opt_out")
    page = admin_client.get(f"/admin/consents/regionrule/{rule.pk}/change/")
    form = {name: value or "" for name, value in page.context["adminform"].form.initial.items()}
    answer = admin_client.post(f"/admin/consents/regionrule/{rule.pk}/change/", {**form, "mode": "opt_in"})
    assert answer.status_code == 302

    (entry,) = selectors.entries(action="regionrule.changed")
    assert (entry.data["before"]["mode"], entry.data["values"]["mode"]) == ("opt_out", "opt_in")


def test_days_actor_object_and_shopper_narrow_the_list() -> None:
    olu, dee = staff("olu", "compliance officer"), staff("dee", "merchandiser")
    actor = f"staff:{dee.session['_auth_user_id']}"
    record(category="catalog", action="product.put", actor=actor, object="product:P1")
    record(
        category="privacy",
        action="access.requested",
        actor="key:5",
        object="request:1",
        subject=subject_pseudonym("user:ada"),
    )
    today, tomorrow = f"{clock.real_now():%Y-%m-%d}", f"{clock.real_now() + timedelta(days=1):%Y-%m-%d}"

    assert objects(olu, actor="dee")[0] == objects(olu, actor=actor)[0] == "product:P1"
    assert objects(olu, object="request:1") == objects(olu, subject="user:ada") == ["request:1"]
    assert objects(olu, action="product.put") == ["product:P1"]
    assert objects(olu, subject="user:eve") == objects(olu, object="a\x00b") == []
    assert "product:P1" in objects(olu, at_from=today, at_to=today)
    assert objects(olu, at_from=tomorrow) == []
    assert objects(olu, at_from="x", at_to="99999-01-01") == []


def test_the_page_says_how_far_the_log_is_signed_verified_and_published() -> None:
    olu = staff("olu", "compliance officer")
    assert "No event is signed yet" in text(olu, LIST)
    put_events(3)
    assert "the first check of its rows comes within the hour" in text(olu, LIST)

    checked = verification.verify_log()
    publishing.publish_newest()

    page = text(olu, LIST)
    assert f"Verified up to event {checked.size - 1}" in page
    assert f"Signed {checked.size} events, up to" in page
    assert "Waiting 0 events" in page
    assert f"Published {checked.size} events, at" in page
    assert "UTC, to the folder on the server /" in page


def test_an_altered_log_is_shouted_at_the_officer() -> None:
    olu = staff("olu", "compliance officer")
    put_events(3)
    with behind_triggers(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_month(now() - interval '20 days')")
        cursor.execute(FORGED.format(shift="-20 days", actor="actor"))
    verification.verify_log()

    page = text(olu, LIST)
    assert "The stored log does not match its signed tree" in page
    assert "is not in the tree: it was forged" in page
    assert "NOT in the tree: forged" in page
    assert "№ 0" in page


def test_a_sequencer_that_stands_still_is_said() -> None:
    olu = staff("olu", "compliance officer")
    put_events(1)
    record(category="catalog", action="product.put", actor="key:5", object="product:P9")
    assert "waits for its signature" in text(olu, LIST)

    with behind_triggers():
        AuditPending.objects.update(at=clock.real_now() - timedelta(minutes=5))

    assert "the sequencer stands still" in text(olu, LIST)


def test_olu_exports_what_she_sees_and_the_file_verifies() -> None:
    olu = staff("olu", "compliance officer")
    put_events(3, actor="key:5")
    put_events(2, actor="key:6")
    today = f"{clock.real_now():%Y-%m-%d}"

    page = olu.get(LIST, {"actor": "key:5", "at_from": today}).content.decode()
    assert f"{EXPORT}?at_from={today}&amp;actor=key%3A5" in page
    form = olu.get(EXPORT, {"actor": "key:5", "at_from": today}).content.decode()
    assert 'value="key:5"' in form
    answer = olu.post(EXPORT, {"format": "csv", "actor": "key:5", "at_from": today, "at_to": today})
    row = AuditExport.objects.get()
    assert answer.headers["Location"] == f"/admin/audit/auditexport/{row.pk}/change/"
    assert "waits for a worker" in text(olu, answer.headers["Location"])
    exports.run_export(row.pk)

    page = text(olu, answer.headers["Location"])
    assert "3 in full" in page
    assert f"from {today} 00:00 until" in text(olu, "/admin/audit/auditexport/")
    assert "python3 verify_audit.py . --key" in page
    file = olu.get(f"/admin/audit/auditexport/{row.pk}/file")
    content = b"".join(file)
    assert json.loads(zipfile.ZipFile(BytesIO(content)).read("manifest.json"))["rows"] == 3
    assert verify_audit.main([str(exports.path_of(row.pk)), "--key", str(signing.signer().verifier)]) == 0
    assert selectors.entries(action="audit_export.downloaded")[0].actor == row.actor
    assert "is ready" in text(olu, f"/admin/audit/auditexport/{row.pk}/change/")


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"at_from": "soon"}, "at_from", "Write the date as 2026-12-31."),
        ({"at_from": "2026-12-02", "at_to": "2026-12-01"}, "at_to", "must be later than since"),
        ({"at_to": "9999-12-31"}, "at_to", "Write the date as 2026-12-31."),
        ({"subject": "user:eve"}, "subject", "the log has no events about them, or they were erased"),
        ({"format": "xml"}, "format", "Select a valid choice."),
    ],
)
def test_a_form_that_is_wrong_says_so_at_its_field(given: dict[str, str], field: str, message: str) -> None:
    answer = staff("olu", "compliance officer").post(EXPORT, {"format": "csv", **given})

    assert answer.status_code == 422
    assert message in str(answer.context["form"].errors[field])
    assert not AuditExport.objects.exists()


def test_others_neither_export_nor_read_exports() -> None:
    row = exports.queue_export(format="csv", declared={}, actor="staff:4")

    for client in (staff("dee", "merchandiser"), staff("mo", "marketer")):
        for address in (
            EXPORT,
            f"/admin/audit/auditexport/{row.pk}/change/",
            f"/admin/audit/auditexport/{row.pk}/file",
        ):
            assert client.get(address).status_code == 403
        assert client.post(EXPORT, {"format": "csv"}).status_code == 403
    assert AuditExport.objects.count() == 1
    assert not AuditEvent.objects.filter(action="audit_export.downloaded").exists()
