"""How far consumers that count recorded events came: offsets in PostgreSQL, moved in the transaction of the results."""

from collections.abc import Mapping

from django.db import connection

from events.models import Offset
from events.services.recorder import CONSUMER as RECORDER


def recorded_positions() -> dict[int, int]:
    """Return how far the recorder is on each shard."""
    return dict(Offset.objects.filter(consumer=RECORDER).values_list("shard", "log_offset"))


def positions(consumer: str) -> dict[int, int]:
    """Return how far a consumer is on each shard where it counted before."""
    return dict(Offset.objects.filter(consumer=consumer).values_list("shard", "log_offset"))


def move(consumer: str, upto: Mapping[int, int]) -> None:
    """Write how far a consumer is. Call it in the transaction of its results."""
    rows = [Offset(consumer=consumer, shard=shard, log_offset=offset) for shard, offset in sorted(upto.items())]
    Offset.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["consumer", "shard"], update_fields=["log_offset"]
    )


def first_after(after: Mapping[int, int], upto: Mapping[int, int]) -> int | None:
    """Return the least offset of an event in these parts of the log, None where they are empty."""
    shards = sorted(after)
    if not shards:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(log_offset) FROM events_event JOIN unnest(%s::smallint[], %s::bigint[], %s::bigint[])"
            " AS part (shard, after, upto) USING (shard)"
            " WHERE log_offset > after AND log_offset <= upto AND log_offset > %s AND log_offset <= %s",
            [shards, [after[one] for one in shards], [upto[one] for one in shards]]
            + [min(after.values()), max(upto.values())],
        )
        (first,) = cursor.fetchone()
        return None if first is None else int(first)
