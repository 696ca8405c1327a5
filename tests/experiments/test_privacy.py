"""Erasure and export reach all that experiments hold of a person, and of nobody else."""

import pytest

from common import clock, privacy
from experiments.models import Experiment, Exposure, StickyArm
from experiments.services.designs import create_experiment


@pytest.mark.django_db
def test_a_person_is_exported_and_erased() -> None:
    create_experiment("button", data={}, actor="staff:1")
    row = Experiment.objects.get()
    for name in ("ada", "bo"):
        StickyArm.objects.create(experiment=row, epoch=1, raw_id=f"user:{name}", arm="control", at=clock.now())
        Exposure.objects.create(experiment=row, epoch=1, unit=f"user:{name}", arm="control", first_at=clock.now())
    store = next(one for one in privacy.stores() if one.name == "experiments")
    ada = privacy.Person(("user:ada", "anonymous:a1"))

    export = {table: list(rows) for table, rows in store.export(ada).items()}
    assert [rows[0]["arm"] for rows in export.values()] == ["control", "control"]
    assert store.erase(ada) == 2

    assert (store.verify(ada), store.verify(privacy.Person(("user:bo",)))) == (0, 2)
