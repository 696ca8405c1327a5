"""Counts what answers showed and what became of it: impressions, clicks, carts, attributed orders.

Recorded events are counted once each, shard by shard in the order of the log, up to where the recorder is. An outcome
follows from all events about it, so the numbers do not depend on the order in which events came, and `recount` finds
the same.

An order line belongs to the answer that it names. Else it belongs to the answer that the same shopper, by user or
anonymous id, clicked last to see the product, at most `WINDOW_DAYS` before. Only confirmed orders in the shop's
currency count; what was refunded is taken off each line alike.
"""

from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from common import clock
from events.log.offsets import SEQUENCE_BITS
from events.models import Offset
from events.services.recorder import CONSUMER as RECORDER
from events.types.products import MAX_TEXT

CONSUMER: Final = "performance"
WINDOW_DAYS: Final = 7
"""How long after a click an order belongs to it."""
KEEP_DAYS: Final = 60
"""How long an answer waits for outcomes, and an outcome for its answer."""
MOST: Final = "99999999999999"
"""The most units and money of an outcome: more than its columns hold would stop the count."""
STEP: Final = 3_600_000 << SEQUENCE_BITS
"""The part of the log of one transaction: an hour."""
TABLES: Final = (
    *("events_served_answer", "events_impressions", "events_product_impressions", "events_rule_impressions"),
    "events_outcome",
)
ANSWER_ID: Final = "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'"
"""Other list ids are the shop's own."""
NEW_EVENTS: Final = "events_event WHERE shard = %(shard)s AND log_offset > %(after)s AND log_offset <= %(upto)s"
DAY: Final = "(at AT TIME ZONE %(zone)s)::date"
PRODUCT: Final = (
    "coalesce(properties ->> 'product_id', properties ->> 'productId', properties ->> 'sku', properties ->> 'id')"
)
RULES: Final = (
    "nullif(ARRAY(SELECT rule #>> '{}' FROM jsonb_path_query(properties, '$.holdout.%s[*]') AS rule), ARRAY[]::text[])"
)
"""Rules that were applied or held out by lot, as the exposure names them; null for none."""
RANDOM_GROUP: Final = "abs(hashtext(coalesce(user_id, anonymous_id, '')) %% 128)"
"""Names nobody, and yet tells how much answers of the same shoppers hang together."""
ANSWERS: Final = f"""
WITH served AS (
    SELECT DISTINCT ON (recommendation_id) properties ->> 'recommendation_id' AS recommendation_id, properties, at,
        {RANDOM_GROUP} AS random_group
    FROM {NEW_EVENTS} AND kind = 'track' AND name = 'Recommendation Served'
    ORDER BY recommendation_id, at
), answers AS (
    INSERT INTO events_served_answer
        (recommendation_id, placement, personalized, at, measured_rules, held_out_rules, random_group)
    SELECT recommendation_id, coalesce(properties ->> 'placement', ''),
        coalesce((properties ->> 'personalized')::boolean, false), at, {RULES % "applied"}, {RULES % "held_out"},
        random_group
    FROM served WHERE recommendation_id IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING recommendation_id, placement, personalized, measured_rules, held_out_rules
), lots AS (
    INSERT INTO events_rule_impressions (rule, day, held_out, random_group, n)
    SELECT rule, {DAY}, held_out, random_group, count(*)
    FROM answers JOIN served USING (recommendation_id) CROSS JOIN LATERAL (
        SELECT unnest(measured_rules) AS rule, false AS held_out
        UNION ALL SELECT unnest(held_out_rules), true
    ) AS lot
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (rule, day, held_out, random_group) DO UPDATE SET n = events_rule_impressions.n + excluded.n
), places AS (
    INSERT INTO events_impressions (placement, day, personalized, position, n)
    SELECT placement, {DAY}, personalized, position, count(*)
    FROM answers JOIN served USING (recommendation_id)
        CROSS JOIN LATERAL generate_series(0, jsonb_array_length(coalesce(properties -> 'products', '[]'))) AS position
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (placement, day, personalized, position) DO UPDATE SET n = events_impressions.n + excluded.n
)
INSERT INTO events_product_impressions (product_id, day, placement, personalized, n)
SELECT product ->> 'product_id', {DAY}, placement, personalized, count(*)
FROM answers JOIN served USING (recommendation_id)
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(properties -> 'products', '[]')) AS product
WHERE product ->> 'product_id' IS NOT NULL
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
ON CONFLICT (product_id, day, placement, personalized) DO UPDATE SET n = events_product_impressions.n + excluded.n
"""
TOUCHES: Final = f"""
INSERT INTO events_outcome
    (recommendation_id, product_id, kind, order_key, at, day, position, quantity, revenue, placement, personalized)
SELECT DISTINCT ON (list_id, product_id, kind)
    list_id, product_id, kind, '', at, {DAY}, position, 0, 0, '', false
FROM (
    SELECT properties ->> 'list_id' AS list_id, {PRODUCT} AS product_id,
        CASE name WHEN 'Product Clicked' THEN 'click' ELSE 'cart' END AS kind, at,
        CASE WHEN properties ->> 'position' ~ '^[0-9]{{1,3}}$' THEN (properties ->> 'position')::smallint ELSE 0 END
            AS position
    FROM {NEW_EVENTS} AND kind = 'track' AND name IN ('Product Clicked', 'Product Added')
        AND properties ->> 'list_id' ~ {ANSWER_ID}
) AS touched
WHERE length(product_id) <= {MAX_TEXT}
ORDER BY list_id, product_id, kind, at, position
ON CONFLICT (recommendation_id, product_id, kind, order_key) DO UPDATE
    SET at = excluded.at, day = excluded.day, position = excluded.position
    WHERE (excluded.at, excluded.position) < (events_outcome.at, events_outcome.position)
"""
TOUCHED_ORDERS: Final = f"""
SELECT DISTINCT properties ->> 'order_id' FROM {NEW_EVENTS} AND kind = 'track' AND name LIKE 'Order %%'
    AND properties ->> 'order_id' IS NOT NULL
UNION
SELECT o.order_id
FROM (
    SELECT user_id, anonymous_id, at FROM {NEW_EVENTS} AND kind = 'track' AND name = 'Product Clicked'
        AND properties ->> 'list_id' ~ {ANSWER_ID}
) AS click JOIN events_order AS o
    ON o.placed_at >= click.at AND o.placed_at <= click.at + %(window)s * interval '1 day'
    AND (o.user_id = click.user_id OR o.anonymous_id = click.anonymous_id)
"""
FORGET_ORDERS: Final = "DELETE FROM events_outcome WHERE order_key IN (SELECT md5(id) FROM unnest(%(orders)s) AS id)"
ORDERS: Final = f"""
INSERT INTO events_outcome
    (recommendation_id, product_id, kind, order_key, at, day, position, quantity, revenue, placement, personalized)
SELECT answer_id, product_id, 'order', md5(order_id), min(at), min({DAY}), 0,
    least(sum(quantity), {MOST}), least(sum(revenue), {MOST}), '', false
FROM (
    SELECT o.order_id, o.placed_at AS at, l.product_id, l.quantity,
        round(coalesce(l.price, 0) * l.quantity * (1 - least(1, o.refunded / nullif(paid.total, 0))), 4) AS revenue,
        CASE WHEN l.list_id ~ {ANSWER_ID} THEN l.list_id ELSE (
            SELECT click.properties ->> 'list_id' FROM events_event AS click
            WHERE click.kind = 'track' AND click.name = 'Product Clicked'
                AND click.at <= o.placed_at AND click.at >= o.placed_at - %(window)s * interval '1 day'
                AND (click.user_id = o.user_id OR click.anonymous_id = o.anonymous_id)
                AND {PRODUCT.replace("properties", "click.properties")} = l.product_id
                AND click.properties ->> 'list_id' ~ {ANSWER_ID}
            ORDER BY click.at DESC, click.message_id DESC LIMIT 1
        ) END AS answer_id
    FROM events_order AS o JOIN events_orderline AS l ON l.order_id = o.id
        CROSS JOIN LATERAL (
            SELECT sum(coalesce(price, 0) * quantity) AS total FROM events_orderline WHERE order_id = o.id
        ) AS paid
    WHERE o.order_id = ANY(%(orders)s) AND o.confirmed AND o.placed_at IS NOT NULL AND o.currency = %(currency)s
        AND o.status <> 'cancelled' AND NOT o.wholly_refunded
) AS bought
WHERE answer_id IS NOT NULL
GROUP BY answer_id, product_id, order_id
"""
FIND_PLACEMENTS: Final = """
UPDATE events_outcome AS o SET placement = a.placement, personalized = a.personalized,
    measured_rules = a.measured_rules, held_out_rules = a.held_out_rules, random_group = a.random_group
FROM events_served_answer AS a WHERE a.recommendation_id = o.recommendation_id AND o.placement = ''
"""
FORGET_OLD: Final = """
DELETE FROM events_served_answer WHERE at < %(now)s - %(keep)s * interval '1 day';
DELETE FROM events_outcome WHERE placement = '' AND at < %(now)s - %(keep)s * interval '1 day'
"""


