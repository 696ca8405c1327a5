"""What one event allows and changes: what holds for every sequence of events, then single cases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from consents.person import person_of
from consents.rules import ConsentRules, PurposeTerms, RegionRule
from consents.state import GPC, NOTHING_DECIDED, ConsentState, Decision
from consents.verdict import EventConsent, EventVerdict, judge

PURPOSES = {
    "analytics": PurposeTerms("analytics", 1),
    "personalization": PurposeTerms("personalization", 1),
    "ads_share": PurposeTerms("ads_share", 1, sale_or_share=True),
    "crm_sync": PurposeTerms("crm_sync", 1, basis="legitimate_interest"),
}
REGIONS = {"*": RegionRule("*", "opt_in", "row:1"), "US": RegionRule("US", "opt_out", "row:2")}
RULES = ConsentRules(PURPOSES, REGIONS)
ADA, BO, PHONE, LAPTOP, TILL = "user:ada", "user:bo", "anonymous:phone", "anonymous:laptop", "anonymous:till"
ALL = dict.fromkeys(PURPOSES, True)
NONE = dict.fromkeys(PURPOSES, False)


@dataclass
class Shop:
    """The consent cache as the writes of verdicts make it, and the decisions of its log."""

    states: dict[str, ConsentState] = field(default_factory=dict)
    log: list[tuple[tuple[str, ...], int, str, Mapping[str, bool]]] = field(default_factory=list)

    def take(self, event: EventConsent, states: Mapping[str, ConsentState] | None = None) -> EventVerdict:
        """Judge the event, by the cache where no states are named, and write what the verdict says."""
        verdict = judge(event, self.states if states is None else states, RULES)
        for one, other, at in verdict.links:
            self.states[one] = self.state(one).with_link(other, at)
            self.states[other] = self.state(other).with_link(one, at)
        for raw_id, decisions in verdict.cached.items():
            self.states[raw_id] = self.state(raw_id).with_decisions(decisions)
        for raw_id, region in verdict.regions.items():
            self.states[raw_id] = replace(self.state(raw_id), region=region)
        if verdict.kept:
            self.log.append((tuple(event.raw_ids), event.at, event.message_id, verdict.carried))
        self.log += [((one.raw_id,), one.at, one.message_id, one.choices) for one in verdict.notices]
        return verdict

    def state(self, raw_id: str) -> ConsentState:
        """Return the cached state of a raw id."""
        return self.states.get(raw_id, NOTHING_DECIDED)

    def replayed(self) -> dict[str, ConsentState]:
        """Return the states with the cache's links and the log's decisions."""
        states = {raw_id: ConsentState(links=state.links) for raw_id, state in self.states.items()}
        for raw_ids, at, message_id, choices in self.log:
            decisions = {name: Decision(value, at, message_id) for name, value in choices.items()}
            for raw_id in raw_ids:
                states[raw_id] = states.get(raw_id, NOTHING_DECIDED).with_decisions(decisions)
        return states


def allowed(states: Mapping[str, ConsentState], *raw_ids: str, region: str = "DE") -> set[str]:
    """Return what the person of the ids allows."""
    person, rule = person_of(raw_ids, states), RULES.rule_of(region)
    return {name for name, purpose in PURPOSES.items() if person.verdict(purpose, rule=rule).allowed}


def by_first_event(states: Mapping[str, ConsentState]) -> dict[str, ConsentState]:
    """Return the states with each decision's own event as its proof, also where a notice repeats it.

    A batch remembers the late decisions that it wrote, so it repeats fewer notices than its events one by one.
    """
    return {
        raw_id: replace(
            state,
            decisions={
                name: structs.replace(one, event_id=one.event_id.partition("#")[0])
                for name, one in state.decisions.items()
            },
        )
        for raw_id, state in states.items()
    }


def event(second: int, *raw_ids: str, **fields: Any) -> EventConsent:
    """Return an event of these ids."""
    return EventConsent(f"m{second}", second * 1_000_000, raw_ids, **fields)


choices: st.SearchStrategy[dict[str, bool]] = st.one_of(
    st.just({}), st.just(ALL), st.just(NONE), st.dictionaries(st.sampled_from(list(PURPOSES)), st.booleans())
)
OWN_DEVICES = [(ADA,), (BO,), (PHONE,), (LAPTOP,), (TILL,), (ADA, PHONE), (ADA, LAPTOP), (BO, TILL)]
SHARED_DEVICES = [*OWN_DEVICES, (BO, PHONE), (ADA, TILL)]


@st.composite
def sequences(draw: st.DrawFn, people: Iterable[tuple[str, ...]], *, joins: bool = False) -> list[EventConsent]:
    """Return events of several ids, each at a time of its own; some arrive late."""
    people = list(people)
    story = []
    for position in range(draw(st.integers(1, 9))):
        raw_ids = draw(st.sampled_from(people))
        previous = draw(st.sampled_from([(), (), (BO, "anonymous:bo"), (ADA, PHONE)])) if joins else ()
        late = draw(st.sampled_from([0, 0, 0, 1500, 3500]))
        story.append(
            EventConsent(
                f"m{position}",
                1_000_000 + 1000 * position + position - late,
                raw_ids,
                previous_ids=previous if raw_ids[0].startswith("user:") else (),
                choices=draw(choices),
                gpc=draw(st.sampled_from([False, False, True])),
                region=draw(st.sampled_from([None, "DE", "US"])),
                uses=draw(st.sampled_from([("analytics", "personalization"), ("essential",), ()])),
            )
        )
    return story


@settings(max_examples=200)
@given(sequences(SHARED_DEVICES, joins=True))
def test_the_states_of_a_verdict_are_those_that_its_writes_make(story: list[EventConsent]) -> None:
    shop = Shop()
    for one in story:
        before = dict(shop.states)

        verdict = shop.take(one)

        assert shop.states == {**before, **verdict.states}


@settings(max_examples=200)
@given(sequences(SHARED_DEVICES, joins=True))
def test_a_batch_is_judged_as_its_events_one_by_one(story: list[EventConsent]) -> None:
    alone, batch, states = Shop(), Shop(), dict[str, ConsentState]()
    for one in story:
        apart, together = alone.take(one), batch.take(one, states)
        states.update(together.states)

        assert (apart.kept, apart.allowed, apart.reason) == (together.kept, together.allowed, together.reason)
        assert batch.states == states
        assert by_first_event(alone.states) == by_first_event(batch.states)


@settings(max_examples=200)
@given(sequences(SHARED_DEVICES, joins=True), st.sampled_from(SHARED_DEVICES), st.sampled_from([(), ("essential",)]))
def test_an_event_that_says_nothing_is_judged_as_one_that_says_nothing_we_know(
    story: list[EventConsent], raw_ids: tuple[str, ...], uses: tuple[str, ...]
) -> None:
    shop = Shop()
    for one in story:
        shop.take(one)
    silent = event(9, *raw_ids, uses=("analytics", *uses))

    short, long = (judge(one, shop.states, RULES) for one in (silent, structs.replace(silent, choices={"else": True})))

    assert short == long


@settings(max_examples=300)
@given(sequences(OWN_DEVICES))
def test_a_replay_of_the_log_decides_as_the_cache_does(story: list[EventConsent]) -> None:
    shop = Shop()
    for one in story:
        shop.take(one)

        replayed = shop.replayed()
        linked = [(raw_id, other) for raw_id in (ADA, BO) for other in shop.state(raw_id).links]
        for raw_ids in [*((raw_id,) for raw_id in shop.states), *linked]:
            for region in ("DE", "US"):
                assert allowed(replayed, *raw_ids, region=region) == allowed(shop.states, *raw_ids, region=region)


@settings(max_examples=200)
@given(sequences(OWN_DEVICES))
def test_what_any_id_of_a_person_refused_is_not_allowed_before_a_later_yes(story: list[EventConsent]) -> None:
    shop = Shop()
    history: list[tuple[str, str, bool, int]] = []
    for one in story:
        history += [(raw_id, name, value, one.at) for raw_id in one.raw_ids for name, value in one.choices.items()]

        verdict = shop.take(one)

        assert not {name for name, value in one.choices.items() if not value} & set(verdict.allowed)
        for raw_id in one.raw_ids:
            person = person_of([raw_id], shop.states)
            for name in allowed(shop.states, raw_id, region="US"):
                refusals = [
                    at for who, what, value, at in history if who in person.states and (what, value) == (name, False)
                ]
                known = [state.on(name) for state in person.states.values()]
                assert max(refusals, default=0) <= max((one.at for one in known if one and one.given), default=0)


@settings(max_examples=200)
@given(sequences(SHARED_DEVICES, joins=True), st.lists(choices, max_size=3))
def test_what_a_device_says_ends_no_refusal_of_its_account(
    story: list[EventConsent], said: list[Mapping[str, bool]]
) -> None:
    shop = Shop()
    for one in story:
        shop.take(one)
    # The device may end its own refusal; what stood behind that was ended before, if at all.
    silent = {**shop.states, TILL: replace(shop.state(TILL), decisions={})}
    before = {raw_id: allowed(silent, raw_id) for raw_id in (ADA, BO)}
    refused = {
        raw_id: {name for name, choice in shop.state(raw_id).decisions.items() if not choice.given}
        for raw_id in (ADA, BO)
    }

    for second, preferences in enumerate(said, start=9):
        shop.take(event(second, TILL, choices=preferences))

    for raw_id in (ADA, BO):
        assert not (allowed(shop.states, raw_id) - before[raw_id]) & refused[raw_id]


def shop_after(*story: EventConsent) -> Shop:
    shop = Shop()
    for one in story:
        shop.take(one)
    return shop


def notices(verdict: EventVerdict) -> list[tuple[str, str, dict[str, bool]]]:
    return [(one.raw_id, one.message_id, dict(one.choices)) for one in verdict.notices]


def test_a_decision_stands_on_the_kept_event_itself_and_a_refusal_that_forbids_it_beside() -> None:
    shop = Shop()

    kept = shop.take(event(1, ADA, PHONE, choices=ALL))
    refused = shop.take(event(2, PHONE, choices=NONE))

    assert (kept.kept, kept.carried, kept.notices) == (True, ALL, ())
    assert kept.links == ((ADA, PHONE, 1_000_000),)
    assert kept.cached == {raw_id: {name: Decision(True, 1_000_000, "m1") for name in ALL} for raw_id in (ADA, PHONE)}
    assert (refused.kept, refused.allowed, refused.reason, refused.carried) == (False, (), "refused", {})
    assert notices(refused) == [(PHONE, "m2#anonymous", NONE)]


def test_a_repeated_refusal_leaves_no_trail() -> None:
    shop = shop_after(event(1, PHONE, choices=NONE))

    again = shop.take(event(2, PHONE, choices=NONE))

    assert again.notices == ()
    assert shop.state(PHONE).decisions["analytics"].at == 2_000_000


def test_nothing_is_remembered_of_who_decided_nothing_and_may_not_be_kept() -> None:
    verdict = Shop().take(event(1, ADA, PHONE, previous_ids=(BO,), region="DE"))

    assert verdict == EventVerdict(False, ("crm_sync",), "not_asked", waits=True)


def test_an_event_waits_only_where_a_yes_may_still_come() -> None:
    others: list[dict[str, Any]] = [{"uses": ()}, {"gpc": True}, {"region": "US"}]

    assert not any(Shop().take(event(1, PHONE, **fields)).waits for fields in others)
    assert not shop_after(event(1, PHONE, choices={"ads_share": False})).take(event(2, PHONE)).waits
    assert not shop_after(event(1, PHONE, choices=NONE)).take(event(2, PHONE)).waits


def test_a_link_is_remembered_where_the_previous_id_of_an_alias_refused() -> None:
    shop = shop_after(event(1, BO, choices=NONE))

    verdict = shop.take(event(2, ADA, previous_ids=(BO,), region="US"))

    assert (verdict.kept, verdict.links) == (False, ((ADA, BO, 2_000_000),))
    assert allowed(shop.states, ADA, region="US") == set()


def test_a_link_is_remembered_where_another_device_of_the_account_refused() -> None:
    shop = shop_after(event(1, PHONE, choices=NONE), event(2, ADA, PHONE))

    verdict = shop.take(event(3, ADA, LAPTOP, region="US"))

    assert (verdict.kept, verdict.links) == (False, ((ADA, LAPTOP, 3_000_000),))
    assert allowed(shop.states, LAPTOP, region="US") == set()


def test_where_a_shopper_was_seen_earlier_in_the_request_decides_the_rule() -> None:
    refusal = event(1, PHONE, choices={"ads_share": False})
    shop = shop_after(refusal, event(2, PHONE))

    assert not shop.take(event(3, PHONE)).kept
    shop.take(event(4, PHONE, region="US"))

    assert shop.take(event(5, PHONE)).allowed == ("analytics", "crm_sync", "personalization")


def test_an_event_is_not_used_for_what_it_refuses_itself_also_where_a_later_yes_came_first() -> None:
    shop = shop_after(event(2, ADA, choices=ALL))

    verdict = shop.take(event(1, ADA, choices={"personalization": False}))

    assert verdict.allowed == ("ads_share", "analytics", "crm_sync")
    assert shop.state(ADA).decisions["personalization"].given


def test_a_refusal_that_comes_late_is_written_once_with_the_yes_that_ended_it() -> None:
    shop = shop_after(event(1, PHONE, choices=ALL), event(9, PHONE, choices={"analytics": True}, uses=()))
    states = dict(shop.states)

    first = shop.take(event(5, PHONE, choices={"analytics": False}), states)
    states |= first.states
    second = shop.take(event(6, PHONE, choices={"analytics": False}), states)

    assert first.carried == {"analytics": False}
    assert notices(first) == [(PHONE, "m9#anonymous-analytics", {"analytics": True})]
    assert (second.kept, second.carried, second.notices) == (True, {}, ())
    assert "analytics" in allowed(shop.replayed(), PHONE)


def test_a_refusal_that_comes_late_is_written_with_the_yes_that_ended_it_and_the_signal_beside_that_yes() -> None:
    shop = shop_after(event(1, BO, choices=ALL, gpc=True), event(3, BO, choices=ALL, gpc=True))

    late = shop.take(event(2, BO, choices=NONE))

    assert [name for _, _, one in notices(late)[1:] for name in one] == [*PURPOSES, GPC]
    assert allowed(shop.replayed(), BO) == allowed(shop.states, BO) == {"crm_sync"}


def test_a_yes_that_comes_late_is_written_with_the_refusal_that_stands_against_it() -> None:
    refusals = [event(second, PHONE, choices={"ads_share": False}) for second in (3, 9)]
    shop = shop_after(event(1, ADA, PHONE, choices=ALL), *refusals[:1], structs.replace(refusals[1], uses=()))

    late = shop.take(event(6, ADA, choices={"ads_share": True}))

    assert notices(late) == [(PHONE, "m9#anonymous-ads_share", {"ads_share": False})]
    assert "ads_share" not in allowed(shop.replayed(), ADA)


def test_a_browser_that_sends_the_signal_with_each_repeated_yes_leaves_no_trail() -> None:
    shop = Shop()

    verdicts = [shop.take(event(second, ADA, choices=ALL, gpc=True)) for second in (1, 2, 3, 4)]

    assert [(one.kept, one.reason) for one in verdicts] == [(False, "gpc")] * 4
    assert [notices(one) for one in verdicts] == [[(ADA, "m1#user", {**ALL, GPC: True})], [], [], []]
    assert allowed(shop.states, ADA) == allowed(shop.replayed(), ADA) == {"crm_sync"}


def test_the_signal_is_written_with_a_yes_and_after_it() -> None:
    shop = shop_after(event(1, ADA, choices=NONE, gpc=True))

    with_yes = shop.take(event(2, ADA, choices=ALL, gpc=True))
    shop.take(event(3, ADA, choices=ALL))
    after_yes = shop.take(event(4, ADA, gpc=True))

    assert notices(with_yes) == [(ADA, "m2#user", ALL), (ADA, "m2#user-gpc", {GPC: True})]
    assert notices(after_yes) == [(ADA, "m4#user", {GPC: True})]


def test_a_yes_after_the_signal_is_written_though_it_repeats_a_yes() -> None:
    shop = shop_after(event(1, ADA, choices={"ads_share": True}, gpc=True))

    verdict = shop.take(event(2, ADA, choices={"ads_share": True}))

    assert (verdict.kept, verdict.reason) == (False, "gpc")
    assert notices(verdict) == [(ADA, "m2#user", {"ads_share": True})]
    assert allowed(shop.states, ADA) == allowed(shop.replayed(), ADA) == {"ads_share", "crm_sync"}
