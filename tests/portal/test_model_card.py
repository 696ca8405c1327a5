"""The model card sorts by NDCG@10, in percent of the best, without missing metrics."""

from modelops.selectors.overview import LiveModel
from portal.model_card import N_ROWS, card_of


def judged_version(value: float | None) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the report entry of one source."""
    return {"together": {"ndcg@10": {"value": value, "low": 0.0, "high": 0.5}}}


def test_best_row_is_first_and_missing_metrics_are_left_out() -> None:
    report = {"test": {"popular": judged_version(0.1), "ranker": judged_version(0.4), "svd": judged_version(None)}}

    card = card_of(LiveModel("v1", "ranker", None, {"rmse_svd": 1.09251, "ndcg@10": 0.4}, report))

    assert [(row.name, row.percent) for row in card.rows] == [("ranker", 100), ("popular", 25)]
    assert card.numbers == (("NDCG@10", "0.4000"), ("RMSE of predicted stars", "1.0925"))


def test_further_rows_are_collapsed() -> None:
    report = {"test": {f"source{n}": judged_version(0.1 + n / 100) for n in range(N_ROWS + 2)}}

    card = card_of(LiveModel("v1", "blend", None, {}, report))

    assert (len(card.rows), len(card.rest)) == (N_ROWS, 2)


def test_a_model_without_a_report_has_no_rows() -> None:
    assert card_of(LiveModel("v1", "", None)).rows == ()
