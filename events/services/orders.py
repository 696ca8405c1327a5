"""Orders from their events, whatever order those arrive in.

An order's content (money, lines, owner) comes from the latest Completed or Updated, its status from the latest event of
all; message ids break ties. `refunded` is the sum of the amounts that refunds state, plus the units they return without
an amount, at the prices of the order's current lines. Each event comes here once.

What a browser sends stands in a row of its raw id, which nobody else's event reaches. Once a server sent the content of
an order, its row alone remains.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import copy
from decimal import Decimal
from io import StringIO
from typing import Final
from zlib import crc32

from django.conf import settings
from django.db import connection
from django.db.models import F, Sum

from common.clock import from_microseconds
from events.models import Order, OrderLine
from events.services.copy_text import escaped
from events.types.base import raw_id_of
from events.types.orders import MAX_AMOUNT, OrderRecord
from events.types.products import MAX_PRODUCTS, ProductLine

CONTENT: Final = ("completed", "updated")
KEY: Final = ["order_id", "claimed_by"]
FIELDS: Final = [field.name for field in Order._meta.concrete_fields if field.name not in ("id", *KEY)]
NULL: Final = "\\N"
COPY_LINES: Final = (
    "COPY events_orderline (order_id, raw_id, placed_at, position, product_id, quantity, price, list_id) FROM STDIN"
)
LOCKS: Final = 256
"""Locks that the orders share, so that a large batch does not need more of them than PostgreSQL has."""
LOCK: Final = """
SELECT CASE WHEN exclusive THEN pg_advisory_xact_lock(hashtext('events_order'), lock)
    ELSE pg_advisory_xact_lock_shared(hashtext('events_order'), lock) END
FROM unnest(%s::int[], %s::boolean[]) AS wanted (lock, exclusive)
"""
OrderKey = tuple[str, str]
"""Order id, and the raw id whose browser sent it ("" for a server)."""
MONEY: Final = ("revenue", "total", "shipping", "tax", "discount")


def apply(records: Iterable[OrderRecord]) -> None:
    """Merge order records into the tables. Call inside the recorder's transaction."""
    by_order: dict[OrderKey, list[OrderRecord]] = defaultdict(list)
    for record in records:
        by_order[record.order_id, record.claimed_by].append(record)
    if not by_order:
        return
    by_order = _unconfirmed_left_out(by_order)
    # Insert first, then lock: otherwise two recorders that meet on a new order would both insert it.
    stubs = [Order(order_id=order_id, claimed_by=owner, confirmed=not owner) for order_id, owner in sorted(by_order)]
    Order.objects.bulk_create(stubs, ignore_conflicts=True, batch_size=2000)
    named = Order.objects.filter(
        order_id__in={order_id for order_id, _ in by_order}, claimed_by__in={owner for _, owner in by_order}
    )
    rows = [row for row in named.select_for_update().order_by(*KEY) if (row.order_id, row.claimed_by) in by_order]
    before = {row.pk: copy(row) for row in rows}
    contents = {row.pk: newest for row in rows if (newest := merge_all(row, by_order[row.order_id, row.claimed_by]))}
    # An upsert of locked rows: Django's bulk_update takes many times as long.
    Order.objects.bulk_create(rows, update_conflicts=True, unique_fields=KEY, update_fields=FIELDS, batch_size=2000)
    OrderLine.objects.filter(order_id__in=[pk for pk in contents if before[pk].content_at]).delete()
    _write_lines({row.pk: row for row in rows}, contents)
    for row in rows:
        if row.pk not in contents and row.placed_at != before[row.pk].placed_at:
            row.lines.update(placed_at=row.placed_at)
    _add_returned_units({row.pk: row for row in rows if row.returned_units})


def _unconfirmed_left_out(by_order: Mapping[OrderKey, list[OrderRecord]]) -> dict[OrderKey, list[OrderRecord]]:
    """Return the records without what browsers say of orders whose content a server sent; their older rows go.

    The locks are shared by servers and exclusive for browsers: of two recorders, one with the browser's order and one
    with the server's, the second sees what the first wrote.
    """
    exclusive: dict[int, bool] = defaultdict(bool)
    for order_id, owner in by_order:
        exclusive[crc32(order_id.encode(errors="surrogatepass")) % LOCKS] |= bool(owner)
    locks = sorted(exclusive)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [locks, [exclusive[lock] for lock in locks]])
    sent = {key[0] for key, records in by_order.items() if not key[1] and any(one.status in CONTENT for one in records)}
    claimed = {order_id for order_id, owner in by_order if owner} - sent
    stored = Order.objects.filter(order_id__in=claimed, claimed_by="", content_at__isnull=False)
    confirmed = sent | set(stored.values_list("order_id", flat=True)) if claimed else sent
    if sent:
        Order.objects.filter(order_id__in=sent).exclude(claimed_by="").delete()
    return {key: records for key, records in by_order.items() if not key[1] or key[0] not in confirmed}


