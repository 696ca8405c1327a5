"""Shorter lessons for rankers of the small shops of tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from recsys.training import ranker_training as ensemble

WHOLE = ensemble.FOR_FEW


@contextmanager
def short_lessons() -> Iterator[None]:
    """Leave rankers of small shops a third of their trees and steps: these find what is planted here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "FOR_FEW", [(params, rounds // 8) for params, rounds in WHOLE])
        yield