def count_new() -> int:
    """Count what was recorded since the last time; return the number of parts of the log. Two at once: one waits."""
    parts = 0
    for shard, recorded in Offset.objects.filter(consumer=RECORDER).values_list("shard", "log_offset"):
        while _count_part(shard, recorded):
            parts += 1
    with connection.cursor() as cursor:
        cursor.execute(FIND_PLACEMENTS)
    return parts


def forget_old_answers() -> None:
    """Delete answers that wait for no outcome any more, whose counts stay, and outcomes without an answer."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_OLD, {"keep": KEEP_DAYS, "now": clock.now()})


def recount() -> int:
    """Forget all counts and count again what is recorded; return the number of parts of the log.

    What was erased since is counted no more, and all days are those of the shop's present time zone.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        Offset.objects.filter(consumer=CONSUMER).delete()
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")
    return count_new()


@transaction.atomic
def _count_part(shard: int, recorded: int) -> bool:
    """Count the next hour of a shard; return whether there was one."""
    Offset.objects.get_or_create(consumer=CONSUMER, shard=shard)
    reached = Offset.objects.select_for_update().get(consumer=CONSUMER, shard=shard)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(log_offset) FROM events_event WHERE shard = %s AND log_offset > %s AND log_offset <= %s",
            [shard, reached.log_offset, recorded],
        )
        first = cursor.fetchone()[0]
        if first is None:
            return False
        upto = min(recorded, first + STEP)
        values: dict[str, Any] = {
            "shard": shard,
            "after": reached.log_offset,
            "upto": upto,
            "zone": settings.SHOP_TIME_ZONE,
            "window": WINDOW_DAYS,
            "currency": settings.SHOP_CURRENCY,
        }
        cursor.execute(ANSWERS, values)
        cursor.execute(TOUCHES, values)
        cursor.execute(TOUCHED_ORDERS, values)
        if orders := [row[0] for row in cursor.fetchall()]:
            cursor.execute(FORGET_ORDERS, {"orders": orders})
            cursor.execute(ORDERS, {**values, "orders": orders})
    reached.log_offset = upto
    reached.save(update_fields=["log_offset"])
    return True
