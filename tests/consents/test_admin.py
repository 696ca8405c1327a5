"""Olu the compliance officer changes what is asked and which rule holds, and the audit log says so."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.selectors import entries
from common.pseudonyms import subject_pseudonym
from consents import selectors
from consents.models import ConsentEvent, PolicyText, Purpose, RegionRule
from tests.staff import staff

pytestmark = pytest.mark.django_db
RULES = "/admin/consents/regionrule/"
HOUR = timedelta(hours=1)


@pytest.fixture
def olu() -> Client:
    """Olu's browser."""
    browser = staff("olu", "compliance officer")
    selectors.forget_terms()
    return browser


@pytest.mark.parametrize("at_once", [False, True])
def test_a_rule_is_recorded_with_its_region_and_mode_and_holds_at_once(olu: Client, at_once: bool) -> None:
    olu.post(f"{RULES}add/", {"region": "DE", "mode": "opt_in"})
    rule = RegionRule.objects.get()
    olu.post(f"{RULES}{rule.pk}/change/", {"region": "DE", "mode": "opt_out"})
    assert selectors.rule_of("DE").mode == "opt_out"
    if at_once:
        olu.post(RULES, {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"})
    else:
        olu.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})

    assert selectors.rule_of("DE").mode == "opt_in"
    logged = [(entry.action, entry.data["values"]) for entry in entries(object=f"regionrule:{rule.pk}")]
    assert logged == [
        ("regionrule.deleted", {"region": "DE", "mode": "opt_out"}),
        ("regionrule.changed", {"region": "DE", "mode": "opt_out"}),
        ("regionrule.added", {"region": "DE", "mode": "opt_in"}),
    ]


def test_a_new_version_of_a_purpose_is_recorded_and_holds_at_once(olu: Client) -> None:
    assert selectors.terms()["ads_share"].version == 1
    terms = {"name": "ads_share", "title": "Ads", "description": "No.", "legal_basis": "legitimate_interest"}

    olu.post("/admin/consents/purpose/add/", {**terms, "data_categories": "", "recipients": ""})

    assert selectors.terms()["ads_share"].version == 2
    selectors.forget_terms()
    purpose = Purpose.objects.get(name="ads_share", version=2)
    (event,) = entries(object=f"purpose:{purpose.pk}")
    values = {"name": "ads_share", "version": 2, "legal_basis": "legitimate_interest", "sale_or_share": False}
    assert (event.action, event.data["values"]) == ("purpose.added", values)


def test_the_form_of_a_purpose_says_how_lists_are_written_and_what_a_known_name_does(olu: Client) -> None:
    page = olu.get("/admin/consents/purpose/add/").content.decode()
    olu.post("/admin/consents/purpose/add/", {"name": "ads_share", "title": "Ads", "description": "No.",
             "legal_basis": "consent", "data_categories": "e-mail, orders", "recipients": "Nord, Fjell"})  # fmt: skip

    assert (page.count("Separated by commas."), page.count("becomes its next version")) == (2, 1)
    purpose = Purpose.objects.get(name="ads_share", version=2)
    assert (purpose.data_categories, purpose.recipients) == (["e-mail", "orders"], ["Nord", "Fjell"])


def test_a_published_text_is_recorded_with_its_hash(olu: Client) -> None:
    olu.post("/admin/consents/policytext/add/", {"version": "3", "language": "en", "body": "We learn."})

    text = PolicyText.objects.get()
    (event,) = entries(object=f"policytext:{text.pk}")
    assert (event.action, event.data["values"]["sha256"]) == ("policytext.added", text.sha256)


@pytest.mark.parametrize(
    ("page", "field", "typed", "message"),
    [
        ("purpose", "name", "News letter", "Small letters, digits and underscores, a letter first: train_models."),
        ("purpose", "name", "gpc", "This name has a meaning of its own: choose another."),
        ("purpose", "name", "erased", "This name has a meaning of its own: choose another."),
        ("regionrule", "region", "Germany", "Write a country as DE, a part of one as US-CA, all others as *."),
    ],
)
def test_what_is_refused_says_how_to_write_it(olu: Client, page: str, field: str, typed: str, message: str) -> None:
    answer = olu.post(f"/admin/consents/{page}/add/", {field: typed})

    assert answer.context["adminform"].form.errors[field] == [message]


