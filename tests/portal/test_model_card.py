"""The home's model card shows the best first, in percent of the best, and leaves out what was not measured."""

from modelops.selectors.overview import LiveModel
from portal.model_card import SHOWN, card_of


def judged(value: float | None) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return a report's entry of one source."""
    return {"together": {"ndcg@10": {"value": value, "low": 0.0, "high": 0.5}}}


def test_the_best_is_first_and_the_unmeasured_is_left_out() -> None:
    report = {"test": {"popular": judged(0.1), "ranker": judged(0.4), "svd": judged(None)}}

    card = card_of(LiveModel("v1", "ranker", None, {"rmse_svd": 1.09251, "ndcg@10": 0.4}, report))

    assert [(row.name, row.percent) for row in card.rows] == [("ranker", 100), ("popular", 25)]
    assert card.facts == (("NDCG@10", "0.4000"), ("RMSE of predicted stars", "1.0925"))


def test_the_rest_waits_behind_a_click() -> None:
    report = {"test": {f"source{n}": judged(0.1 + n / 100) for n in range(SHOWN + 2)}}

    card = card_of(LiveModel("v1", "blend", None, {}, report))

    assert (len(card.rows), len(card.rest)) == (SHOWN, 2)


def test_a_model_without_a_report_has_no_rows() -> None:
    assert card_of(LiveModel("v1", "", None)).rows == ()
