"""All lines are written while few come; under load a share, and the first of each kind."""

from events.stream.sampling import BURST, PER_SECOND, RARE, Allowance


def test_all_lines_of_a_quiet_time_are_written() -> None:
    allowance = Allowance()

    assert all(allowance.take("key:1", "Product Viewed", "kept") for _ in range(BURST))


def test_under_load_a_share_and_the_first_of_each_kind_are_written() -> None:
    allowance = Allowance()
    for _ in range(BURST):
        allowance.take("key:1", "Product Viewed", "kept")

    loud = [allowance.take("key:1", "Product Viewed", "kept") for _ in range(1_000)]
    others = [allowance.take("key:2", f"Event {number}", "kept") for number in range(1_000)]

    assert sum(loud) == 1
    assert sum(others) == RARE - 1
    assert others[: RARE - 1] == [True] * (RARE - 1)


def test_the_allowance_comes_back_with_time() -> None:
    allowance = Allowance(lines=0, rare=0)
    allowance.refill(100.0)

    allowance.lines = 0
    allowance.refill(100.5)

    assert (allowance.lines, allowance.rare) == (PER_SECOND / 2, RARE)
    allowance.refill(10_000.0)
    assert allowance.lines == BURST
