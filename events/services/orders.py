"""Orders from their events, whatever order those arrive in.

An order's content (money, lines, owner) comes from the latest Completed or Updated, its status from the latest event of
all; message ids break ties. `refunded` is the sum of the amounts that refunds state, plus the units they return without
an amount, at the prices of the order's current lines. Each event comes here once.
"""

from collections import defaultdict
from collections.abc import Iterable
from copy import copy
from decimal import Decimal
from io import StringIO
from typing import Final

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
FIELDS: Final = [field.name for field in Order._meta.concrete_fields if field.name not in ("id", "order_id")]
NULL: Final = "\\N"
COPY_LINES: Final = (
    "COPY events_orderline (order_id, raw_id, placed_at, position, product_id, quantity, price, list_id) FROM STDIN"
)
MONEY: Final = ("revenue", "total", "shipping", "tax", "discount")


def apply(records: Iterable[OrderRecord]) -> None:
    """Merge order records into the tables. Call inside the recorder's transaction."""
    by_order: dict[str, list[OrderRecord]] = defaultdict(list)
    for record in records:
        by_order[record.order_id].append(record)
    if not by_order:
        return
    # Insert first, then lock: otherwise two recorders that meet on a new order would both insert it.
    stubs = [Order(order_id=order_id) for order_id in sorted(by_order)]
    Order.objects.bulk_create(stubs, ignore_conflicts=True, batch_size=2000)
    rows = list(Order.objects.select_for_update().filter(order_id__in=by_order).order_by("order_id"))
    before = {row.pk: copy(row) for row in rows}
    contents = {row.pk: newest for row in rows if (newest := merge_all(row, by_order[row.order_id]))}
    # An upsert of locked rows: Django's bulk_update takes many times as long.
    Order.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["order_id"], update_fields=FIELDS, batch_size=2000
    )
    OrderLine.objects.filter(order_id__in=[pk for pk in contents if before[pk].content_at]).delete()
    _write_lines({row.pk: row for row in rows}, contents)
    for row in rows:
        if row.pk not in contents and row.placed_at != before[row.pk].placed_at:
            row.lines.update(placed_at=row.placed_at)
    _add_returned_units({row.pk: row for row in rows if row.returned_units})


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
