"""What a decision that comes late still changes: a table of what is known, what is said, and what follows."""

import pytest

from consents.state import Decision, mind_at

YES_1, YES_9 = Decision(True, 1, "y1"), Decision(True, 9, "y9")
NO_1, NO_5, NO_9 = Decision(False, 1, "n1"), Decision(False, 5, "n5"), Decision(False, 9, "n9")


@pytest.mark.parametrize(
    ("known", "said", "recorded", "changed"),
    [
        (None, NO_5, None, False),  # it holds: nothing came before it
        (YES_1, NO_5, True, False),  # it holds now
        (NO_9, NO_5, None, False),  # withdrawn by the later refusal
        (NO_9, YES_1, None, False),
        (YES_9, YES_9, None, False),  # the same, told twice
        (YES_9, NO_9, True, False),  # of one time the refusal holds
        (YES_9, NO_5, None, True),  # nobody knew
        (YES_9, NO_5, True, True),
        (YES_9, NO_5, False, False),  # repeats what was refused then
        (YES_9, YES_1, True, False),
        (YES_9, YES_1, False, True),  # a yes between two refusals: the second is another change
    ],
)
def test_a_late_decision_counts_where_it_changed_the_mind_of_its_time(
    known: Decision | None, said: Decision, recorded: bool | None, changed: bool
) -> None:
    assert said.changed_late(known, recorded=recorded) is changed
    assert not (changed and said.beats(known))


@pytest.mark.parametrize(
    ("at", "proofs", "mind"),
    [
        (5, [], True),
        (4, [NO_5], True),
        (5, [NO_5], False),
        (8, [NO_5, YES_1], False),
        (9, [YES_9, NO_5], True),
        (9, [YES_9, NO_9], False),
        (9, [NO_9, YES_9], False),
        (0, [NO_1, YES_1], True),
    ],
)
def test_the_mind_of_a_time_is_what_was_decided_last_until_then(at: int, proofs: list[Decision], mind: bool) -> None:
    assert mind_at(at, proofs) is mind
