"""Reads of the catalog."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final

from django.db import connection
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat, Lower

from catalog.models import ImportState, Product, ProductImport
from catalog.records import ProductRow
from common.attribute_filters import has_attributes
from common.errors import NotFound
from common.failures import Failure

CHUNK: Final = 5_000
PATH: Final = Lower(
    Concat(
        Value("/"),
        Func(F("category"), Value("/"), function="array_to_string", output_field=TextField()),
        Value("/"),
        output_field=TextField(),
    )
)
"""The category as "/furniture/chairs/"."""
DERIVED: Final = ("first_seen", "removed", "number")
"""Fields of a row without a column of their own name: `created_at`, `removed_at` and `id` give them."""
COLUMNS: Final = (
    *(one.name for one in fields(ProductRow) if one.name not in DERIVED),
    "created_at",
    "removed_at",
    "id",
)

MOMENT: Final = Cast(Func(function="pg_current_snapshot", output_field=TextField()), TextField())
"""Which transactions a query sees, as PostgreSQL writes it: one moment of the database."""


def get(product_id: str) -> ProductRow:
    """Return one product. Raises NotFound for an unknown or removed one."""
    row = next(rows_of(Product.objects.filter(product_id=product_id, removed_at=None)), None)
    if row is None:
        raise NotFound(f"No product {product_id}.")
    return row


def titles_of(product_ids: Iterable[str]) -> dict[str, str]:
    """Return the titles of those products that the catalog knows, removed ones too."""
    return dict(Product.objects.filter(product_id__in=list(product_ids)).values_list("product_id", "title"))


def has_products() -> bool:
    """Return whether the catalog holds any product."""
    return Product.objects.exists()


def failed_imports(*, since: datetime) -> list[Failure]:
    """Return the imports that failed since the moment, the newest first."""
    rows = ProductImport.objects.filter(state=ImportState.FAILED, created_at__gte=since)
    return [
        Failure(row.pk, f"The import of {row.file_name} failed", row.message, row.finished_at or row.created_at)
        for row in rows
    ]


def matching(
    *,
    category: Sequence[str] = (),
    brand: Sequence[str] = (),
    group_id: str = "",
    active: bool | None = None,
    in_stock: bool | None = None,
    updated_since: datetime | None = None,
    attributes: Mapping[str, Sequence[str]] | None = None,
) -> QuerySet[Product]:
    """Return the products that were not removed and meet all conditions that are given.

    Categories, brands and attributes match as in a request for recommendations: a path or a run of its names, one of
    several, whatever the case.
    """
    conditions = [
        _any_of(Q(path__contains=Lower(Value(f"/{name}/"))) for name in category),
        _any_of(Q(brand__iexact=name) for name in brand),
        Q(group_id=group_id) if group_id else Q(),
        Q() if active is None else Q(active=active),
        Q() if in_stock is None else Q(stock__isnull=True) | Q(stock__gt=0) if in_stock else Q(stock=0),
        Q() if updated_since is None else Q(updated_at__gte=updated_since),
    ]
    own_attributes = has_attributes("catalog_product.attributes", attributes or {})
    return Product.objects.filter(removed_at=None).alias(path=PATH).filter(*conditions, *own_attributes)


def _any_of(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions, Q())


def catalog_rows() -> list[ProductRow]:
    """Return every product by id, inactive and removed ones too: history still names them."""
    return list(rows_of(Product.objects.order_by("product_id")))


def removals() -> Iterator[tuple[str, datetime]]:
    """Yield the id of each removed product with the time of its removal, by id."""
    removed = Product.objects.filter(removed_at__isnull=False).order_by("product_id")
    for product_id, moment in removed.values_list("product_id", "removed_at").iterator(chunk_size=CHUNK):
        if moment is not None:
            yield product_id, moment


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """Changed products, where the next call starts, and the state of the database in which they were read.

    `moment` is None where nothing changed; `product_history.rows_at` returns the whole catalog of that moment.
    """

    rows: list[ProductRow]
    cursor: int
    moment: str | None


def changed_since(cursor: int | None) -> CatalogChanges:
    """Return the products changed since the cursor; all for None.

    Nothing is missed: the cursor is the oldest transaction that is still open, so its rows come with the next call. A
    product may come twice. A removed one comes with `removed` set.
    """
    with connection.cursor() as sql:
        sql.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        (following,) = sql.fetchone()
    changed = Product.objects.all() if cursor is None else Product.objects.filter(changed_xid__gte=cursor)
    rows, moment = list[ProductRow](), None
    for *values, moment_of_query in changed.order_by().values_list(*COLUMNS, MOMENT).iterator(chunk_size=CHUNK):
        rows.append(_row(*values))
        moment = moment_of_query
    return CatalogChanges(rows, following, moment)


def row_of(product: Product) -> ProductRow:
    """Return the record of a product."""
    return _row(*(getattr(product, name) for name in COLUMNS))


def rows_of(products: QuerySet[Product]) -> Iterator[ProductRow]:
    """Yield the products of a query in its order, in chunks."""
    for values in products.values_list(*COLUMNS).iterator(chunk_size=CHUNK):
        yield _row(*values)


def _row(*values: object) -> ProductRow:
    fields = dict(zip(COLUMNS, values, strict=True))
    removed, number = fields.pop("removed_at") is not None, fields.pop("id")
    available_from, created_at = fields["available_from"], fields.pop("created_at")
    fields["category"] = tuple(fields["category"])  # type: ignore[arg-type]
    fields["active"] = bool(fields["active"]) and not removed
    return ProductRow(**fields, first_seen=available_from or created_at, removed=removed, number=number)  # type: ignore[arg-type]
