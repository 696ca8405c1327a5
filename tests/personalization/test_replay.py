"""A past answer is computed again from what was logged: identical, or the first difference with its cause."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from catalog.models import Product
from catalog.services import put_product, remove_product
from common import clock, privacy
from common.errors import NotFound
from events.log import Entry, get_log
from events.models import Event as EventRow
from events.services.recorder import Recorder, offsets
from experiments.arms import is_held_out, subject_of
from experiments.selectors.designs import read_live
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import archive, ship, stop
from modelops.models import ModelIncrement, ModelVersion
from modelops.services.increments import _tidy
from modelops.services.registry import promote
from modelops.services.retention import prune
from personalization.models import PlacementVersion
from personalization.selectors.placements import Filters
from personalization.services.placements import save_placement
from personalization.services.recommend import Slot, recommend, recommend_page
from personalization.services.replay import Replay, Replayer
from personalization.services.rules import create_rule, edit_rule, switch_rule
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import exposures
from profiles import services
from profiles.services.count_history import CountKeeper
from tests.events.builders import ALLOWED
from tests.modelops.releases import passed_version
from tests.personalization.experiments import running
from tests.personalization.shop import ADA, BO, CY, Ids, event_of, says
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("live_model")]
CHAIRS = {"title": "Ash chair", "currency": "EUR", "price": "20", "stock": 3}
DRAWS = 80
"""Half of the answers explore, and every second one draws anew: so many are not all alike, but once in 10¹²."""


@pytest.fixture(autouse=True)
def consents(live_model: None) -> None:
    for who in (ADA, BO):
        for purpose in ("analytics", "personalization", "train_models"):
            says(who, purpose)


def views(who: Ids, *product_ids: str, name: str = "Product Viewed") -> None:
    """Send views through log, recorder and profiler."""
    log = get_log()
    for product_id in product_ids:
        event = event_of(who, product_id, name=name, allowed=ALLOWED)
        log.append([Entry("event", event.raw_id, event.encode(), subjects=(event.raw_id,))])
    record()


def record() -> None:
    """Record and apply what the log holds, and keep the live counts."""
    log = get_log()
    after = offsets(range(log.shards))
    batch = log.read_many(after)
    if batch:
        Recorder().record(batch, after=after)
        services.apply(batch)
    CountKeeper().copy()


def answered(placement: str = "home", who: Ids | None = None, **fields: Any) -> str:
    """Return the id of an answer whose exposure is recorded."""
    answer = recommend(Ask(placement=placement, who=Who(**(ADA if who is None else who)), **fields))
    exposures.flush()
    record()
    return answer.recommendation_id


def replay(recommendation_id: str) -> Replay:
    return Replayer().replay(recommendation_id)


def altered(recommendation_id: str, change: Callable[[dict[str, Any]], None]) -> Replay:
    """Alter the recorded properties of an answer; return its replay."""
    row = EventRow.objects.get(properties__recommendation_id=recommendation_id)
    change(row.properties)
    EventRow.objects.filter(pk=row.pk).update(properties=row.properties)
    return replay(recommendation_id)


def test_an_answer_is_identical_whatever_happened_since() -> None:
    views(ADA, "desk", "lamp")
    rule = create_rule(name="Rugs", wording={"effect": "pin", "position": 2, "products": ["rug"]}, actor="staff:1")
    before = answered()

    views(ADA, "chair", "bowl")
    views(BO, "rug", "rug", "stool")
    edit_rule(rule.pk, wording={"effect": "pin", "position": 1, "products": ["bowl"]}, actor="staff:1")
    switch_rule(rule.pk, active=False, actor="staff:1")
    save_placement("home", data={"size": 3, "strategy": "popular"}, actor="staff:1")
    put_product("chair", data={**CHAIRS, "stock": 0}, actor="staff:1")
    remove_product("stool", actor="staff:1")
    put_product("ash", data=CHAIRS, actor="staff:1")
    promote(passed_version(model(("popular", "rp3beta"))), actor="staff:1")
    after = answered()

    first, second = replay(before), replay(after)
    assert (first.verdict, second.verdict) == ("identical", "identical")
    assert first.recomputed == first.stored
    assert first.stored[1]["product_id"] == "rug"
    assert [line["product_id"] for line in second.stored] != [line["product_id"] for line in first.stored]


@pytest.mark.parametrize("who", [ADA, BO])
@pytest.mark.parametrize("kind", ["strategy", "parameters", "rules"])
def test_an_answer_within_an_experiment_is_replayed_in_its_arm(kind: str, who: Ids) -> None:
    views(ADA, "desk", "lamp")
    says(who, "experiments")
    rule = create_rule(name="Rugs", wording={"effect": "pin", "position": 1, "products": ["rug"]}, actor="staff:1")
    payload = {
        "strategy": {"placement": "home", "strategy": "trending"},
        "parameters": {"placement": "home", "parameters": {"size": 2}},
        "rules": {"off": [rule.pk]},
    }[kind]
    running("trial", kind=kind, payload=payload, test_units={"user:ada": "treatment"})
    before = answered(who=who)
    ship("trial", arm="treatment", actor="staff:1")
    shipped = answered(who=who)
    archive("trial", actor="staff:1")
    afterwards = answered(who=who)

    results = [replay(answer) for answer in (before, shipped, afterwards)]

    assert [result.verdict for result in results] == ["identical"] * 3
    arms = [dict(result.inputs.get("arms", [])) for result in results]
    assert arms[1:] == [{"trial": "treatment"}, {}]
    assert arms[0] in ({"trial": "treatment"}, {"trial": "control"})
    assert results[1].stored != results[2].stored


def test_an_answer_to_the_hold_out_is_replayed() -> None:
    views(ADA, "desk", "lamp")
    says(ADA, "experiments")
    start_holdout(share=0.5, actor="staff:1")
    user = next(f"u{number}" for number in range(50) if is_held_out(read_live(), subject_of(f"u{number}", None)))
    for purpose in ("analytics", "personalization", "experiments"):
        says({"user_id": user}, purpose)
    views({"user_id": user}, "desk", "lamp")
    answer = answered(who={"user_id": user})
    stop("global-holdout", actor="staff:1")

    result = replay(answer)

    assert result.verdict == "identical"
    assert dict(result.inputs["arms"]) == {"global-holdout": "held-out"}


@pytest.mark.parametrize(
    ("placement", "who", "fields"),
    [
        ("home", ADA, {"limit": 3, "exclude": ("rug",)}),
        ("home", BO, {"filters": Filters.of({"brand": ["nord"], "max_price": "400", "in_stock": True})}),
        ("home", ADA, {"filters": Filters.of({"attributes": {"color": ["red", "oak"]}})}),
        ("product", ADA, {"product_ids": ("desk",)}),
        ("similar", BO, {"product_ids": ("bowl", "unknown")}),
        ("cart", ADA, {"product_ids": ("desk", "lamp")}),
        ("home", ADA, {"strategy": "covisitation"}),
        ("recent", ADA, {}),
        ("onboarding", ADA, {}),
        ("trending", {}, {}),
        ("home", CY, {}),
        ("home", {"user_id": "nobody-knows"}, {}),
        ("trending", ADA, {"personalized": False}),
    ],
)
def test_every_kind_of_request_is_replayed(placement: str, who: Ids, fields: dict[str, Any]) -> None:
    views(ADA, "desk", "lamp")
    views(BO, "bowl")
    answer = answered(placement, who, **fields)
    views(ADA, "rug", "stool")

    result = replay(answer)

    assert (result.verdict, result.missing_inputs, result.doubts) == ("identical", (), ())


def test_pages_cursors_and_late_slots_are_replayed() -> None:
    views(ADA, "desk", "lamp")
    who = Who(**ADA)
    first = recommend(Ask("home", who=who, limit=2))
    assert first.next_cursor is not None
    from personalization.serving.page_cursor import hashes_in

    second = recommend(Ask("home", who=who, limit=2, earlier_items=hashes_in(first.next_cursor)))
    page = recommend_page(
        {
            "home": Slot(Ask("home", who=who, limit=3)),
            "recent": Slot(Ask("recent", who=who)),
            "late": Slot(Ask("home", who=who), deadline_ms=-1),
        }
    )
    exposures.flush()
    record()
    views(ADA, "rug")

    ids = [one.recommendation_id for one in (first, second, *page.values())]
    results = [replay(one) for one in ids]
    assert [one.verdict for one in results] == ["identical"] * 5
    assert page["late"].degraded == "deadline"
    assert results[2].inputs["on_page"] == ["lamp", "desk"]


@pytest.mark.parametrize("who", [ADA, {}])
def test_the_draw_of_exploration_comes_again(who: Ids) -> None:
    Product.objects.update(available_from="2025-01-01T00:00:00Z")
    put_product("ash", data=CHAIRS, actor="staff:1")
    put_product("elm", data={**CHAIRS, "title": "Elm chair"}, actor="staff:1")
    save_placement("home", data={"explore_share": 0.5, "explore_cap": 3}, actor="staff:1")
    views(ADA, "desk", "lamp")

    results: list[Replay] = []
    explored: set[bool] = set()
    while len(results) < 12 or (len(explored) < 2 and len(results) < DRAWS):
        if len(results) % 2 == 0:
            views(ADA, "desk")
        results.append(replay(answered("home", who, limit=4)))
        explored.add(any("propensity" in line for line in results[-1].stored))

    assert {one.verdict for one in results} == {"identical"}
    assert explored == {True, False}


def test_segments_count_as_they_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from profiles.segmenter import Segmenter
    from profiles.services.segments import create_segment

    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    create_segment(
        key="chair-fans", name="Chair fans", rule={"event": "view", "times": 1, "product": "chair"}, actor="x"
    )
    wording = {"effect": "pin", "position": 1, "products": ["rug"], "segments": ["Chair-Fans"]}
    create_rule(name="A rug for them", wording=wording, actor="staff:1")
    views(ADA, "chair")
    Segmenter().work(range(4))
    answer = answered()

    result = replay(answer)
    assert (result.verdict, result.stored[0]["product_id"]) == ("identical", "rug")


@pytest.mark.parametrize("objective", ["conversion", "revenue", "margin", "clearance"])
def test_an_answer_under_an_objective_is_identical(objective: str) -> None:
    views(ADA, "desk", "lamp")
    plain = answered()
    for name, cost in (("bowl", "2"), ("rug", "19")):
        put_product(name, data={**CHAIRS, "cost": cost, "stock": 900}, actor="staff:1")
    save_placement("home", data={"objective": objective, "objective_percent": 100}, actor="staff:1")
    favored = answered()
    put_product("bowl", data={**CHAIRS, "price": "1", "cost": "19"}, actor="staff:1")
    save_placement("home", data={"objective_percent": 10}, actor="staff:1")

    results = [replay(one) for one in (plain, favored)]

    assert [(one.verdict, one.doubts) for one in results] == [("identical", ())] * 2
    assert objective == "conversion" or results[0].stored != results[1].stored


def test_an_altered_input_gives_another_answer() -> None:
    views(ADA, "desk", "lamp")
    answer = answered()

    result = altered(answer, lambda properties: properties["inputs"].setdefault("request", {}).update(exclude=["bowl"]))

    assert result.verdict == "different"
    assert "bowl" in {line["product_id"] for line in result.stored}
    assert "bowl" not in {line["product_id"] for line in result.recomputed}
    assert "inputs were altered" in result.cause


def test_another_offset_of_the_history_gives_another_answer() -> None:
    views(ADA, "desk")
    first = answered()
    views(ADA, "bowl")
    earlier = EventRow.objects.get(properties__recommendation_id=first).properties["inputs"]["history"]
    second = answered()

    result = altered(second, lambda properties: properties["inputs"].update(history=earlier))

    assert result.verdict == "different"
    assert "inputs were altered" in result.cause


def test_an_altered_stored_answer_is_reported() -> None:
    views(ADA, "desk", "lamp")
    answer = answered()

    def swap(properties: dict[str, Any]) -> None:
        lines = properties["products"]
        lines[0]["product_id"], lines[1]["product_id"] = lines[1]["product_id"], lines[0]["product_id"]

    result = altered(answer, swap)

    assert result.verdict == "different"
    assert result.difference.startswith("Place 1: ")
    assert "stored list was altered" in result.cause
    assert result.recomputed == tuple(replay(answer).recomputed)


def test_what_is_altered_and_changes_nothing_is_not_proven() -> None:
    views(ADA, "desk", "lamp")
    answer = answered()

    result = altered(answer, lambda properties: properties["inputs"].update(now=properties["inputs"]["now"] + 1))

    assert (result.verdict, len(result.doubts)) == ("unproven", 1)


def test_the_answer_to_an_erased_shopper_says_so() -> None:
    views(ADA, "desk", "lamp")
    own, of_other = answered(), answered(who=BO)

    for store in privacy.stores():
        store.erase(privacy.Person(("user:ada",)))

    assert replay(own).verdict == "erased"
    assert replay(own).stored == ()
    assert replay(of_other).verdict == "identical"


def test_a_history_that_is_no_longer_recorded_is_not_taken_for_the_same() -> None:
    views(ADA, "desk", "lamp", "bowl")
    answer = answered()
    EventRow.objects.filter(name="Product Viewed").delete()

    result = replay(answer)

    assert result.verdict in ("different", "unproven")
    assert "history cannot be rebuilt" in result.doubts[0]


def test_missing_inputs_are_named(settings: Any, tmp_path: Path) -> None:
    views(ADA, "desk", "lamp")
    answer = answered()
    settings.REPLAY_DAYS = 0
    without_inputs = answered()
    settings.REPLAY_DAYS = 7
    withheld = answered("similar", CY, product_ids=("desk",))

    assert "recorded without them" in replay(without_inputs).missing_inputs[0]
    assert "without consent" in replay(withheld).missing_inputs[0]

    (tmp_path / ModelVersion.objects.get().directory).rename(tmp_path / "elsewhere")
    assert "no longer retained" in replay(answer).missing_inputs[0]
    PlacementVersion.objects.filter(key="home").delete()
    assert "version 1 of the placement home" in replay(answer).missing_inputs[0]
    with pytest.raises(NotFound):
        replay("0198c0de-0000-7000-8000-000000000000")
    with pytest.raises(NotFound):
        replay("no id")


def test_models_that_answered_lately_are_kept(settings: Any) -> None:
    settings.MODELS_KEPT = 1
    first = passed_version(model())
    promote(first, actor="staff:1")
    for _ in range(3):
        promote(passed_version(model()), actor="staff:1")
    ModelVersion.objects.update(created_at="2026-01-01T00:00:00Z")

    assert first not in prune(actor="staff:1")

    settings.REPLAY_DAYS = 0
    assert first in prune(actor="staff:1")


def test_the_newest_increments_are_kept(settings: Any, tmp_path: Path) -> None:
    settings.REPLAY_INCREMENTS = 2
    live = ModelVersion.objects.get()
    folder = tmp_path / f"{live.directory}.increments"
    for name in "abcd":
        (folder / name).mkdir(parents=True)
        ModelIncrement.objects.create(model_version=live, directory=name, artifact_hash="x")
    live.increment = {"directory": "c"}

    _tidy(live, folder / "d")
    assert sorted(path.name for path in folder.iterdir()) == ["c", "d"]

    settings.REPLAY_INCREMENTS, settings.REPLAY_DAYS = 9, 0
    _tidy(live, folder / "d")
    assert sorted(path.name for path in folder.iterdir()) == ["c", "d"]


def test_the_command_prints_both_lists() -> None:
    views(ADA, "desk", "lamp")
    answer, out = answered(), StringIO()

    call_command("replay", answer, stdout=out)

    assert out.getvalue().startswith(f"{answer}, home, ")
    assert "identical" in out.getvalue()
    with pytest.raises(CommandError, match="No answer"):
        call_command("replay", "0198c0de-0000-7000-8000-000000000000", stdout=out)

    altered(answer, lambda properties: properties["inputs"].setdefault("request", {}).update(limit=1))
    with pytest.raises(SystemExit):
        call_command("replay", answer, stdout=out)
    assert "DIFFERENT" in out.getvalue()
    assert "≠" in out.getvalue()


def test_replay_reads_no_stored_item() -> None:
    views(ADA, "desk", "lamp")
    answer = answered()
    right = replay(answer).recomputed

    result = altered(answer, lambda properties: properties.update(products=[]))

    assert result.recomputed == right
    assert result.verdict == "different"


def test_lots_of_a_rule_that_is_held_out_fall_again() -> None:
    wording = {"effect": "pin", "position": 1, "products": ["rug"], "holdout_percent": 50}
    create_rule(name="Measured", wording=wording, actor="staff:1")
    people: list[Ids] = [ADA, BO, *({"anonymous_id": f"visitor-{number}"} for number in range(8))]
    for who in people:
        says(who, "analytics")
        says(who)
    views(ADA, "desk")

    results = [replay(answered(who=who)) for who in people]

    assert {one.verdict for one in results} == {"identical"}
    assert {one.stored[0]["product_id"] == "rug" for one in results} == {True, False}


def test_an_answer_given_under_a_fast_clock_is_found() -> None:
    clock.follow(lambda real_us: real_us + 7_200_000_000)
    try:
        assert replay(answered("trending", {})).verdict == "identical"
    finally:
        clock.follow(None)
