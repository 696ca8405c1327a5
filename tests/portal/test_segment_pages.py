"""The pages of segments: the explorer by role, its tables and CSV, the builder with its count."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from common import clock, redis
from consents import cache as consent_cache
from consents.state import Decision
from profiles import services
from profiles.models import Segment, SegmentFlow, SegmentJob
from profiles.segmenter import Segmenter
from profiles.services.segment_counts import count_segments
from profiles.services.segment_jobs import run_job
from profiles.services.segments import create_segment
from profiles.tasks import WORK
from tests.events.builders import event
from tests.staff import LogIn, person

RULE = {"event": "view", "is": "at_least", "times": 2}


@pytest.fixture
def lookers(db: None, monkeypatch: pytest.MonkeyPatch) -> Segment:
    """A segment with one member, Ada; Bo looked once."""
    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    pipe = redis.client().pipeline()
    for name in ("ada", "bo"):
        consent_cache.apply_all(pipe, f"user:{name}", {"personalization": Decision(True, 1)})
    pipe.execute()
    segment = create_segment(key="lookers", name="Lookers", rule=RULE, actor="system:test")
    now = clock.epoch_us()
    views = [event(1, at=now), event(2, at=now + 1), event(3, at=now, user_id="bo")]
    services.apply_events(views, offsets={})
    Segmenter().work(range(4))
    count_segments()
    return segment


def test_the_overview_shows_sizes_flows_and_jobs(log_in: LogIn, lookers: Segment) -> None:
    page = log_in("marketer").get(reverse("portal:segments")).content.decode()

    assert "Lookers" in page
    assert SegmentFlow.objects.get().target == "lookers"
    figures = json.loads(page.split('id="figures" type="application/json">')[1].split("</script>")[0])
    assert figures["flows"]["data"][0]["y"] == ["outside → Lookers"]
    assert "Determine members" in page


@pytest.mark.parametrize(("role", "shows"), [("marketer", True), ("compliance officer", True), ("", True)])
def test_one_segment_shows_who_and_what_differs(log_in: LogIn, lookers: Segment, role: str, shows: bool) -> None:
    page = log_in(role).get(reverse("portal:segment", args=["lookers"])).content.decode()

    assert ("/portal/customers/user:ada" in page) is shows
    assert "user:bo" not in page
    assert "products viewed" in page


def test_who_may_not_name_shoppers_sees_no_id(lookers: Segment) -> None:
    browser = Client()
    browser.force_login(person("eve", "view_segment"))

    page = browser.get(reverse("portal:segment", args=["lookers"])).content.decode()
    rows = browser.get(reverse("portal:segment", args=["lookers"]) + "?csv=members").content.decode()

    assert "user:ada" not in page + rows
    assert "hidden" in rows


def test_every_table_is_a_csv(log_in: LogIn, lookers: Segment) -> None:
    marketer = log_in("marketer")

    for slug in ("members", "sizes", "flows", "differences"):
        answer = marketer.get(reverse("portal:segment", args=["lookers"]) + f"?csv={slug}")
        assert answer["Content-Type"].startswith("text/csv")
        assert len(answer.content.decode().splitlines()) > 1
    assert marketer.get(reverse("portal:segments") + "?csv=nothing").status_code == 404
    assert marketer.get(reverse("portal:segment", args=["nothing"])).status_code == 404


def test_the_map_shows_points_without_names(log_in: LogIn, lookers: Segment) -> None:
    page = log_in("marketer").get(reverse("portal:segment-map")).content.decode()

    assert "Lookers" in page
    assert "no segment" in page
    assert "user:ada" not in page


@pytest.mark.parametrize("role", ["data scientist", "account manager"])
def test_other_roles_have_no_explorer(log_in: LogIn, lookers: Segment, role: str) -> None:
    assert log_in(role).get(reverse("portal:segments")).status_code == 403


def post(browser: Client, name: str, rule: Any) -> Any:
    return browser.post(reverse(f"admin:{name}"), rule, content_type="application/json")


def test_the_builder_counts_while_a_rule_is_built(log_in: LogIn, lookers: Segment) -> None:
    marketer = log_in("marketer")

    answer = post(marketer, "profiles_segment_estimate", RULE)
    wrong = post(marketer, "profiles_segment_estimate", {"event": "view", "times": "many"})

    assert answer.json() == {
        "members": 1, "low": 1, "high": 1, "sample": 2, "profiles": 2, "sentence": "Viewed a product at least 2 times",
    }  # fmt: skip
    assert wrong.status_code == 422
    assert wrong.json()["errors"] == [{"field": "rule.times", "message": "must be a whole number from 0 to 300"}]
    assert post(log_in("merchandiser"), "profiles_segment_estimate", RULE).status_code == 403


def test_an_exact_count_is_a_job_with_progress(log_in: LogIn, lookers: Segment) -> None:
    marketer = log_in("marketer")

    queued = post(marketer, "profiles_segment_count", RULE).json()
    run_job(queued["job"], WORK)
    done = marketer.get(reverse("admin:profiles_segment_count"), {"job": queued["job"]}).json()

    assert (queued["state"], done["state"], done["message"]) == ("queued", "done", "1 of 2 shoppers")
    assert post(marketer, "profiles_segment_count", {}).status_code == 422
    assert marketer.get(reverse("admin:profiles_segment_count")).status_code == 404


def test_a_marketer_creates_and_changes_a_segment(log_in: LogIn, lookers: Segment) -> None:
    marketer = log_in("marketer")
    page = marketer.get(reverse("admin:profiles_segment_add")).content.decode()
    fields = {"name": "Buyers", "key": "buyers", "active": "on", "rule": json.dumps({"event": "purchase", "times": 1})}

    marketer.post(reverse("admin:profiles_segment_add"), fields)
    created = Segment.objects.get(key="buyers")
    changed = {**fields, "name": "Regulars", "rule": json.dumps({"event": "purchase", "times": 3})}
    marketer.post(reverse("admin:profiles_segment_change", args=[created.pk]), changed)

    created.refresh_from_db()
    assert "data-builder" in page
    assert (created.name, created.version, created.description) == (
        "Regulars",
        2,
        "Bought a product at least 3 times",
    )
    assert SegmentJob.objects.filter(kind="fill", state="queued").count() == 1


def test_a_wrong_rule_is_refused_with_its_field(log_in: LogIn, lookers: Segment) -> None:
    fields = {"name": "Buyers", "key": "buyers", "active": "on", "rule": '{"event": "flew", "times": 1}'}

    answer = log_in("marketer").post(reverse("admin:profiles_segment_add"), fields)

    assert "rule.event: is unknown" in answer.context["adminform"].form.errors["rule"][0]
    assert Segment.objects.count() == 1


def test_who_may_only_view_reads_the_rule_in_words(log_in: LogIn, lookers: Segment) -> None:
    page = log_in("merchandiser").get(reverse("admin:profiles_segment_change", args=[lookers.pk])).content.decode()

    assert "Viewed a product at least 2 times" in page
    assert "data-builder" not in page


def test_a_fit_is_asked_for_on_a_page_of_its_own(log_in: LogIn, lookers: Segment) -> None:
    marketer = log_in("marketer")

    assert marketer.get(reverse("admin:profiles_segment_refit_page")).status_code == 200
    marketer.post(reverse("admin:profiles_segment_refit_page"))

    assert SegmentJob.objects.filter(kind="refit").count() == 1
    assert "refit" in marketer.get(reverse("admin:profiles_segmentjob_changelist")).content.decode().lower()
