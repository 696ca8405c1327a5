"""Identity: any arrival order of the same events gives the same people."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from customers.identity import Claim, People, component, spans_of, user_at

USERS = st.sampled_from(["ada", "bo", "cy", "dee"])
DEVICES = st.sampled_from(["phone", "tablet"])
LINKS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), DEVICES, USERS, st.integers(0, 5), st.integers(0, 99)),
        st.tuples(st.just("join"), USERS, USERS, st.just(0), st.just(0)),
    ),
    max_size=12,
    unique_by=lambda link: (link[0], link[4]) if link[0] == "claim" else link,
)


def people_of(links: list[tuple[str, str, str, int, int]]) -> People:
    people = People()
    for kind, one, user, at, message in links:
        if kind == "claim":
            people.claim(one, Claim(at, f"m{message:02}", user))
        else:
            people.join(one, user)
    return people


@given(LINKS, st.randoms())
def test_any_arrival_order_gives_the_same_people(links: list[tuple[str, str, str, int, int]], random: Random) -> None:
    shuffled = list(links)
    random.shuffle(shuffled)

    one, other = people_of(links), people_of(shuffled)

    for device in ("phone", "tablet"):
        for at in range(-1, 7):
            whose = one.person(user_id=None, anonymous_id=device, at=at)
            assert whose == other.person(user_id=None, anonymous_id=device, at=at)
    for user in ("ada", "bo", "cy", "dee"):
        assert one.person(user_id=user, anonymous_id=None, at=0) == other.person(user_id=user, anonymous_id=None, at=0)


@given(st.lists(st.tuples(DEVICES, USERS, st.integers(0, 5)), max_size=12))
def test_a_shared_device_never_glues_two_accounts(claims: list[tuple[str, str, int]]) -> None:
    people = People()
    for index, (device, user, at) in enumerate(claims):
        people.claim(device, Claim(at, f"m{index}", user))

    persons = {people.person(user_id=user, anonymous_id=None, at=9) for user in ("ada", "bo", "cy", "dee")}

    assert persons == {"user:ada", "user:bo", "user:cy", "user:dee"}


def test_history_before_the_first_identify_belongs_to_the_first_identifier() -> None:
    people = People()
    people.claim("phone", Claim(20, "m2", "bo"))
    people.claim("phone", Claim(10, "m1", "ada"))

    whose = [people.person(user_id=None, anonymous_id="phone", at=at) for at in (0, 10, 19, 20, 99)]

    assert whose == ["user:ada", "user:ada", "user:ada", "user:bo", "user:bo"]


def test_a_tie_goes_to_the_higher_message_id() -> None:
    claims = [Claim(10, "m2", "bo"), Claim(10, "m1", "ada")]

    assert user_at(claims, 10) == "bo"
    assert user_at(reversed(claims), 10) == "bo"


def test_an_alias_joins_users_and_the_least_id_names_them() -> None:
    people = People()
    people.join("dee", "cy")
    people.join("cy", "ada")

    assert {people.person(user_id=user, anonymous_id=None, at=0) for user in ("ada", "cy", "dee")} == {"user:ada"}
    assert component("dee", {"dee": ["cy"], "cy": ["dee", "ada"], "ada": ["cy"]}) == {"ada", "cy", "dee"}


@given(st.lists(st.tuples(USERS, st.integers(0, 5)), max_size=8), USERS, st.integers(-1, 7))
def test_spans_tell_the_same_as_asking_each_moment(claims: list[tuple[str, int]], user: str, at: int) -> None:
    all_claims = [Claim(moment, f"m{index}", who) for index, (who, moment) in enumerate(claims)]

    inside = any(at in span for span in spans_of(all_claims, frozenset({user})))

    assert inside == (user_at(all_claims, at) == user)
