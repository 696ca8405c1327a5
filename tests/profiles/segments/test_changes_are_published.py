"""Open sockets hear who entered or left a segment."""

import pytest

from common import redis
from common.subject_changes import PROFILE, changed_ids, channel
from consents import cache
from consents.state import Decision
from tests.profiles.segments.conftest import Make
from tests.profiles.segments.live import happened, view

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_enters_a_segment_is_published_after_the_profile(make_segment: Make) -> None:
    make_segment("lookers", {"event": "view", "times": 2, "within": "30 minutes"})
    pipe = redis.client().pipeline()
    cache.apply_all(pipe, "user:ada", dict.fromkeys(("analytics", "personalization"), Decision(True, 1)))
    pipe.execute()
    happened(view(1, minutes_ago=10))
    name = channel(PROFILE)

    with redis.client().pubsub() as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(name)
        assert pubsub.get_message(timeout=5)
        happened(view(2, minutes_ago=1))
        messages = [pubsub.get_message(timeout=2) for _ in range(2)]
        more = pubsub.get_message(timeout=0.2)

    assert [changed_ids(name, message["data"]) for message in messages] == [["user:ada"], ["user:ada"]]
    assert more is None
