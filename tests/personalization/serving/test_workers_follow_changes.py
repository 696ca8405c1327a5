"""The real server: all web workers follow promotion, roll-back, increments and rules within two seconds."""

from pathlib import Path

import pytest

from modelops.services.increments import run_increment
from modelops.services.registry import promote, roll_back
from personalization.services.rules import create_rule, edit_rule
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model
from tests.workers import START_SECONDS, Told, Workers, live, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop"), pytest.mark.slow]


def shows(product_id: str) -> Told:
    return lambda answer: product_id in [item["product_id"] for item in answer["items"]]


def shows_first(product_id: str) -> Told:
    return lambda answer: bool(answer["items"]) and answer["items"][0]["product_id"] == product_id


def test_workers_follow_promotion_roll_back_an_increment_and_a_rule(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    with serving({**process_environment, "MODEL_DIR": str(tmp_path)}) as workers:
        follow_promotion_and_roll_back(workers)
        follow_an_increment(workers)
        follow_a_rule(workers)


def follow_promotion_and_roll_back(workers: Workers) -> None:
    first, second = passed_version(model(("popular",))), passed_version(model(("popular", "trending")))

    promote(first, actor="staff:1")
    workers.follow(live(first), within=START_SECONDS)  # the first answers of a process load what it needs

    promote(second, actor="staff:1")
    workers.follow(live(second))
    for former in (first, second, first):
        roll_back(actor="staff:1")
        workers.follow(live(former))


def follow_an_increment(workers: Workers) -> None:
    workers.follow(shows_first("lamp"))
    put([bought(f"o{one}", one, "rug", START + one * 1_000_000) for one in range(60)])

    run_increment()
    workers.follow(shows_first("rug"))


def follow_a_rule(workers: Workers) -> None:
    workers.follow(shows("lamp"))

    rule = create_rule(name="No lamp", wording={"effect": "exclude", "products": ["lamp"]}, actor="staff:1")
    workers.follow(lambda answer: not shows("lamp")(answer))

    edit_rule(rule.pk, wording={"effect": "exclude", "products": ["desk"]}, actor="staff:1")
    workers.follow(lambda answer: shows("lamp")(answer) and not shows("desk")(answer))
