"""The shop of these tests is the small furniture shop."""

import pytest

from tests.shop_fixtures import browser, live_model, server, short_rankers, stocked_shop

__all__ = ["browser", "live_model", "server", "short_rankers", "stocked_shop"]


@pytest.fixture
def few_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings and evaluations have three sources, where a test is of what comes before or after."""

    def three(extra: object = ()) -> tuple[str, ...]:
        return ("personal_top", "popular", "rp3beta")

    for module in ("plan", "training"):
        monkeypatch.setattr(f"recsys.training.{module}.ranked_sources", three)
