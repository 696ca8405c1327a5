"""Keeps the arms that subjects got, and counts whose answers did not count: a buffer that never makes an answer wait.

Redis is what answers read. PostgreSQL holds the same, and fills Redis again should it lose its data.
"""

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import prometheus_client
from django.db import connection, transaction
from django.db.utils import InterfaceError, OperationalError
from redis.exceptions import RedisError

from common import clock, redis
from common.background import BackgroundLoop
from common.errors import Unavailable
from experiments.arms import Assignment, Subject
from experiments.design import LIVE_STATUSES
from experiments.models import Experiment, StickyArm
from experiments.selectors.sticky import PREFIX, StickyById

KEPT_SECONDS: Final = 400 * 86_400
"""How long Redis keeps the arms of a raw id that no longer comes."""
FLUSH_SECONDS: Final = 0.05
MOST_WAITING: Final = 50_000
CHUNK: Final = 5_000
READY: Final = "v:arms-ready"
"""Exists in a Redis that holds what PostgreSQL holds."""
WRITE: Final = redis.Script(f"""
for i = 1, #KEYS do
  local at = 3 * i
  local known = redis.call('HGET', KEYS[i], ARGV[at - 2])
  if not known or tonumber(string.match(known, '^%d+')) < tonumber(ARGV[at - 1]) then
    redis.call('HSET', KEYS[i], ARGV[at - 2], ARGV[at - 1] .. ':' .. ARGV[at])
    redis.call('EXPIRE', KEYS[i], {KEPT_SECONDS})
  end
end
return #KEYS
""")
_STORE: Final = """
INSERT INTO experiments_stickyarm (experiment_id, epoch, raw_id, arm, at)
SELECT experiment.id, row.epoch, row.raw_id, row.arm, %s
FROM unnest(%s::text[], %s::int[], %s::text[], %s::text[]) AS row (key, epoch, raw_id, arm)
JOIN experiments_experiment AS experiment USING (key)
ORDER BY row.raw_id, experiment.id, row.epoch
ON CONFLICT DO NOTHING
"""
_COUNT: Final = """
INSERT INTO experiments_withheld AS counted (experiment_id, day, arm, reason, n)
SELECT id, %s, %s, %s, %s FROM experiments_experiment WHERE key = %s
ON CONFLICT (experiment_id, day, arm, reason) DO UPDATE SET n = counted.n + excluded.n
"""
STICKY_ARMS: Final = prometheus_client.Counter(
    "vitrine_sticky_arms", "Arms of shoppers, kept or lost before they were.", ["outcome"]
)


@dataclass(frozen=True, slots=True)
class Note:
    """One arm to keep for a raw id."""

    key: str
    epoch: int
    arm: str
    raw_id: str


class ArmKeeper:
    """The buffer of a process. `keep` and `count` never wait; a background thread writes."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque()
        self._released: set[str] = set()
        self._withheld: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._loop = BackgroundLoop("vitrine-arms", self.flush, seconds=FLUSH_SECONDS)

    def keep(self, assignment: Assignment, subject: Subject, sticky: StickyById) -> None:
        """Keep the arm of a subject that takes part, for each of its ids that has none of this epoch yet."""
        if not assignment.participates:
            return
        design = assignment.design
        for raw_id in subject.raw_ids:
            arm = sticky.get(raw_id, {}).get(design.key)
            if arm is None or arm.epoch < design.epoch:
                self._add(Note(design.key, design.epoch, assignment.arm_key, raw_id))

    def release(self, raw_ids: Iterable[str]) -> None:
        """Delete the arms of a subject who may no longer be experimented on."""
        with self._lock:
            self._released.update(raw_ids)
        self._loop.wake()

    def count(self, key: str, arm: str, reason: str) -> None:
        """Count an answer or exposure that does not count, by a `Withheld.Reason`."""
        with self._lock:
            self._withheld[key, arm, reason] += 1
        self._loop.wake()

    def flush(self) -> int:
        """Write what waits; return the number of arms. While a store is down, they wait.

        Raises redis errors and Unavailable.
        """
        with self._lock:
            notes = [self._notes.popleft() for _ in range(min(len(self._notes), CHUNK))]
            withheld, self._withheld = self._withheld, Counter()
            released, self._released = self._released, set()
        try:
            write(notes)
            _delete(released)
            _write_counts(withheld)
        except (OperationalError, InterfaceError, RedisError) as error:
            connection.close()
            with self._lock:
                self._notes.extendleft(reversed(notes))
                self._withheld.update(withheld)
                self._released |= released
            raise Unavailable(f"arms wait: {error}") from error
        STICKY_ARMS.labels(outcome="kept").inc(len(notes))
        return len(notes)

    def forget(self) -> None:
        """Drop what waits."""
        with self._lock:
            self._notes.clear()
            self._released.clear()
            self._withheld.clear()

    def _add(self, note: Note) -> None:
        if len(self._notes) >= MOST_WAITING:
            STICKY_ARMS.labels(outcome="lost").inc()
            return
        self._notes.append(note)
        self._loop.wake()


def write(notes: Iterable[Note]) -> None:
    """Write arms to Redis and PostgreSQL; the first arm of an epoch stays. May run twice. Raises their errors."""
    rows = list(dict.fromkeys(notes))
    if not rows:
        return
    _fill_redis(rows)
    columns = zip(*((one.key, one.epoch, one.raw_id, one.arm) for one in rows), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [clock.now(), *map(list, columns)])


def _fill_redis(rows: list[Note]) -> None:
    WRITE.run(
        [f"{PREFIX}{one.raw_id}" for one in rows],
        [value for one in rows for value in (one.key, one.epoch, one.arm)],
    )


def _write_counts(withheld: Counter[tuple[str, str, str]]) -> None:
    if not withheld:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        for key, arm, reason in sorted(withheld):
            cursor.execute(_COUNT, [clock.now().date(), arm, reason, withheld[key, arm, reason], key])


def restore_redis() -> int:
    """Fill Redis from PostgreSQL where it lost its data; return the number of arms. Raises redis errors."""
    if redis.client().exists(READY):
        return 0
    live = Experiment.objects.filter(status__in=LIVE_STATUSES).values("pk")
    rows = StickyArm.objects.filter(experiment__in=live).order_by("epoch")
    batch: list[Note] = []
    total = 0
    for key, epoch, arm, raw_id in rows.values_list("experiment__key", "epoch", "arm", "raw_id").iterator(CHUNK):
        batch.append(Note(key, epoch, arm, raw_id))
        if len(batch) == CHUNK:
            _fill_redis(batch)
            total, batch = total + len(batch), []
    if batch:
        _fill_redis(batch)
    redis.client().set(READY, b"1")
    return total + len(batch)


def forget(raw_ids: Iterable[str]) -> int:
    """Delete the arms of raw ids from Redis; return the number of raw ids that had any. Raises redis errors."""
    keys = [f"{PREFIX}{raw_id}" for raw_id in raw_ids]
    return int(redis.client().delete(*keys)) if keys else 0


def _delete(raw_ids: set[str]) -> None:
    if raw_ids:
        forget(raw_ids)
        StickyArm.objects.filter(raw_id__in=raw_ids).delete()


arm_keeper: Final = ArmKeeper()
"""The buffer of this process."""
