"""Recorded events and orders as relations: SQL for rooms that count whole tables at once."""

from typing import Final

EVENTS: Final = "events_event"
"""The table of recorded events, by month."""
SEGMENT_CHANGES: Final = "name IN ('Segment Entered', 'Segment Left')"
"""The condition of the partial index on `coalesce(user_id, anonymous_id), at`."""
PRODUCT: Final = (
    "coalesce({0} ->> 'product_id', {0} ->> 'productId', {0} ->> 'sku', {0} ->> 'id')"  # as events.types.products
)
"""The product that the properties `{0}` of an event name."""
ORDERS: Final = """
SELECT bought.user_id, bought.anonymous_id, bought.placed_at,
    greatest(0, coalesce(bought.revenue, 0) - bought.refunded) AS revenue,
    (SELECT coalesce(sum(line.quantity), 0) FROM events_orderline AS line WHERE line.order_id = bought.id) AS items,
    (
        SELECT coalesce(sum((line.price - costs.cost) * line.quantity), 0)
            * (1 - least(1, coalesce(bought.refunded / nullif((
                SELECT sum(coalesce(price, 0) * quantity) FROM events_orderline WHERE order_id = bought.id
            ), 0), 0)))
        FROM events_orderline AS line JOIN ({costs}) AS costs USING (product_id) WHERE line.order_id = bought.id
    ) AS margin
FROM events_order AS bought
WHERE bought.confirmed AND bought.placed_at IS NOT NULL AND bought.currency = %(currency)s
    AND bought.status <> 'cancelled' AND NOT bought.wholly_refunded
"""
"""Orders that count, less refunds: whose they are, `placed_at`, `revenue`, `items`, and `margin` over `{costs}`.

Lines without a price or a cost have no margin. `%(currency)s` is the shop's currency.
"""
OWNERS: Final = """
SELECT DISTINCT user_id, anonymous_id FROM events_order WHERE order_id = ANY(%(orders)s)
UNION
SELECT DISTINCT stated.user_id, stated.anonymous_id
FROM events_order AS bought JOIN events_event AS stated
    ON stated.at = bought.placed_at AND stated.kind = 'track' AND stated.name = 'Order Completed'
    AND stated.properties ->> 'order_id' = bought.order_id
WHERE bought.order_id = ANY(%(updated)s)
"""
"""Whose some orders are, and of updated ones whose they were by the event that placed them."""
NEW: Final = """
SELECT recorded.user_id, recorded.anonymous_id, recorded.previous_id,
    CASE WHEN recorded.name LIKE 'Order %%' THEN recorded.properties ->> 'order_id' END AS order_id,
    recorded.name = 'Order Updated' AS is_update,
    recorded.name = 'Experiment Viewed' OR recorded.properties ? 'experiments' AS is_exposure
FROM events_event AS recorded
JOIN unnest(%(shards)s::smallint[], %(after)s::bigint[], %(upto)s::bigint[]) AS part (shard, after, upto)
    ON part.shard = recorded.shard AND recorded.log_offset > part.after AND recorded.log_offset <= part.upto
WHERE recorded.log_offset > %(least)s AND recorded.log_offset <= %(most)s
"""
"""Whom the events of some parts of the log are about, and what they name. `least` and `most` bound all parts."""
SINCE: Final = """
SELECT DISTINCT user_id, anonymous_id FROM events_event WHERE at > %(since)s
"""
"""Whom the events after a moment are about."""
