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


def first_and_count(after: Mapping[int, int], upto: Mapping[int, int]) -> tuple[int | None, int]:
    """Return the least offset of an event in these parts of the log, or None, and how many events lie there."""
    shards = sorted(after)
    if not shards:
        return None, 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(log_offset), count(*) FROM events_event"
            " JOIN unnest(%s::smallint[], %s::bigint[], %s::bigint[]) AS part (shard, after, upto) USING (shard)"
            " WHERE log_offset > after AND log_offset <= upto AND log_offset > %s AND log_offset <= %s",
            [shards, [after[one] for one in shards], [upto[one] for one in shards]]
            + [min(after.values()), max(upto.values())],
        )
        first, n_events = cursor.fetchone()
        return first, n_events


def recorded_events_estimate() -> int:
    """Return about how many events are recorded, as PostgreSQL knew when it last looked at the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint"
            " FROM pg_partition_tree('events_event') JOIN pg_class ON pg_class.oid = relid WHERE isleaf"
        )
        return int(cursor.fetchone()[0])
