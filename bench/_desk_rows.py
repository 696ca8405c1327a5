"""Rows for `desk_pages`: a shop of any size, made inside PostgreSQL by generate_series.

Pseudonyms are numbers in the form of one. All lead to the same id of the shop, sealed once; the first is its true one,
by which the installation knows its key.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from common import sealed
from common.pseudonyms import PURPOSE, pseudonym

DAYS: Final = 60
"""Days of events, answers and orders."""
PLACES: Final = 10
SEARCHED: Final = ("ada", "eve", "nam", "name1")
"""Beginnings of names that the pages search for; the others have tokens of another kind, as many."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows of each kind; an answer has `PLACES` impressions."""

    products: int
    customers: int
    events: int
    answers: int

    @property
    def impressions(self) -> int:
        """The impressions that the counters add up to."""
        return self.answers * PLACES


MONTHS: Final = "SELECT events_ensure_month(now() - n * interval '1 month') FROM generate_series(0, 3) AS n"
PRODUCTS: Final = """
INSERT INTO catalog_product (product_id, title, description, category, brand, price, currency, stock, active, group_id,
    attributes, url, image_url, created_at, updated_at, changed_xid)
SELECT 'P' || n, (ARRAY['Oak','Steel','Soft','Round','Small','Nordic'])[1 + n %% 6] || ' '
    || (ARRAY['chair','desk','lamp','rug','shelf','vase','sofa'])[1 + n %% 7] || ' ' || n, '',
    ARRAY['home', 'category ' || n %% 200], 'Brand ' || n %% 500, 5 + n %% 400, 'EUR', n %% 50, true, '',
    '{"color": "oak"}', '', '', now(), now(), 0
FROM generate_series(1, %(products)s) AS n
"""
CUSTOMERS: Final = """
INSERT INTO customers_customer (raw_id, attributes, attribute_stamps, search_tokens, email_hash,
    proven_email_hash, created_at)
SELECT 'user:p_' || lpad(n::text, 22, '0'),
    jsonb_build_object('first_name', first, 'last_name', last, 'email', email, 'city', 'Rome'),
    '{}', ARRAY(
        SELECT coalesce((%(tokens)s::jsonb ->> part)::bigint, hashtextextended(part, 0))
        FROM (
            SELECT lower(first) AS part UNION SELECT left(lower(last), length) FROM generate_series(3, 12) AS length
        ) AS parts
    ),
    encode(sha256(email::bytea), 'hex'), encode(sha256(email::bytea), 'hex'), now() - n * interval '1 second'
FROM (
    SELECT n, (ARRAY['Ada','Bo','Cy','Dee','Eve','Mo','Olu','Zoe'])[1 + n %% 8] AS first,
        'Name' || md5((n %% 50000)::text) AS last, 's' || n || '@example.com' AS email
    FROM generate_series(1, %(customers)s) AS n
) AS people
"""
SHOP_IDS: Final = """
INSERT INTO customers_shop_id (pseudonym, sealed_id, kept_at) VALUES (%(pseudonym)s, %(sealed_id)s, now());
INSERT INTO customers_shop_id (pseudonym, sealed_id, kept_at)
SELECT 'p_' || lpad(n::text, 22, '0'), %(sealed_id)s, now() FROM generate_series(1, %(customers)s) AS n
"""
LINKS: Final = """
INSERT INTO customers_link (kind, from_id, user_id, at, message_id)
SELECT 'claim', 'p_a' || lpad(n::text, 21, '0'), 'p_' || lpad(n::text, 22, '0'), now() - interval '50 days',
    'link-' || n
FROM generate_series(1, %(customers)s, 2) AS n
"""
CONSENTS: Final = """
INSERT INTO consents_consentstate (raw_id, purpose, given, at, event_id, region)
SELECT 'user:p_' || lpad(n::text, 22, '0'), purpose, true, now() - interval '50 days', 'c', ''
FROM generate_series(1, %(customers)s) AS n, unnest(ARRAY['analytics', 'personalization']) AS purpose;
INSERT INTO consents_consentevent (id, raw_id, purpose, given, at, recorded_at, message_id, source, policy_version,
    policy_sha256, region)
SELECT gen_random_uuid(), raw_id, purpose, given, at + id * interval '1 millisecond', at, 'c' || id, 'banner', '', '',
    ''
FROM consents_consentstate
"""
EVENTS: Final = """
INSERT INTO events_event (id, message_id, at, received_at, kind, name, user_id, anonymous_id, properties, allowed,
    source, shard, log_offset)
SELECT gen_random_uuid(), 'm' || n, at, at, 'track',
    CASE WHEN n %% 4 = 0 THEN 'Recommendation Served' WHEN n %% 11 = 0 THEN 'Product Clicked' ELSE 'Product Viewed' END,
    'p_' || lpad((1 + abs(hashint8(n)) %% %(customers)s)::text, 22, '0'), NULL,
    CASE WHEN n %% 4 = 0 THEN jsonb_build_object('placement', 'home', 'recommendation_id', md5(n::text),
        'products', (SELECT jsonb_agg(jsonb_build_object('product_id', 'P' || (n + place) %% %(products)s))
                     FROM generate_series(1, 10) AS place))
    ELSE jsonb_build_object('product_id', 'P' || n %% %(products)s, 'price', 9.9) END,
    ARRAY['analytics', 'personalization', 'train_models'], 'key:1', n %% 8, n
FROM (SELECT n, now() - (%(events)s - n) * (%(days)s * interval '1 day' / %(events)s) AS at
      FROM generate_series(1, %(events)s) AS n) AS moments
"""
ANSWERS: Final = """
INSERT INTO events_served_answer (recommendation_id, placement, personalized, at)
SELECT md5(n::text)::uuid::text, (ARRAY['home','recent','trending'])[1 + n %% 3], n %% 5 > 0,
    now() - (%(answers)s - n) * (%(days)s * interval '1 day' / %(answers)s)
FROM generate_series(1, %(answers)s) AS n;
INSERT INTO events_impressions (placement, day, personalized, position, n)
SELECT placement, at::date, personalized, position, count(*)
FROM events_served_answer, generate_series(0, 10) AS position GROUP BY 1, 2, 3, 4;
INSERT INTO events_product_impressions (product_id, day, placement, personalized, n)
SELECT 'P' || n %% %(products)s, now()::date - (n %% %(days)s)::int,
    (ARRAY['home','recent','trending'])[1 + (n / %(days)s) %% 3], true, count(*)
FROM generate_series(1, %(answers)s) AS n GROUP BY 1, 2, 3;
INSERT INTO events_outcome (recommendation_id, product_id, kind, order_key, at, day, position, quantity, revenue,
    placement, personalized)
SELECT recommendation_id, 'P' || n %% %(products)s, kind, CASE kind WHEN 'order' THEN md5(n::text) ELSE '' END, at,
    at::date, 1 + n %% 10, 1, CASE kind WHEN 'order' THEN 20 ELSE 0 END, placement, personalized
FROM (
    SELECT *, (ARRAY['click','click','click','click','cart','cart','order'])[1 + n %% 7] AS kind
    FROM (SELECT *, row_number() OVER () AS n FROM events_served_answer TABLESAMPLE SYSTEM (9)) AS sampled
) AS outcomes
"""
ORDERS: Final = """
INSERT INTO events_order (order_id, claimed_by, confirmed, user_id, status, placed_at, revenue, revenue_basis, total,
    currency, coupon, refunded, refunded_stated, returned_units, wholly_refunded, status_message, content_message)
SELECT 'O' || n, '', true, 'p_' || lpad((1 + abs(hashint8(n)) %% %(customers)s)::text, 22, '0'), 'completed',
    now() - n * interval '10 seconds', 40, 'lines', 40, 'EUR', '', 0, 0, '{}', false, '', ''
FROM generate_series(1, %(customers)s / 5) AS n;
INSERT INTO events_orderline (order_id, position, product_id, quantity, price, list_id, raw_id, placed_at)
SELECT id, line, 'P' || (id + line) %% %(products)s, 1, 20, '', 'user:' || user_id, placed_at
FROM events_order, generate_series(1, 2) AS line
"""
REST: Final = """
INSERT INTO events_setaside (message_id, reason, field, payload, request_context, source, received_at, shard,
    log_offset, replay_error, times)
SELECT 's' || n, 'must be a number', 'price', '{"type": "track"}', '{}', 'key:1', now() - n * interval '1 minute', 0, n,
    '', 1 FROM generate_series(1, %(events)s / 100) AS n;
INSERT INTO events_count (day, name, reason, n)
SELECT now()::date - n, 'Product Viewed', 'refused', 1000 FROM generate_series(0, %(days)s) AS n
"""
STEPS: Final = (MONTHS, PRODUCTS, CUSTOMERS, SHOP_IDS, LINKS, CONSENTS, EVENTS, ANSWERS, ORDERS, REST)
DEFERRED: Final = ("catalog_title", "catalog_category", "customers_customer_search")
"""Inverted indexes, made after the rows: row by row they take most of the time."""


def fill(connection: Any, sizes: Sizes) -> None:
    """Fill the tables through an autocommit connection of the owner, then let PostgreSQL look at them."""
    from customers.search_tokens import searched_tokens  # once Django is set up

    values = {
        "products": sizes.products,
        "customers": sizes.customers,
        "events": sizes.events,
        "answers": sizes.answers,
        "days": DAYS,
        "pseudonym": pseudonym("shopper-1"),
        "sealed_id": sealed.seal(b"shopper-1", purpose=PURPOSE),
        "tokens": json.dumps({part: searched_tokens(part)[0] for part in SEARCHED}),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = ANY(%s)", [list(DEFERRED)])
        definitions = [row[0] for row in cursor.fetchall()]
        for name in DEFERRED:
            cursor.execute(f"DROP INDEX {name}")
        for step in STEPS:
            cursor.execute(step, values)
        for definition in definitions:
            cursor.execute(definition)
        cursor.execute("VACUUM (ANALYZE)")
