"""Data alarms: a broken feed fails the training, a changed shop raises an alarm, good data settle it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.urls import reverse

from audit.selectors import entries
from common import clock
from common.errors import Conflict, Forbidden
from modelops.admin.alarms import MEANING
from modelops.models import (
    AlarmKind,
    ModelAlarm,
    ModelState,
    ModelVersion,
    TrainingRun,
)
from modelops.selectors.alarms import alarms_of
from modelops.services.alarms import raise_or_settle, settle
from modelops.services.data_checks import examine
from modelops.services.registry import promote
from recsys.data.data_checks import Check, data_profile
from recsys.data.dataset import Dataset, build
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model
from tests.recsys.shop_history import history, products
from tests.staff import person, staff

pytestmark = pytest.mark.django_db
BAD = Check("drift of signals", 0.9, 0.25, False, "population stability index", "alarms")
GOOD = Check("drift of signals", 0.1, 0.25, True, "population stability index", "alarms")


def half(frame: pd.DataFrame) -> Dataset:
    return build(frame.sample(frac=0.5, random_state=1), products())


def lost_titles(frame: pd.DataFrame) -> Dataset:
    return build(frame, products().assign(title=""))


def only_views(frame: pd.DataFrame) -> Dataset:
    return build(frame.assign(event="view"), products())


@pytest.fixture
def live() -> ModelVersion:
    """A live version with the data profile of its training."""
    return ModelVersion.objects.create(
        version="2026-11-24.1",
        directory="2026-11-24.1",
        state=ModelState.CHAMPION,
        artifact_hash="a" * 64,
        report={"data_profile": data_profile(build(history(), products()))},
    )


def run(*, forced: bool = False) -> TrainingRun:
    return TrainingRun.objects.create(actor="staff:1", forced=forced)


def open_alarms() -> list[str]:
    return list(ModelAlarm.objects.filter(settled_at=None).values_list("kind", flat=True))


@pytest.mark.parametrize(("broken", "name"), [(half, "volume"), (lost_titles, "filled titles")])
def test_broken_feed_fails_the_training(
    broken: Callable[[pd.DataFrame], Dataset], name: str, live: ModelVersion
) -> None:
    failed_run = run()

    with pytest.raises(Conflict, match=f"{name}.*train by force"):
        examine(broken(history()), failed_run)

    failed_run.refresh_from_db()
    unmet = [check["name"] for check in failed_run.data_report["checks"] if not check["passed"]]
    assert name in unmet
    (event,) = entries(action="training.refused")
    assert (event.object, event.data["forced"], event.data["live"]) == (
        f"training_run:{failed_run.pk}",
        False,
        live.version,
    )
    assert open_alarms() == ["data"]


def test_forced_training_is_audited(live: ModelVersion) -> None:
    examine(half(history()), run(forced=True))

    (event,) = entries(action="training.forced")
    assert event.data["failed"][0].startswith("volume")
    assert open_alarms() == ["data"]


def test_changed_shop_is_trained_and_raises_alarm(live: ModelVersion) -> None:
    examine(only_views(history()), run())

    (alarm,) = ModelAlarm.objects.all()
    assert "shift of signals" in alarm.message
    assert alarm.model_version == live
    assert list(entries(action="training.refused")) == []


def test_unstable_version_raises_alarm_on_promotion_but_not_on_roll_back() -> None:
    other = {"name": "stability", "value": 0.02, "bar": 0.3, "passed": False, "message": "overlap", "grade": "alarms"}
    version, steady = (
        passed_version(model(("popular",)), report={"stability": other}),
        passed_version(model(("popular",))),
    )

    promote(version, actor="staff:1")

    (alarm,) = ModelAlarm.objects.all()
    assert (alarm.kind, alarm.message) == ("stability", "stability: 0.02, bar 0.3 (overlap)")
    assert alarm.model_version == ModelVersion.objects.get(version=version)
    settle(alarm.pk, by=get_user_model().objects.create_superuser("root", password=None))
    promote(steady, actor="staff:1")
    promote(version, actor="staff:1")
    assert open_alarms() == []


def test_version_lists_alarms_of_its_time_as_champion() -> None:
    first, second, third = (
        ModelVersion.objects.get(version=passed_version(model(("popular",)), report={"number": number}))
        for number in range(3)
    )
    for version in (first, second):
        promote(version.version, actor="staff:1")
        raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule", version=version)
    raise_or_settle(AlarmKind.DRIFT, [GOOD], actor="system:schedule", version=second)
    promote(third.version, actor="staff:1")

    (alarm,) = ModelAlarm.objects.all()
    for version in (first, second, third):
        version.refresh_from_db()
    assert alarm.model_version == second, "it tells of what was measured last"
    assert [list(alarms_of(version)) for version in (first, second, third)] == [[alarm], [alarm], []]


def test_all_alarm_kinds_have_a_meaning() -> None:
    assert set(MEANING) == set(AlarmKind), "`MEANING` of modelops/admin/alarms.py"


def test_first_training_raises_no_alarm() -> None:
    examine(build(history().head(60)), run())

    assert open_alarms() == []


def test_open_alarm_counts_and_good_measurement_settles_it() -> None:
    raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")
    raise_or_settle(AlarmKind.DRIFT, [BAD, GOOD], actor="system:schedule")
    raise_or_settle(AlarmKind.STABILITY, [GOOD], actor="system:schedule")

    (alarm,) = ModelAlarm.objects.all()
    assert (alarm.times, alarm.message) == (2, "drift of signals: 0.9, bar 0.25 (population stability index)")

    raise_or_settle(AlarmKind.DRIFT, [GOOD], actor="system:schedule")

    alarm.refresh_from_db()
    assert alarm.settled_at is not None
    assert [event.action for event in entries(object=f"model_alarm:{alarm.pk}")] == [
        "alarm.settled",
        "alarm.raised",
        "alarm.raised",
    ]


def test_other_measurements_do_not_settle_an_alarm() -> None:
    raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")

    raise_or_settle(
        AlarmKind.DRIFT, [Check("drift of what was shown", 0.1, 0.25, True, "", "alarms")], actor="system:schedule"
    )
    assert open_alarms() == ["drift"]

    raise_or_settle(AlarmKind.DRIFT, [GOOD], actor="system:schedule")
    assert open_alarms() == []


def test_unmeasured_failures_stay_on_the_alarm() -> None:
    exposure_check = Check("drift of what was shown", 0.9, 0.25, False, "shares", "alarms")
    raise_or_settle(AlarmKind.DRIFT, [exposure_check, GOOD], actor="system:schedule")

    raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")
    (alarm,) = ModelAlarm.objects.all()
    assert ("drift of signals" in alarm.message, "drift of what was shown" in alarm.message) == (True, True)

    raise_or_settle(AlarmKind.DRIFT, [GOOD], actor="system:schedule")
    alarm.refresh_from_db()
    assert (alarm.settled_at, alarm.times) == (None, 2)
    assert alarm.message.startswith("drift of what was shown: 0.9")

    raise_or_settle(AlarmKind.DRIFT, [replace(exposure_check, value=0.1, passed=True)], actor="system:schedule")
    assert open_alarms() == []


def test_concurrent_processes_raise_one_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    save, tries = ModelAlarm.save, [1]

    def beaten(alarm: ModelAlarm, *args: Any, **kwargs: Any) -> None:
        if tries.pop():
            tries.append(0)
            raise IntegrityError("one open alarm a kind")
        tries.append(0)
        save(alarm, *args, **kwargs)

    monkeypatch.setattr(ModelAlarm, "save", beaten)

    raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")

    assert open_alarms() == ["drift"]


def test_next_alarm_after_settling_is_new() -> None:
    alarm = raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")
    assert alarm is not None

    with pytest.raises(Forbidden):
        settle(alarm.pk, by=person("eve"))
    assert open_alarms() == ["drift"]

    ada = person("ada", "change_modelalarm")
    assert settle(alarm.pk, by=ada).settled_by == ada
    raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")
    assert ModelAlarm.objects.count() == 2


@pytest.mark.parametrize(("role", "led"), [("data scientist", True), ("compliance officer", False)])
def test_alarm_page_hides_links_without_permission(role: str, led: bool) -> None:
    alarm = raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule", run=run())
    assert alarm is not None
    settle(alarm.pk, by=person("ada", "change_modelalarm"))
    door = reverse("admin:modelops_modelalarm_change", args=[alarm.pk])

    page = staff("dee", role).get(door).content.decode()

    assert (
        "/trainingrun/" in page.partition('id="content')[2],
        "/access/user/" in page.partition('id="content')[2],
        "ada" in page,
    ) == (led, False, True)


def test_database_allows_one_open_alarm_per_kind() -> None:
    raise_or_settle(AlarmKind.DRIFT, [BAD], actor="system:schedule")

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelAlarm.objects.create(kind=AlarmKind.DRIFT, message="x", raised_at=clock.now(), latest_at=clock.now())
