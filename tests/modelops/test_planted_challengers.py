"""Planted challengers as real bundles: exactly the faulty ones are refused, for the right reason."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from pytest_django.fixtures import Settings

from audit.selectors import entries
from common.errors import Conflict
from modelops.models import ModelState, ModelVersion
from modelops.selectors.registry import table_of
from modelops.services import gate
from modelops.services.gate import POPULARITY, held_out_case, judge_version
from modelops.services.registry import promote, register
from modelops.services.waivers import approve_waiver, request_waiver
from recsys.evaluation.model_checks import held_out_case as heldout
from recsys.evaluation.model_checks.case import Case
from recsys.evaluation.model_checks.verdict import read_case
from recsys.ranking.model import HybridModel
from recsys.training.training import Training
from tests.recsys.planted_bundles import (
    fold,
    foreseeing,
    honest,
    honest_model,
    losing,
    planted,
    promised_by_validation,
    shop,
    unfair,
)
from tests.staff import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
LOST = "group_loss:activity:few events"


@pytest.fixture(autouse=True)
def quick(stocked_shop: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time few slates; more than 50 ms per slate is slow."""
    settings.GATE_LATENCY_MILLISECONDS = 50.0
    monkeypatch.setattr(heldout, "LATENCY_SAMPLES", 6)


@pytest.fixture
def live() -> ModelVersion:
    """The champion that the challengers are compared with."""
    return promote(handed_over(honest_model(), first=True).version, actor="staff:1")


def handed_over(challenger: HybridModel, *, first: bool = False) -> ModelVersion:
    """Register and run_checks a challenger the way a training run does."""
    report = promised_by_validation()
    training = cast("Training", SimpleNamespace(model=challenger, folds=SimpleNamespace(test=fold())))
    case = held_out_case(training, report, shop().user_ids, reference=None if first else honest_model())
    version = register(honest_model(), report=report, actor="system:training")
    reference = POPULARITY if first else ModelVersion.objects.get(state=ModelState.CHAMPION).version
    return judge_version(version.version, case, reference=reference, actor="system:training")


def kept_case(version: ModelVersion) -> Case:
    return read_case(table_of(version), expected=version.gate["table"]["hash"])


def failed(version: ModelVersion) -> list[str]:
    return [check["name"] for check in version.gate["checks"] if not check["passed"]]


@pytest.mark.parametrize(
    ("challenger", "reasons", "words"),
    [
        (lambda: losing(0.06), [LOST], "loses 6.0% of its NDCG@10"),
        (lambda: planted(honest_model(), pause=70), ["latency"], "budget 50.0 ms"),
        (unfair, ["supplier_share", "gini"], "exposure ÷ catalog share by supplier"),
        (lambda: honest(fold(), past=shop().interactions), ["leak:time"], "(source popular, source rp3beta)"),
        (foreseeing, ["leak:too_good", "leak:unlike_validation"], "look for the future"),
    ],
    ids=["6 % worse on a group", "slow", "unfair to suppliers", "fitted on the held-out window", "knows the answers"],
)
def test_faulty_challenger_fails_only_the_planted_check(
    challenger: Callable[[], HybridModel], reasons: list[str], words: str, live: ModelVersion
) -> None:
    version = handed_over(challenger())

    assert (version.state, failed(version)) == (ModelState.REFUSED, reasons)
    assert words in version.refusal
    with pytest.raises(Conflict, match="two persons"):
        promote(version.version, actor="staff:7")
    (event,) = entries(action="model.refused")
    assert (event.object, event.data["failed"]) == (f"model_version:{version.version}", reasons)
    assert words in event.data["reason"]
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == live


@pytest.mark.parametrize("challenger", [lambda: losing(0.04), lambda: honest_model()], ids=["4 % worse", "no worse"])
def test_sound_challenger_goes_live(
    challenger: Callable[[], HybridModel], live: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    ninety_days_before = datetime.fromtimestamp(fold().until, UTC) - timedelta(days=90)

    def labels(subjects: Sequence[str], *, since: datetime) -> dict[str, tuple[str, ...]]:
        return {"region": ("DE" if since == ninety_days_before else "",) * len(subjects)}

    monkeypatch.setattr(gate, "labels_of", labels)
    version = handed_over(challenger())

    assert failed(version) == []
    assert {LOST, "group_loss:region:DE"} <= {check["name"] for check in version.gate["checks"]}
    assert version.gate["reference"] == live.version
    stored_targets, targets = (
        [own.tolist() for own in one] for one in (kept_case(version).challenger.targets, fold().targets)
    )
    assert (stored_targets != targets, sorted(stored_targets)) == (True, sorted(targets)), (
        "in the order of ids, it would name the shoppers"
    )
    assert promote(version.version, actor="staff:7").state == ModelState.CHAMPION


def test_first_model_with_a_leak_is_refused() -> None:
    version = handed_over(foreseeing(), first=True)

    assert failed(version) == ["leak:unlike_validation"]
    assert version.gate["reference"] == "popularity"


def test_first_model_is_compared_with_popularity(live: ModelVersion) -> None:
    case = kept_case(live)

    assert live.gate["reference"] == "popularity"
    assert (case.reference.slates == case.reference.slates[0]).all(), "everybody is shown the same"
    assert not (case.challenger.slates == case.challenger.slates[0]).all()


def test_waiver_lets_a_faulty_challenger_go_live(live: ModelVersion) -> None:
    version = handed_over(losing(0.06))
    ada, cora = (
        person("ada", "add_modelwaiver", "approve_modelwaiver"),
        person("cora", "add_modelwaiver", "approve_modelwaiver"),
    )
    waiver = request_waiver(version.version, by=ada, reason="The group is being closed.", days=2)
    with pytest.raises(Conflict, match="two persons"):
        approve_waiver(waiver.pk, by=ada)
    with pytest.raises(Conflict, match="two persons"):
        promote(version.version, actor=f"staff:{ada.pk}")

    approve_waiver(waiver.pk, by=cora)
    assert promote(version.version, actor=f"staff:{ada.pk}").state == ModelState.CHAMPION

    actions = [event.action for event in entries(object=f"model_version:{version.version}")]
    assert actions == ["model.promoted", "waiver.approved", "waiver.requested", "model.refused", "model.registered"]
    (promoted,) = [event.data for event in entries(action="model.promoted") if "waiver" in event.data]
    assert promoted["failed"] == [LOST]
    assert (promoted["requested_by"], promoted["approved_by"]) == (f"staff:{ada.pk}", f"staff:{cora.pk}")
