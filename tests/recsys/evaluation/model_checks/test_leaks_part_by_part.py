"""Whatever part of a model, or of a question, holds a row of the held-out window is named."""

from dataclasses import asdict, replace

from recsys.data.folds import Fold
from recsys.data.time_split import Sequences
from recsys.evaluation.model_checks.checks import run_checks
from recsys.evaluation.model_checks.held_out_case import build_case
from recsys.evaluation.model_checks.leaks import validation_ndcg
from recsys.metrics.intervals import Interval
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from tests.recsys.planted_bundles import fold, honest, shop


def leak_of(bundle: HybridModel, questions: Fold) -> tuple[bool, str]:
    case = build_case(bundle, questions, champion=honest(fold()), labels={})
    return next((one.passed, one.detail) for one in run_checks(case) if one.name == "leak:time")


def test_facts_that_know_the_held_out_window_are_named() -> None:
    rows, catalog = shop().interactions, shop().catalog
    statistics = ItemStatistics.fit(rows, catalog, until=float(rows.times[-1]))

    passed, words = leak_of(replace(honest(fold()), statistics=statistics), fold())

    assert (passed, "(statistics)" in words) == (False, True)


def test_a_part_that_learnt_the_rows_of_the_very_cut_is_named() -> None:
    """The window begins there: on a clock of days or months it is its whole first day or month."""
    questions, rows = fold(), shop().interactions
    first = rows.times[rows.times >= questions.until].min()
    known = ItemStatistics.fit(rows.select(rows.times <= first), shop().catalog, until=first)

    passed, words = leak_of(replace(honest(questions), statistics=known), replace(questions, until=float(first)))

    assert (passed, "(statistics)" in words) == (False, True)


def test_profiles_that_know_the_held_out_window_are_named() -> None:
    questions = fold()
    later = Sequences.of(shop().interactions).profiles(questions.users, now=questions.until)

    passed, words = leak_of(honest(questions), replace(questions, profiles=[later[0], *questions.profiles[1:]]))

    assert (passed, "(profiles)" in words) == (False, True), "one is enough"


def test_a_plan_that_was_fitted_into_the_held_out_window_is_named() -> None:
    bundle = honest(fold())

    passed, words = leak_of(replace(bundle, manifest={**bundle.manifest, "until": fold().until + 1}), fold())

    assert (passed, "(plan)" in words) == (False, True)


def test_what_validation_promised_is_that_of_visits_that_begin() -> None:
    whole, begins = (Interval(value, value, value, 99) for value in (0.9, 0.1))
    step = {"stage": "ranker", "taken": True, "ndcg": asdict(whole)}

    assert validation_ndcg({"stage": "ranker", "ladder": [{**step, "begins": asdict(begins)}]}) == begins
    assert validation_ndcg({"stage": "ranker", "ladder": [step]}) == whole