def test_a_comma_too_many_in_a_list_of_a_purpose_is_none(olu: Client) -> None:
    olu.post("/admin/consents/purpose/add/", {"name": "ads_share", "title": "Ads", "description": "No.",
             "legal_basis": "consent", "data_categories": "orders, ,", "recipients": ""})  # fmt: skip

    assert Purpose.objects.get(name="ads_share", version=2).data_categories == ["orders"]


def test_a_region_in_small_letters_is_understood(olu: Client) -> None:
    olu.post(f"{RULES}add/", {"region": "us-ca", "mode": "opt_in"})

    assert RegionRule.objects.get().region == "US-CA"


def test_proofs_are_found_by_a_bare_id_too(olu: Client) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    for subject in ("user:ada", "anonymous:ada", "user:ada b"):
        raw_id = subject_pseudonym(subject)
        ConsentEvent.objects.create(raw_id=raw_id, purpose="analytics", given=True, at=day, message_id=raw_id)

    searches = ("ada", "user:ada", "user:ada b", "eve")
    result = [olu.get("/admin/consents/consentevent/", {"q": words}).context["cl"].result_count for words in searches]

    assert result == [2, 1, 1, 0]


def test_a_text_is_kept_and_shown_with_its_lines_and_its_hash(olu: Client) -> None:
    olu.post(
        "/admin/consents/policytext/add/", {"version": "3", "language": "en", "body": "We ask.\r\n\r\nYou <b>say</b>."}
    )

    text = PolicyText.objects.get()
    page = olu.get(f"/admin/consents/policytext/{text.pk}/change/").content.decode()
    assert text.sha256 == hashlib.sha256(b"We ask.\n\nYou <b>say</b>.").hexdigest()
    assert text.sha256 in page
    assert '<div style="white-space:pre-wrap">We ask.\n\nYou &lt;b&gt;say&lt;/b&gt;.</div>' in page


def test_olu_neither_makes_nor_alters_nor_deletes_what_is_written_once(olu: Client) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    ConsentEvent.objects.create(raw_id="user:ada", purpose="analytics", given=False, at=day, message_id="m1")
    PolicyText.objects.create(version="3", body="We ask.")
    pages = [f"/admin/consents/{name}/" for name in ("consentevent", "policytext", "purpose")]
    rows = [model.objects.values_list("pk", flat=True)[0] for model in (ConsentEvent, PolicyText, Purpose)]

    urls = [f"{page}{row}/{verb}/" for page, row in zip(pages, rows, strict=True) for verb in ("change", "delete")]
    refused = [olu.post(url, {"post": "yes"}).status_code for url in (f"{pages[0]}add/", *urls)]

    assert refused == [403] * 7
    assert not ConsentEvent.objects.get().given


def test_years_of_proofs_are_listed_by_index_and_not_counted_or_read_whole(olu: Client) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            raw_id=subject_pseudonym(f"user:{n}"),
            purpose="analytics",
            given=True,
            at=day + n * HOUR,
            message_id=f"m{n}",
        )
        for n in range(120)
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    with CaptureQueriesContext(connection) as queries:
        page = olu.get("/admin/consents/consentevent/", {"purpose": "analytics"})
        result = [olu.get("/admin/consents/consentevent/", {"q": words}) for words in ("user:7", "m7", "m")]

    proofs = [one["sql"] for one in queries if 'FROM "consents_consentevent"' in one["sql"]]
    assert [answer.context["cl"].result_count for answer in (page, *result)] == [120, 1, 1, 0]
    assert not [sql for sql in proofs if "DISTINCT" in sql or ("COUNT(" in sql and "LIMIT" not in sql)]
    with connection.cursor() as cursor:
        for sql in proofs:
            cursor.execute(f"EXPLAIN {sql}")
            plan = " ".join(line for (line,) in cursor.fetchall())
            assert "Index" in plan
            assert "Seq Scan" not in plan
