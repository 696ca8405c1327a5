"""The profiler as a consumer of the log."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from events.log import Batch
from profiles import services
from profiles.segmenter import Segmenter
from profiles.services.count_history import CountKeeper

CONSUMER: Final = "profiles"


@dataclass(slots=True)
class ProfilerWork:
    """Writes histories into Redis, and determines the segments of whom they are about."""

    name: str = CONSUMER
    # Small batches: a click must not wait behind a long one.
    at_once: int = 250
    segmenter: Segmenter = field(default_factory=Segmenter)
    counts: CountKeeper = field(default_factory=CountKeeper)

    def offsets(self, shards: Iterable[int]) -> dict[int, int]:
        """Return the applied offset of each shard."""
        return services.offsets(shards)

    def apply(self, batch: Batch, *, after: Mapping[int, int]) -> dict[int, int]:
        """Apply the batch."""
        services.apply(batch)
        return {**after, **{shard: rows[-1][0] for shard, rows in batch.items()}}

    def between(self, shards: Collection[int]) -> None:
        """Determine segments of shoppers with new events, and of those who are due; keep the history of live counts."""
        self.segmenter.work(shards)
        self.counts.work(shards)
