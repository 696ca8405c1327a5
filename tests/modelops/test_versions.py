"""One version is live, altered artifacts never are, and each change is audited."""

import shutil
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError

from audit.selectors import entries
from common import clock
from common.errors import Conflict, NotFound
from modelops.live import Champion, champion
from modelops.models import ModelState, ModelVersion
from modelops.services.atomic_files import DRAFT_PREFIX
from modelops.services.registry import promote, roll_back
from personalization.models import RuleVersion
from personalization.services.rules import create_rule, edit_rule
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def make_version() -> str:
    """Register a version that passed the gate, and return its name."""
    return passed_version(model(("popular",)))


def states() -> dict[str, str]:
    return dict(ModelVersion.objects.order_by("id").values_list("version", "state"))


def test_versions_are_numbered_within_a_day() -> None:
    first, second = make_version(), make_version()

    assert first.rpartition(".")[0] == second.rpartition(".")[0]
    assert (first.rpartition(".")[2], second.rpartition(".")[2]) == ("1", "2")


def test_the_same_bundle_gives_the_same_hash() -> None:
    make_version()
    make_version()

    assert ModelVersion.objects.values("artifact_hash").distinct().count() == 1


@pytest.mark.django_db(transaction=True)
def test_leftover_of_rolled_back_registration_is_replaced(tmp_path: Path) -> None:
    with transaction.atomic():
        lost = passed_version(model(("popular", "trending")))
        transaction.set_rollback(True)
    assert (ModelVersion.objects.count(), (tmp_path / lost).is_dir()) == (0, True)

    version = make_version()

    assert version == lost
    assert promote(version, actor="staff:7").state == ModelState.CHAMPION, "the artifact is what was registered now"
    assert not list(tmp_path.glob(f"{DRAFT_PREFIX}*"))


def test_promotion_retires_the_former_champion_and_is_audited() -> None:
    first, second = make_version(), make_version()

    promote(first, actor="staff:7")
    promote(second, actor="staff:7")

    assert states() == {first: ModelState.RETIRED, second: ModelState.CHAMPION}
    event = entries(action="model.promoted")[0]
    artifact_hash = ModelVersion.objects.get(version=second).artifact_hash
    assert (event.actor, event.object) == ("staff:7", f"model_version:{second}")
    assert event.data == {"version": second, "artifact_hash": artifact_hash, "former": first}


def test_roll_back_alternates_between_the_last_two() -> None:
    first, second = make_version(), make_version()
    promote(first, actor="staff:7")
    promote(second, actor="staff:7")

    assert roll_back(actor="staff:7").version == first
    assert states() == {first: ModelState.CHAMPION, second: ModelState.RETIRED}


def test_second_click_does_not_undo_a_roll_back() -> None:
    first, second = make_version(), make_version()
    promote(first, actor="staff:7", over="")
    promote(second, actor="staff:7", over=first)

    roll_back(actor="staff:7", over=second)
    with pytest.raises(Conflict, match=f"By now {first} is live, not {second}"):
        roll_back(actor="staff:8", over=second)

    assert states() == {first: ModelState.CHAMPION, second: ModelState.RETIRED}


@pytest.mark.django_db(transaction=True)
def test_concurrent_roll_backs_happen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_version(), make_version()
    promote(first, actor="staff:7")
    promote(second, actor="staff:7")
    both, errors = Barrier(2), list[str]()

    def together() -> Champion | None:
        current = champion()
        both.wait()
        return current

    def ask() -> None:
        try:
            call_command("rollback")
        except CommandError as error:
            errors.append(str(error))
        connection.close()

    monkeypatch.setattr("modelops.management.commands.rollback.champion", together)
    operators = [Thread(target=ask) for _ in range(2)]
    for one in operators:
        one.start()
    for one in operators:
        one.join()

    assert errors == [f"By now {first} is live, not {second}: look again, and decide again."]
    assert states() == {first: ModelState.CHAMPION, second: ModelState.RETIRED}


def test_roll_back_follows_promotion_order_despite_clock_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions, now = [make_version() for _ in range(4)], clock.now()
    for version, minutes in zip(versions, (0, 30, -5, -2), strict=True):
        monkeypatch.setattr(clock, "now", lambda at=now + timedelta(minutes=minutes): at)
        promote(version, actor="staff:7")

    assert roll_back(actor="staff:7").version == versions[2]


def test_promotion_based_on_an_outdated_champion_is_rejected() -> None:
    first, second, third = make_version(), make_version(), make_version()
    promote(first, actor="staff:7")
    promote(second, actor="staff:7")

    for over in (first, ""):
        with pytest.raises(Conflict, match=f"By now {second} is live"):
            promote(third, actor="staff:8", over=over)

    assert promote(second, actor="staff:8", over=first).version == second  # it is live: there is nothing to do


def test_tampered_artifact_is_not_promoted(tmp_path: Path) -> None:
    first, second = make_version(), make_version()
    promote(first, actor="staff:7")
    before = states()
    file = next((tmp_path / second).rglob("*.npz"))
    file.write_bytes(file.read_bytes() + b"x")

    with pytest.raises(Conflict, match="altered"):
        promote(second, actor="staff:7")

    assert states() == before


@pytest.mark.parametrize(("is_deleted", "why"), [(False, r"\S+\.npz was altered"), (True, "no readable manifest")])
def test_promotion_with_broken_files_explains_the_reason(tmp_path: Path, is_deleted: bool, why: str) -> None:
    version = make_version()
    file = next((tmp_path / version).rglob("*.npz"))
    file.write_bytes(file.read_bytes() + b"x")
    if is_deleted:
        shutil.rmtree(tmp_path / version)

    next_step = r"Bring back its files from a backup, promote another version, or train anew\."
    with pytest.raises(Conflict, match=rf"^{version} cannot go live: {why}\. {next_step}$"):
        promote(version, actor="staff:7")


def test_roll_back_to_tampered_artifact_is_rejected(tmp_path: Path) -> None:
    first, second = make_version(), make_version()
    promote(first, actor="staff:7")
    promote(second, actor="staff:7")
    file = next((tmp_path / first).rglob("*.npz"))
    file.write_bytes(file.read_bytes() + b"x")

    with pytest.raises(Conflict, match="altered"):
        roll_back(actor="staff:7")

    assert states() == {first: ModelState.RETIRED, second: ModelState.CHAMPION}


def test_unknown_versions_cannot_go_live() -> None:
    with pytest.raises(NotFound):
        promote("2020-01-01.1", actor="staff:7")
    with pytest.raises(Conflict):
        roll_back(actor="staff:7")


def test_database_allows_one_champion() -> None:
    make_version()
    make_version()

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.update(state=ModelState.CHAMPION)


def test_rule_version_is_immutable() -> None:
    rule = create_rule(name="R", wording={"effect": "boost"}, actor="staff:7")
    edit_rule(rule.pk, wording={"effect": "bury"}, actor="staff:7")

    assert list(rule.versions.order_by("number").values_list("number", "effect")) == [(1, "boost"), (2, "bury")]
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        RuleVersion.objects.update(effect="exclude")


def test_replaced_artifact_is_not_promoted(tmp_path: Path) -> None:
    version, other = make_version(), passed_version(model(("popular", "trending")))
    shutil.rmtree(tmp_path / version)
    shutil.copytree(tmp_path / other, tmp_path / version)

    with pytest.raises(Conflict, match="not the registered one"):
        promote(version, actor="staff:7")
