"""The queries from events to one row for each unit and experiment, in their order.

`{events}` is `m_event`, which holds the events of some units, or a relation of everybody's. The rest is the same.
"""

from typing import Final

from catalog.relations import COSTS
from events.relations import ORDERS, PRODUCT
from experiments.measuring.tables import OWNER, WHOSE
from experiments.metrics.base import BEFORE_DAYS, CAPPED, MOST_LISTS, VISIT_MINUTES

MOST: Final = "99999999999999"
"""The most that a unit's value may be: more than its column holds would stop the count."""
NAMED: Final = """
SELECT experiment_id FROM experiments_exposure WHERE unit = ANY(%(units)s)
UNION
SELECT id FROM experiments_experiment WHERE key = ANY(%(keys)s) AND key IN (
    SELECT named ->> 'key' FROM m_event CROSS JOIN LATERAL jsonb_array_elements(properties -> 'experiments') AS named
    WHERE kind = 'track' AND name = 'Recommendation Served'
        AND jsonb_typeof(properties -> 'experiments') = 'array'
    UNION SELECT properties ->> 'experiment_id' FROM m_event WHERE kind = 'track' AND name = 'Experiment Viewed'
)
"""
"""The experiments that the units in `m_event` saw, now or by their old rows."""
SERVED: Final = """
INSERT INTO m_exposed
SELECT said.unit, arms.experiment_id, arms.epoch, arms.arm, said.at, said.message_id, said.answer, said.placement
FROM (
    SELECT unit, at, message_id, properties ->> 'recommendation_id' AS answer,
        left(properties ->> 'placement', 100) AS placement,
        named ->> 'key' AS key, named ->> 'variation' AS variation, (named ->> 'epoch')::int AS epoch
    FROM {events} AS happened CROSS JOIN LATERAL jsonb_array_elements(properties -> 'experiments') AS named
    WHERE kind = 'track' AND name = 'Recommendation Served' AND jsonb_typeof(properties -> 'experiments') = 'array'
    OFFSET 0  -- Each list is opened once, and not for each arm.
) AS said
JOIN m_arm AS arms ON arms.key = said.key AND arms.stated = said.variation AND arms.epoch = said.epoch
WHERE said.at <= arms.ended_at
"""
VIEWED: Final = """
INSERT INTO m_exposed
SELECT happened.unit, arms.experiment_id, arms.epoch, arms.arm, happened.at, happened.message_id, NULL, NULL
FROM {events} AS happened
JOIN m_arm AS arms ON arms.key = happened.properties ->> 'experiment_id'
    AND arms.stated = happened.properties ->> 'variation_id'
    AND happened.at >= arms.since AND happened.at < arms.until
WHERE happened.kind = 'track' AND happened.name = 'Experiment Viewed' AND happened.at <= arms.ended_at
"""
FIRST: Final = f"""
INSERT INTO m_first
SELECT unit, experiment_id, epoch, arm, first_at, switches, placement, least(answers, {MOST_LISTS}),
    answers > {MOST_LISTS},
    CASE WHEN experiment_id IN (SELECT experiment_id FROM m_activation) THEN NULL ELSE first_at END
FROM (
    SELECT unit, experiment_id, epoch, min(first_arm) AS arm, min(at) AS first_at,
        count(*) FILTER (WHERE arm <> first_arm) AS switches, min(placement) FILTER (WHERE number = 1) AS placement,
        count(answer) AS answers
    FROM (
        SELECT *, first_value(arm) OVER story AS first_arm, first_value(epoch) OVER story AS first_epoch,
            row_number() OVER story AS number
        FROM m_exposed
        WINDOW story AS (PARTITION BY unit, experiment_id ORDER BY at, message_id COLLATE "C")
    ) AS seen
    WHERE epoch = first_epoch
    GROUP BY unit, experiment_id, epoch
) AS first
"""
"""Each unit once, in the epoch of its first exposure. Whether it comes back may be what an arm did: two rows of one
unit would not be independent, and arms that bring people back would have more of them."""
ORDERED: Final = f"""
INSERT INTO m_outcome
SELECT unit, base, placed_at, CASE field WHEN '' THEN 1 WHEN 'revenue' THEN revenue
    WHEN 'items' THEN items ELSE margin END
FROM (
    SELECT {WHOSE.format("bought")} AS unit, bought.*
    FROM ({ORDERS.format(costs=COSTS)} {{condition}}) AS bought {OWNER.format("bought", "placed_at")}
    WHERE bought.placed_at >= %(since)s
) AS owned
CROSS JOIN unnest(%(bases)s::int[], %(fields)s::text[]) AS base (base, field)
WHERE unit IN (SELECT unit FROM m_first)
"""
SOME_ORDERS: Final = """
    AND (bought.user_id IN (SELECT id FROM m_id WHERE kind = 'user')
        OR (bought.user_id IS NULL AND bought.anonymous_id IN (SELECT id FROM m_id WHERE kind = 'anonymous')))
"""
DONE: Final = """
INSERT INTO m_outcome
SELECT happened.unit, found.base, happened.at, found.amount
FROM {events} AS happened CROSS JOIN LATERAL ({branches}) AS found
WHERE happened.kind = 'track' AND happened.name = ANY(%(names)s) AND found.amount IS NOT NULL
    AND happened.unit IN (SELECT unit FROM m_first)
"""
SLOT: Final = f"""
round(least({MOST}, greatest(-{MOST},
    coalesce(sum(amount) FILTER (WHERE slot = {{place}}), max(amount) FILTER (WHERE slot = -1 - {{place}}), 0))), 4)
"""
"""The value at one place: a sum, or for `any`, whose slot is negative, whether there was something."""
LISTS: Final = f"""(
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY unit, experiment_id, epoch ORDER BY at, message_id COLLATE "C"
        ) AS number
        FROM m_exposed WHERE answer IS NOT NULL AND experiment_id = ANY(%(experiments)s)
    ) AS numbered WHERE number <= {MOST_LISTS}
)"""
"""The lists that count as a relation."""
ANSWERED: Final = f"""
INSERT INTO m_own_outcome
SELECT unit, experiment_id, epoch, %(base)s, at, 1 FROM {LISTS} AS list
"""
CLICKED: Final = f"""
INSERT INTO m_own_outcome
SELECT DISTINCT ON (list.unit, list.experiment_id, list.answer, product)
    list.unit, list.experiment_id, list.epoch, %(base)s, clicked.at, 1
FROM (
    SELECT unit, at, message_id, properties ->> 'list_id' AS answer, {PRODUCT.format("properties")} AS product
    FROM {{events}} AS happened
    WHERE kind = 'track' AND name = 'Product Clicked' AND properties ->> 'list_id' IS NOT NULL
) AS clicked
JOIN {LISTS} AS list ON list.answer = clicked.answer AND list.unit = clicked.unit
WHERE product IS NOT NULL
ORDER BY list.unit, list.experiment_id, list.answer, product, clicked.at, clicked.message_id COLLATE "C"
"""
ACTIVATED: Final = """
UPDATE m_first AS first SET counts_from = done.at
FROM (
    SELECT first.unit, first.experiment_id, first.epoch, min(outcome.at) AS at
    FROM m_activation AS needs JOIN m_first AS first USING (experiment_id) JOIN (
        SELECT unit, NULL::bigint AS experiment_id, NULL::int AS epoch, base, at FROM m_outcome
        UNION ALL SELECT unit, experiment_id, epoch, base, at FROM m_own_outcome
    ) AS outcome ON outcome.unit = first.unit AND outcome.base = needs.base
        AND coalesce(outcome.experiment_id, first.experiment_id) = first.experiment_id
        AND coalesce(outcome.epoch, first.epoch) = first.epoch
    WHERE outcome.at >= first.first_at
        AND (outcome.at < first.first_at + needs.span OR (needs.span IS NULL AND outcome.at <= needs.ended_at))
    GROUP BY 1, 2, 3
) AS done
WHERE (done.unit, done.experiment_id, done.epoch) = (first.unit, first.experiment_id, first.epoch)
"""
BOUNCED: Final = f"""
INSERT INTO m_own_outcome
SELECT first.unit, first.experiment_id, first.epoch, %(base)s, first.counts_from, 1
FROM m_first AS first JOIN {{events}} AS page ON page.unit = first.unit AND page.kind IN ('page', 'screen')
    AND page.at >= first.first_at - interval '{VISIT_MINUTES} minutes'
    AND page.at <= first.first_at + interval '{VISIT_MINUTES} minutes'
WHERE first.experiment_id = ANY(%(experiments)s) AND first.counts_from IS NOT NULL
GROUP BY first.unit, first.experiment_id, first.epoch, first.counts_from HAVING count(*) = 1
"""
DEVICE: Final = f"""
INSERT INTO m_device
SELECT DISTINCT ON (first.unit, first.experiment_id, first.epoch)
    first.unit, first.experiment_id, first.epoch, left(seen.device, 100)
FROM m_first AS first JOIN {{events}} AS seen ON seen.unit = first.unit AND seen.device IS NOT NULL
    AND seen.at >= first.first_at - interval '{VISIT_MINUTES} minutes'
    AND seen.at <= first.first_at + interval '{VISIT_MINUTES} minutes'
ORDER BY first.unit, first.experiment_id, first.epoch,
    greatest(seen.at - first.first_at, first.first_at - seen.at), seen.at, seen.message_id COLLATE "C"
"""
SEGMENTS: Final = """
INSERT INTO m_segment
SELECT unit, experiment_id, epoch, array_agg(segment ORDER BY segment COLLATE "C")
FROM (
    SELECT DISTINCT ON (first.unit, first.experiment_id, first.epoch, changed.segment)
        first.unit, first.experiment_id, first.epoch, changed.segment, changed.entered
    FROM m_first AS first JOIN ({changes}) AS changed ON changed.unit = first.unit AND changed.at <= first.first_at
    ORDER BY first.unit, first.experiment_id, first.epoch, changed.segment,
        changed.at DESC, changed.message_id COLLATE "C" DESC
) AS latest
WHERE entered
GROUP BY unit, experiment_id, epoch
"""
VALUES: Final = f"""
INSERT INTO m_value
SELECT unit, experiment_id, epoch, ARRAY[{{sums}}]
FROM (
    SELECT first.unit, first.experiment_id, first.epoch, variable.slot, outcome.amount
    FROM m_first AS first
    JOIN m_variable AS variable USING (experiment_id)
    JOIN m_outcome AS outcome ON outcome.unit = first.unit AND outcome.base = variable.base
    WHERE CASE WHEN variable.is_before
        THEN outcome.at >= first.first_at - interval '{BEFORE_DAYS} days' AND outcome.at < first.first_at
        ELSE outcome.at >= first.counts_from
            AND (outcome.at < first.counts_from + variable.span
                OR (variable.span IS NULL AND outcome.at <= variable.ended_at)) END
        AND first.counts_from IS NOT NULL
    UNION ALL
    SELECT first.unit, first.experiment_id, first.epoch, variable.slot, outcome.amount
    FROM m_own_outcome AS outcome
    JOIN m_first AS first USING (unit, experiment_id, epoch)
    JOIN m_variable AS variable ON variable.experiment_id = first.experiment_id AND variable.base = outcome.base
    WHERE outcome.at >= first.counts_from
        AND (outcome.at < first.counts_from + variable.span
            OR (variable.span IS NULL AND outcome.at <= variable.ended_at))
) AS counted
GROUP BY unit, experiment_id, epoch
"""
ROWS: Final = f"""
INSERT INTO m_new
SELECT first.experiment_id, first.epoch, first.unit, first.arm, first.first_at, first.counts_from, first.switches,
    ARRAY[
        'day:' || (first.first_at AT TIME ZONE %(zone)s)::date,
        'device:' || coalesce(device.device, 'unknown'),
        'visitor:' || CASE WHEN seen.first_seen < first.first_at - interval '{VISIT_MINUTES} minutes'
            THEN 'returning' ELSE 'new' END
    ]
    || CASE WHEN first.is_capped THEN ARRAY['{CAPPED}'] ELSE ARRAY[]::text[] END
    || CASE WHEN first.placement > '' THEN ARRAY['placement:' || first.placement] ELSE ARRAY[]::text[] END
    || coalesce(segment.segments, ARRAY[]::text[]),
    CASE WHEN layout.answers IS NULL THEN coalesce(value.found[1:layout.width], ARRAY[]::numeric[])
        WHEN value.found IS NULL
            THEN layout.zeros[1:layout.answers - 1] || first.answers::numeric || layout.zeros[layout.answers + 1:]
        ELSE value.found[1:layout.answers - 1] || first.answers::numeric
            || value.found[layout.answers + 1:layout.width] END
FROM m_first AS first
JOIN m_layout AS layout USING (experiment_id)
LEFT JOIN m_value AS value USING (unit, experiment_id, epoch)
LEFT JOIN m_device AS device USING (unit, experiment_id, epoch)
LEFT JOIN m_segment AS segment USING (unit, experiment_id, epoch)
LEFT JOIN m_seen AS seen ON seen.unit = first.unit
"""
