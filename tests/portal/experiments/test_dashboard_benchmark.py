"""`make bench-experiment-dashboard` runs for minutes; here it reads the numbers of a page as its viewers do."""

from bench._viewers import Numbers, numbers_of
from experiments.models import Experiment
from portal.experiments.snapshot import Snapshot


def test_a_viewer_reads_visitors_and_the_goal_of_each_arm(ranker: Experiment) -> None:
    numbers = numbers_of(Snapshot.of("home-ranker").encoded())

    assert numbers == Numbers((4000, 4037), (21.43, 24.05))
    assert numbers.equals(Numbers((4000, 4037), (21.4349, 24.05)))
    assert not numbers.equals(Numbers((4000, 4037), (21.43, 24.02)))
    assert not numbers.equals(Numbers((4001, 4037), (21.43, 24.05)))
