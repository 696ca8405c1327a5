"""Erasure and export reach all that experiments hold of a person, and of nobody else."""

import pytest

from common import clock, privacy
from experiments.models import Experiment, Exposure, Step, StickyArm
from experiments.services.designs import create_experiment


@pytest.mark.django_db
def test_a_person_is_exported_and_erased() -> None:
    units = {"user:ada": "control", "user:bo": "treatment"}
    create_experiment("button", data={"test_units": units}, actor="staff:1")
    row = Experiment.objects.get()
    for name in ("ada", "bo"):
        StickyArm.objects.create(experiment=row, epoch=1, raw_id=f"user:{name}", arm="control", at=clock.now())
        Exposure.objects.create(experiment=row, epoch=1, unit=f"user:{name}", arm="control", first_at=clock.now())
    store = next(one for one in privacy.stores() if one.name == "experiments")
    ada = privacy.Person(("user:ada", "anonymous:a1"))

    export = {table: list(rows) for table, rows in store.export(ada).items()}
    assert [rows[0]["arm"] for rows in export.values()] == ["control", "control"]
    assert store.verify(ada) == 4
    assert store.erase(ada) == 4

    assert (store.verify(ada), store.verify(privacy.Person(("user:bo",)))) == (0, 4)
    assert Experiment.objects.get().test_units == {"user:bo": "treatment"}
    assert Step.objects.get().after["test_units"] == {"user:bo": "treatment"}
