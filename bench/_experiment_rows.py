"""Rows for benchmarks of experiments: recorded exposures and outcomes of any number, made inside PostgreSQL."""

from dataclasses import asdict, dataclass
from typing import Any, Final

DAYS: Final = 20
"""How long the experiments run already."""
METRICS: Final = {
    "goal_metric": "revenue_per_visitor",
    "secondary_metrics": ["conversion_rate", "click_through_rate", "average_order_value"],
    "guardrail_metrics": ["add_to_cart_rate"],
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many events. A shopper has ten exposures, in four experiments, and one has an outcome in ten of them."""

    exposures: int
    outcomes: int
    experiments: int

    @property
    def shoppers(self) -> int:
        """The shoppers of all experiments."""
        return max(100, self.exposures // 10)


SHOPPER: Final = "CASE WHEN who %% 10 < 7 THEN 'shopper-' || lpad(who::text, 8, '0') END"
VISITOR: Final = "CASE WHEN who %% 10 >= 7 THEN 'visitor-' || lpad(who::text, 8, '0') END"
OFFSET: Final = "(extract(epoch FROM at) * 1000)::bigint << 20 | (n & 1048575)"
MONTHS: Final = "SELECT events_ensure_month(now() - n * interval '1 month') FROM generate_series(0, 2) AS n"
COLUMNS: Final = """
INSERT INTO events_event (id, message_id, at, received_at, kind, name, user_id, anonymous_id, properties, context,
    allowed, source, shard, log_offset)
"""
EXPOSURES: Final = f"""{COLUMNS}
SELECT gen_random_uuid(), 'x' || n, at, at, 'track', 'Recommendation Served', {SHOPPER}, {VISITOR},
    jsonb_build_object('recommendation_id', md5('x' || n)::uuid, 'personalized', true,
        'placement', (ARRAY['home','cart','recent'])[1 + n %% 3], 'products', %(products)s::jsonb,
        'experiments', jsonb_build_array(jsonb_build_object('key', 'test-' || which, 'epoch', 1,
            'variation', CASE WHEN hashint8extended(who, which) & 1 = 0 THEN 'control' ELSE 'treatment' END))),
    '{{}}', ARRAY['analytics', 'personalization', 'experiments'], 'server', (who %% 8)::smallint, {OFFSET}
FROM (
    SELECT n, who, at, (who * 4 + abs(hashint8(n + 7)) %% 4) %% %(experiments)s AS which
    FROM (
        SELECT n, abs(hashint8(n))::bigint %% %(shoppers)s AS who,
            now() - %(days)s * interval '1 day' + n * (%(days)s * interval '1 day' / (%(exposures)s + 1)) AS at
        FROM generate_series(1, %(exposures)s) AS n
    ) AS drawn
) AS rows
"""
OUTCOMES: Final = f"""{COLUMNS}
SELECT gen_random_uuid(), 'y' || n, at, at, 'track',
    CASE WHEN n %% 10 < 5 THEN 'Product Added' WHEN n %% 10 < 7 THEN 'Product Clicked' ELSE 'Order Completed' END,
    {SHOPPER}, {VISITOR},
    CASE WHEN n %% 10 < 7 THEN jsonb_build_object('product_id', 'P' || n %% 5000, 'price', 9.9,
            'list_id', md5('x' || (1 + n::bigint * %(exposures)s / (%(outcomes)s + 1)))::uuid)
        ELSE jsonb_build_object('order_id', 'O' || n, 'revenue', amount, 'currency', 'EUR') END,
    '{{"device": {{"type": "mobile"}}}}', ARRAY['analytics', 'personalization', 'experiments'], 'key:1',
    (who %% 8)::smallint, {OFFSET}
FROM (
    SELECT n, abs(hashint8(1 + n::bigint * %(exposures)s / (%(outcomes)s + 1)))::bigint %% %(shoppers)s AS who,
        round((exp(3 + (hashint8(n) %% 1000) / 1000.0))::numeric, 2) AS amount,
        now() - %(days)s * interval '1 day' + n * (%(days)s * interval '1 day' / (%(outcomes)s + 1))
            + interval '3 minutes' AS at
    FROM generate_series(1, %(outcomes)s) AS n
) AS rows
"""
ORDERS: Final = """
INSERT INTO events_order (order_id, claimed_by, confirmed, user_id, anonymous_id, status, placed_at, revenue,
    revenue_basis, total, currency, coupon, refunded, refunded_stated, returned_units, wholly_refunded, status_message,
    content_message)
SELECT properties ->> 'order_id', '', true, user_id, anonymous_id, 'completed', at, (properties ->> 'revenue')::numeric,
    'revenue', NULL, 'EUR', '', 0, 0, '{}', false, '', ''
FROM events_event WHERE name = 'Order Completed'
"""
LINKS: Final = """
INSERT INTO customers_link (kind, from_id, user_id, at, message_id)
SELECT 'claim', 'visitor-' || lpad(who::text, 8, '0'), 'shopper-' || lpad((who - 3)::text, 8, '0'),
    now() - %(days)s * interval '1 day' + (who %% 1728000) * interval '1 second', 'link-' || who
FROM generate_series(9, %(shoppers)s - 1, 20) AS who
"""
OFFSETS: Final = """
INSERT INTO events_offset (consumer, shard, log_offset)
SELECT 'recorder', shard, max(log_offset) FROM events_event GROUP BY shard
"""


def fill(connection: Any, sizes: Sizes) -> None:
    """Fill the log's tables through an autocommit connection of the owner, and let PostgreSQL look at them."""
    products = "[" + ",".join(f'{{"product_id": "P{n}", "position": {n}, "score": 0.5}}' for n in range(1, 9)) + "]"
    values = {**asdict(sizes), "shoppers": sizes.shoppers, "days": DAYS, "products": products}
    with connection.cursor() as cursor:
        for step in (MONTHS, EXPOSURES, OUTCOMES, LINKS):
            cursor.execute(step, values)
        cursor.execute(ORDERS)
        cursor.execute(OFFSETS)
        for table in ("events_event", "events_order", "customers_link"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def start_experiments(n: int) -> None:
    """Start experiments that count as started `DAYS` ago. Django must be set up."""
    from datetime import timedelta

    from common import clock
    from experiments.models import Epoch, Experiment
    from experiments.services.designs import create_experiment
    from experiments.services.lifecycle import start

    for number in range(n):
        create_experiment(f"test-{number}", data=METRICS, actor="staff:bench")
        start(f"test-{number}", actor="staff:bench")
    began = clock.now() - timedelta(days=DAYS, hours=1)
    Experiment.objects.update(started_at=began)
    Epoch.objects.update(started_at=began)
