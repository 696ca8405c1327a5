"""Who changed is published: by the profiler once a batch, by the consent cache where somebody changed their mind."""

from collections.abc import Callable, Iterator

import pytest

from common import redis
from common.subject_changes import CONSENT, PROFILE, changed_ids, channel
from consents import cache
from consents.state import Decision
from profiles.services import apply_events, forget
from tests.personalization.shop import ADA, BO, event_of

Messages = Callable[[], list[set[str]]]


@pytest.fixture(params=[PROFILE])
def published(request: pytest.FixtureRequest) -> Iterator[Messages]:
    """Returns the raw ids of each message since the last call."""
    name = channel(request.param)
    with redis.client().pubsub() as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(name)
        assert pubsub.get_message(timeout=5)

        def messages() -> list[set[str]]:
            result = []
            while (message := pubsub.get_message(timeout=0.2)) is not None:
                result.append(set(changed_ids(name, message["data"])))
            return result

        yield messages


def test_a_batch_is_one_message_with_all_its_shoppers(published: Messages) -> None:
    apply_events([event_of(ADA, "desk"), event_of(BO, "desk"), event_of(ADA, "lamp")], offsets={0: 7})

    assert published() == [{"user:ada", "anonymous:bo"}]


def test_events_that_change_no_profile_say_nothing(published: Messages) -> None:
    apply_events([event_of(ADA, "desk", allowed=())], offsets={0: 7})

    assert published() == []


def test_erasure_is_a_change(published: Messages) -> None:
    forget(["user:ada"])

    assert published() == [{"user:ada"}]


@pytest.mark.parametrize("published", [CONSENT], indirect=True)
def test_a_change_of_mind_is_said_once_and_a_repetition_is_not(published: Messages) -> None:
    pipe = redis.client().pipeline()

    for given in (True, True, False):
        cache.apply_all(pipe, "user:ada", {"personalization": Decision(given, 1, "e")})
    pipe.execute()

    assert published() == [{"user:ada"}, {"user:ada"}]


@pytest.mark.parametrize("published", [CONSENT], indirect=True)
def test_a_new_link_concerns_both(published: Messages) -> None:
    pipe = redis.client().pipeline()

    cache.link(pipe, "anonymous:bo", "user:ada", 9)
    cache.link(pipe, "anonymous:bo", "user:ada", 8)
    pipe.execute()

    assert published() == [{"anonymous:bo"}, {"user:ada"}]


@pytest.mark.parametrize("published", [CONSENT], indirect=True)
def test_what_is_forgotten_has_changed(published: Messages) -> None:
    pipe = redis.client().pipeline()

    cache.forget(pipe, "user:ada")
    pipe.execute()

    assert published() == [{"user:ada"}]
