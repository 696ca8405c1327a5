"""The sticky arms of raw ids, as Redis holds them: one hash a raw id, from experiment to epoch and arm."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from common import redis
from experiments.arms import StickyArm

PREFIX: Final = "v:arms:"
StickyById = Mapping[str, Mapping[str, StickyArm]]
"""By raw id, then by the key of the experiment."""
READ: Final = redis.Script("""
local answers = {}
for i = 1, #KEYS do answers[i] = redis.call('HGETALL', KEYS[i]) end
return answers
""")


def sticky_call(raw_ids: Sequence[str]) -> redis.ScriptCall:
    """Return the call that reads the sticky arms of raw ids, for a round trip with others."""
    return READ.call([f"{PREFIX}{raw_id}" for raw_id in raw_ids])


def sticky_by_id(raw_ids: Sequence[str], answer: Any) -> dict[str, dict[str, StickyArm]]:
    """Return what `sticky_call` of the same ids read."""
    return {raw_id: _arms(flat) for raw_id, flat in zip(raw_ids, answer, strict=True)}


def read_sticky(raw_ids: Sequence[str]) -> dict[str, dict[str, StickyArm]]:
    """Return the sticky arms of raw ids. Raises redis errors."""
    (answer,) = redis.run_scripts(sticky_call(raw_ids)) if raw_ids else ([],)
    return sticky_by_id(raw_ids, answer)


class StickyRead:
    """A read of sticky arms that shares the round trip of another."""

    def __init__(self, raw_ids: Sequence[str]) -> None:
        self.raw_ids = raw_ids
        self.by_id: dict[str, dict[str, StickyArm]] = {}

    @property
    def call(self) -> redis.ScriptCall:
        """The call."""
        return sticky_call(self.raw_ids)

    def settle(self, answer: Any) -> None:
        """Take the answer."""
        self.by_id = sticky_by_id(self.raw_ids, answer)


def merged(by_id: StickyById) -> dict[str, StickyArm]:
    """Return the arms of a person whose ids come user first: the newest epoch holds, and of one epoch the user's."""
    arms: dict[str, StickyArm] = {}
    for of_id in by_id.values():
        for key, arm in of_id.items():
            if key not in arms or arm.epoch > arms[key].epoch:
                arms[key] = arm
    return arms


def _arms(flat: Sequence[bytes]) -> dict[str, StickyArm]:
    arms = {}
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        epoch, _, arm = value.decode().partition(":")
        arms[key.decode()] = StickyArm(int(epoch), arm)
    return arms
