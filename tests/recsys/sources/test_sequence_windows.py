"""What the sequence network learns from: the history in order, without what was taken out of a cart."""

from recsys.sources.sequence_net import SequenceNetConfig, windows
from tests.recsys import shops


def test_what_was_taken_out_of_a_cart_is_no_step() -> None:
    rows = [(0, 0, 1.0, "view"), (0, 1, 2.0, "view"), (0, 2, 3.0, "cart"), (0, 2, 4.0, "remove")]

    pieces = windows(shops.interactions(rows, n_users=1), SequenceNetConfig(length=4))

    assert pieces.tolist() == [[0, 0, 1, 2, 3]]