def merge_all(row: Order, records: Iterable[OrderRecord]) -> OrderRecord | None:
    """Merge records into the row; return the one that now gives its content, or None if that did not change."""
    newest = None
    for record in records:
        newest = record if merge(row, record) else newest
    return newest


def merge(row: Order, record: OrderRecord) -> bool:
    """Merge one record into the row; return whether the row's content is now this record's."""
    at = from_microseconds(record.at)
    stamp = (at, record.message_id)
    row.confirmed = row.confirmed or record.confirmed
    if row.status_at is None or stamp > (row.status_at, row.status_message):
        row.status, row.status_at, row.status_message = record.status, at, record.message_id
    if row.user_id is None and row.anonymous_id is None:
        row.user_id, row.anonymous_id = record.user_id, record.anonymous_id
    if record.status == "completed" and (row.placed_at is None or at < row.placed_at):
        row.placed_at = at
    if record.status == "refunded":
        row.refunded_stated += record.refund_stated
        row.refunded = row.refunded_stated
        row.returned_units = _with_units(row.returned_units, record.returned_lines)
        row.wholly_refunded = row.wholly_refunded or record.names_no_part
    if record.status not in CONTENT or (row.content_at and stamp <= (row.content_at, row.content_message)):
        return False
    _take_content(row, record)
    row.content_at, row.content_message = at, record.message_id
    return True


def _take_content(row: Order, record: OrderRecord) -> None:
    row.user_id, row.anonymous_id = record.user_id, record.anonymous_id
    for name in MONEY:
        setattr(row, name, getattr(record, name))
    row.revenue_basis = record.revenue_basis
    row.currency = record.currency or settings.SHOP_CURRENCY
    row.coupon = record.coupon or ""


def _with_units(existing: dict[str, str], lines: Iterable[ProductLine]) -> dict[str, str]:
    units = {product: Decimal(count) for product, count in existing.items()}
    for line in lines:
        units[line.product_id] = units.get(line.product_id, Decimal(0)) + line.quantity
    # A stream of refunds must not let the row grow. The first by id stay, so that the order of arrival does not matter.
    return {product: str(units[product]) for product in sorted(units)[:MAX_PRODUCTS]}


def _add_returned_units(orders: dict[int, Order]) -> None:
    """Set `refunded` to the stated amounts plus the returned units, at most those bought, at the mean price paid."""
    if not orders:
        return
    priced = OrderLine.objects.filter(order__in=list(orders), price__isnull=False, quantity__gt=0)
    paid = priced.values("order_id", "product_id").annotate(units=Sum("quantity"), paid=Sum(F("price") * F("quantity")))
    values: dict[int, Decimal] = defaultdict(Decimal)
    for line in paid:
        returned = Decimal(orders[line["order_id"]].returned_units.get(line["product_id"], 0))
        values[line["order_id"]] += line["paid"] * min(returned, line["units"]) / line["units"]
    for pk, order in orders.items():
        order.refunded = order.refunded_stated + (values[pk] if values[pk] < MAX_AMOUNT else 0)
    Order.objects.bulk_update(orders.values(), ["refunded"], batch_size=2000)


def _write_lines(orders: dict[int, Order], contents: dict[int, OrderRecord]) -> None:
    text = "".join(
        f"{head}\t{position}\t{_line(line)}\n"
        for pk, record in contents.items()
        for head in (_head(orders[pk]),)
        for position, line in enumerate(record.lines, start=1)
    )
    if text:
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.copy_expert(COPY_LINES, StringIO(text), 1 << 20)


def _head(order: Order) -> str:
    """Return the columns that all lines of an order share."""
    placed = order.placed_at or order.content_at
    owner = escaped(raw_id_of(order.user_id, order.anonymous_id))
    return f"{order.pk}\t{owner}\t{placed.isoformat() if placed else NULL}"


def _line(line: ProductLine) -> str:
    price = NULL if line.price is None else line.price
    return f"{escaped(line.product_id)}\t{line.quantity}\t{price}\t{escaped(line.list_id or '')}"
