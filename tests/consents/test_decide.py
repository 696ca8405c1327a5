"""May we? Table of verdicts, then what holds for every history."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consents.person import Verdict, decide, person_of
from consents.rules import PurposeTerms, RegionRule
from consents.state import GPC, ConsentState, Decision

OPT_IN = RegionRule("DE", "opt_in", "row:1")
OPT_OUT = RegionRule("US", "opt_out", "row:2")
PERSONALIZATION = PurposeTerms("personalization", 1)
ADS = PurposeTerms("ads_share", 1, sale_or_share=True)
ESSENTIAL = PurposeTerms("essential", 1, basis="contract")
ADA, BO = "user:ada", "anonymous:bo"


def yes(at: int, event_id: str = "y") -> Decision:
    return Decision(True, at, event_id)


def no(at: int, event_id: str = "n") -> Decision:
    return Decision(False, at, event_id)


def said(**decisions: Decision) -> ConsentState:
    return ConsentState(decisions)


TABLE = [
    # who decided what, rule, signal now, allowed, reason, proof
    ({}, OPT_IN, False, False, "not_asked", None),
    ({}, OPT_OUT, False, True, "not_objected", None),
    ({ADA: said(personalization=yes(1))}, OPT_IN, False, True, "given", "y"),
    ({ADA: said(personalization=no(1))}, OPT_OUT, False, False, "refused", "n"),
    ({ADA: said(personalization=no(1, ""))}, OPT_OUT, False, False, "refused", None),
    ({ADA: said(personalization=yes(1))}, OPT_IN, True, False, "gpc", None),
    ({ADA: said(personalization=yes(1))}, OPT_OUT, True, True, "given", "y"),
    ({ADA: said(personalization=yes(1), gpc=yes(2, "g"))}, OPT_IN, False, False, "gpc", "g"),
    ({ADA: said(personalization=yes(2), gpc=yes(2, "g"))}, OPT_IN, False, False, "gpc", "g"),  # in one request
    ({ADA: said(personalization=yes(3), gpc=yes(2, "g"))}, OPT_IN, False, True, "given", "y"),
    ({ADA: said(personalization=no(3), gpc=yes(2, "g"))}, OPT_IN, False, False, "gpc", "g"),
    ({ADA: said(gpc=yes(2, "g"))}, OPT_IN, False, False, "gpc", "g"),
    ({ADA: said(personalization=yes(1), gpc=no(2, "g"))}, OPT_IN, False, True, "given", "y"),
    ({ADA: said(gpc=yes(2, "g"))}, OPT_OUT, False, True, "not_objected", None),
    ({ADA: said(personalization=yes(1)), BO: said()}, OPT_IN, False, True, "given", "y"),
    ({ADA: said(), BO: said(personalization=yes(1))}, OPT_IN, False, True, "given", "y"),
]


@pytest.mark.parametrize(("states", "rule", "signal", "allowed", "reason", "proof"), TABLE)
def test_each_verdict_names_its_reason_and_its_proof(
    states: dict[str, ConsentState], rule: RegionRule, signal: bool, allowed: bool, reason: str, proof: str | None
) -> None:
    verdict = decide(PERSONALIZATION, states, rule=rule, gpc=signal)

    assert (verdict.allowed, verdict.reason, verdict.event_id, verdict.rule_id) == (allowed, reason, proof, rule.id)


@pytest.mark.parametrize(
    ("states", "signal", "share", "allowed", "reason"),
    [
        ({}, False, False, True, "not_objected"),
        ({}, True, False, True, "not_objected"),
        ({ADA: said(personalization=no(1))}, False, False, False, "refused"),
        ({ADA: said(personalization=no(1)), BO: said()}, False, False, False, "refused"),
        ({ADA: said(personalization=yes(1))}, False, False, True, "given"),
        ({}, True, True, False, "gpc"),
        ({ADA: said(gpc=yes(2, "g"))}, False, True, False, "gpc"),
    ],
)
def test_a_legitimate_interest_needs_no_yes_and_ends_with_an_objection(
    states: dict[str, ConsentState], signal: bool, share: bool, allowed: bool, reason: str
) -> None:
    purpose = PurposeTerms("personalization", 2, basis="legitimate_interest", sale_or_share=share)

    verdict = decide(purpose, states, rule=OPT_IN, gpc=signal)

    assert (verdict.allowed, verdict.reason, verdict.basis) == (allowed, reason, "legitimate_interest")


@pytest.mark.parametrize("basis", ["contract", "legal_obligation"])
def test_a_contract_and_a_law_ask_nobody(basis: str) -> None:
    states = {ADA: said(personalization=no(1))}

    verdict = decide(PurposeTerms("personalization", 2, basis=basis), states, rule=OPT_IN, gpc=True)

    assert (verdict.allowed, verdict.reason, verdict.basis) == (True, "essential", basis)


def test_the_signal_covers_a_sale_in_an_opt_out_region() -> None:
    states = {ADA: said(ads_share=yes(1))}

    assert decide(ADS, states, rule=OPT_OUT).allowed
    assert decide(ADS, states, rule=OPT_OUT, gpc=True).reason == "gpc"


def test_a_remembered_signal_covers_a_sale_that_nobody_was_asked_about() -> None:
    states = {ADA: said(gpc=yes(2, "g"))}

    assert decide(ADS, {ADA: said()}, rule=OPT_OUT).allowed
    assert decide(ADS, states, rule=OPT_OUT) == Verdict(False, "consent", "gpc", "g", OPT_OUT.id, 2)


def test_a_verdict_says_when_it_was_decided_and_nothing_where_the_signal_is_of_this_request() -> None:
    states = {ADA: said(personalization=yes(1))}

    assert decide(PERSONALIZATION, states, rule=OPT_IN).at == 1
    assert decide(PERSONALIZATION, {ADA: said(gpc=yes(2, "g"))}, rule=OPT_IN).at == 2
    assert decide(PERSONALIZATION, states, rule=OPT_IN, gpc=True).at is None


def test_an_essential_purpose_asks_nobody() -> None:
    verdict = decide(ESSENTIAL, {ADA: said(essential=no(1), gpc=yes(1))}, rule=OPT_IN, gpc=True)

    assert verdict == Verdict(True, "contract", "essential")


def test_an_unknown_purpose_is_never_allowed() -> None:
    assert not decide(None, {ADA: said(personalization=yes(1))}, rule=OPT_OUT).allowed


MERGES = [
    # Ada's decision, Bo's decision, when they became one person, allowed
    (yes(1), no(2), 3, False),
    (no(1), yes(2), 3, False),  # Bo's yes was later, but given before anybody knew that Bo is Ada
    (no(1), yes(4), 3, False),  # a device ends no refusal of its account
    (yes(4), no(1), 3, True),
    (yes(4), no(5), 3, False),
    (yes(3), no(1), 3, False),  # not later than the link
    (yes(2), no(2), 1, False),  # at one time the refusal wins
]


@pytest.mark.parametrize(("ada", "bo", "linked", "allowed"), MERGES)
def test_a_refusal_on_either_id_survives_a_merge(ada: Decision, bo: Decision, linked: int, allowed: bool) -> None:
    states = {ADA: said(personalization=ada), BO: said(personalization=bo)}

    assert decide(PERSONALIZATION, states, rule=OPT_IN, linked_at={BO: linked}).allowed is allowed
    assert decide(PERSONALIZATION, states, rule=OPT_IN, linked_at={ADA: linked}).allowed is allowed


@pytest.mark.parametrize("earlier", [1, 2])
def test_a_yes_from_before_a_refusal_does_not_let_another_ids_yes_from_before_the_link_count(earlier: int) -> None:
    zoe = "user:zoe"
    states = {ADA: said(personalization=no(2)), BO: said(personalization=yes(earlier)), zoe: said()}
    later = {**states, zoe: said(personalization=yes(4))}

    for known, linked, allowed in ((states, 9, False), (later, 9, False), (later, 3, True)):
        assert decide(PERSONALIZATION, known, rule=OPT_IN, linked_at={zoe: linked}).allowed is allowed


@pytest.mark.parametrize(("who", "allowed"), [(BO, False), (ADA, True), ("user:zoe", True)])
def test_a_refusal_of_one_device_is_ended_by_an_account_and_by_no_other_device(who: str, allowed: bool) -> None:
    states = {ADA: said(), "anonymous:tablet": said(personalization=no(2)), who: said(personalization=yes(9))}

    assert decide(PERSONALIZATION, states, rule=OPT_IN, linked_at={"anonymous:tablet": 1}).allowed is allowed


@pytest.mark.parametrize(("who", "reason"), [(BO, "gpc"), ("user:zoe", "given")])
def test_a_signal_that_an_account_remembers_is_ended_by_an_account_alone(who: str, reason: str) -> None:
    states = {ADA: said(gpc=yes(2, "g")), who: said(personalization=yes(9))}

    assert decide(PERSONALIZATION, states, rule=OPT_IN).reason == reason


decisions = st.builds(
    Decision, given=st.booleans(), at=st.integers(0, 5), event_id=st.text(alphabet="ab", min_size=1, max_size=2)
)


@given(st.lists(decisions, max_size=5))
def test_the_latest_decision_wins_in_any_order_of_arrival(history: list[Decision]) -> None:
    outcomes = set()
    for order in itertools.islice(itertools.permutations(history), 24):
        state = ConsentState()
        for decision in order:
            state = state.with_decision("personalization", decision)
        outcomes.add(state.on("personalization"))

    assert len(outcomes) == 1
    last = outcomes.pop()
    assert (last is None) is (not history)
    if last is not None:
        latest = [decision for decision in history if decision.at == max(one.at for one in history)]
        assert last.given == all(decision.given for decision in latest)


def test_each_change_of_mind_moves_the_epoch_and_saying_the_same_again_does_not() -> None:
    state, epochs = ConsentState(), []
    for decision in (yes(1), yes(2), no(3), yes(2, "late"), no(4), yes(5)):
        state = state.with_decision("personalization", decision)
        epochs.append(state.epoch)

    assert epochs == [1, 1, 2, 2, 2, 3]


def test_a_link_is_known_from_its_earliest_time() -> None:
    state = ConsentState().with_link(BO, 9).with_link(BO, 7).with_link(BO, 8).with_link("anonymous:tablet", 1)

    assert state.links == {BO: 7, "anonymous:tablet": 1}


@given(st.dictionaries(st.sampled_from([ADA, BO, "anonymous:cy"]), decisions), st.integers(0, 5), st.booleans())
def test_no_merge_turns_a_standing_refusal_into_a_yes(said_by: dict[str, Decision], linked: int, opt_in: bool) -> None:
    states = {raw_id: said(personalization=decision) for raw_id, decision in said_by.items()}
    rule = OPT_IN if opt_in else OPT_OUT

    verdict = decide(PERSONALIZATION, states, rule=rule, linked_at={BO: linked})

    refusals = [decision.at for decision in said_by.values() if not decision.given]
    approvals = [decision.at for decision in said_by.values() if decision.given]
    if verdict.allowed and refusals:
        assert said_by[ADA].given
        assert said_by[ADA].at > max(refusals)
    if not refusals:
        assert verdict.allowed is (bool(approvals) or not opt_in)


def test_a_person_is_the_id_and_all_it_was_linked_to() -> None:
    states = {
        ADA: ConsentState({}, 2, None, {BO: 7, "anonymous:tablet": 9}),
        BO: ConsentState({"personalization": no(3)}, region="DE"),
    }

    whom = person_of([ADA], states)

    assert set(whom.states) == {ADA, BO, "anonymous:tablet"}
    assert whom.linked_at == {BO: 7, "anonymous:tablet": 9}
    assert whom.region == "DE"
    assert not whom.remembers(GPC)
    assert whom.verdict(PERSONALIZATION, rule=OPT_OUT).reason == "refused"


def linked(**others: int) -> ConsentState:
    """Return the state of an id that was seen together with these since then; `user_ada` is `user:ada`."""
    return ConsentState(links={name.replace("_", ":", 1): at for name, at in others.items()})


def test_of_a_device_that_two_share_only_the_other_devices_of_who_came_last_are_asked() -> None:
    states = {
        BO: linked(user_ada=7, user_eve=9),
        ADA: linked(anonymous_bo=7, anonymous_tablet=1),
        "user:eve": linked(anonymous_bo=9, anonymous_phone=3),
    }

    whom = person_of([BO], states)

    assert whom.linked_at == {ADA: 7, "user:eve": 9, "anonymous:phone": 9}, "the phone joined with Eve"
    assert whom.states == {BO: states[BO], ADA: states[ADA], "user:eve": states["user:eve"], "anonymous:phone": said()}


def test_whoever_is_logged_in_on_a_shared_device_is_asked_with_their_own_devices_alone() -> None:
    states = {
        ADA: linked(anonymous_bo=7, anonymous_tablet=1),
        BO: linked(user_ada=7, user_eve=9),
        "user:eve": linked(anonymous_bo=9, anonymous_phone=3),
    }

    whom = person_of([ADA, BO], states)

    assert whom.linked_at == {BO: 7, "anonymous:tablet": 1, ADA: 7, "user:eve": 9}


def test_accounts_that_were_joined_are_asked_with_their_devices_from_when_the_last_link_was_made() -> None:
    states = {
        ADA: linked(user_till=4, anonymous_bo=8),
        "user:till": linked(user_ada=4, user_mia=2, anonymous_tablet=1, anonymous_bo=3),
        "user:mia": linked(user_till=2, anonymous_phone=6),
    }

    whom = person_of([ADA], states)

    assert whom.linked_at == {
        "user:till": 4,
        BO: 4,  # by Till, earlier than by Ada herself
        "user:mia": 4,
        "anonymous:tablet": 4,
        "anonymous:phone": 6,
    }


def test_every_account_that_was_joined_with_who_is_logged_in_is_asked_with_its_devices() -> None:
    states = {
        ADA: linked(user_till=4, user_mia=6),
        "user:till": linked(anonymous_tablet=1),
        "user:mia": linked(anonymous_phone=9),
    }

    whom = person_of([ADA], states)

    assert whom.linked_at == {"user:till": 4, "user:mia": 6, "anonymous:tablet": 4, "anonymous:phone": 9}


def test_a_chain_of_accounts_is_followed_for_five_and_the_devices_of_the_sixth_are_not_asked() -> None:
    names = [f"user:{at}" for at in range(8)]
    links = [(one, other) for one, other in itertools.pairwise(names)]
    states = {one: ConsentState(links={other: 1, f"anonymous:{one[5:]}": 1}) for one, other in links}

    whom = person_of([names[0]], states)

    assert whom.linked_at.keys() == {*names[1:7], *(f"anonymous:{at}" for at in range(6))}


def test_each_change_of_mind_of_any_id_counts_and_a_signal_that_one_of_them_took_back_is_not_remembered() -> None:
    states = {ADA: ConsentState({GPC: no(5)}, 2, None, {BO: 1}), BO: ConsentState({GPC: yes(4)}, 3, "US")}

    assert person_of([ADA], states).epoch == 5
    assert person_of([ADA], states).remembers(GPC)
    assert not person_of([ADA], {ADA: states[ADA]}).remembers(GPC)
    assert person_of([ADA], {ADA: states[ADA]}).region is None
