"""Writes of the catalog. Each is one transaction with its audit event; then the catalog's version is raised."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import orjson
import redis
from django.conf import settings
from django.db import transaction

from audit.services import record
from catalog.models import Product
from catalog.records import BulkResult, ProductData, RejectedLine, WriteCounts
from catalog.validation import check_id, parse_product
from common import clock
from common.errors import FieldError, InvalidInput, NotFound
from common.problems import printable
from common.redis import CATALOG_VERSION, client

BATCH: Final = 1_000
FIELDS: Final = tuple(field.name for field in fields(ProductData))
log = logging.getLogger(__name__)


def put_product(product_id: str, *, data: object, actor: str) -> bool:
    """Make the product exactly what `data` says; return whether it is new. Raises InvalidInput."""
    product_id = _checked_id(product_id)
    product = parse_product(data, default_currency=settings.SHOP_CURRENCY)
    with transaction.atomic():
        before = Product.objects.select_for_update().filter(product_id=product_id).first()
        _upsert({product_id: product})
        changed = sorted(_changed(before, product))
        created = before is None or before.removed_at is not None
        if created or changed:
            audit_data = {"created": created, "fields": changed, "sha256": fingerprint(product_id, product)}
            _record("product.put", f"product:{product_id}", actor=actor, data=audit_data)
    return created


def remove_product(product_id: str, *, actor: str) -> None:
    """Remove the product from the catalog; its history stays. Raises NotFound for an unknown one."""
    with transaction.atomic():
        removed = Product.objects.filter(product_id=product_id, removed_at=None).update(removed_at=clock.now())
        if not removed:
            raise NotFound(f"No product {product_id}.")
        _record("product.removed", f"product:{product_id}", actor=actor, data={})


def bulk_upsert(rows: Iterable[Any], *, actor: str, source: str = "bulk") -> BulkResult:
    """Put many products, each a mapping with `product_id`. Invalid lines are rejected by number, the others are
    written.

    All rows are read before the transaction begins, so that it is short. After an error of ours nothing is written. One
    audit event holds the counts and a hash of the written products. Of two lines with one product id the later wins. A
    row may be an InvalidInput for an unreadable line, or None for a blank one, which is skipped.
    """
    accepted, rejected = parse_rows(rows)
    if not accepted:
        return BulkResult(0, tuple(rejected))
    checksum = hashlib.sha256("".join(fingerprint(*line) for line in accepted).encode())
    with transaction.atomic():
        for start in range(0, len(accepted), BATCH):
            _upsert(dict(accepted[start : start + BATCH]))
        audit_data = {"source": source, "accepted": len(accepted), "rejected": len(rejected)}
        audit_data["sha256"] = checksum.hexdigest()
        _record("product.bulk_put", "catalog:products", actor=actor, data=audit_data)
    return BulkResult(len(accepted), tuple(rejected))


def parse_rows(rows: Iterable[Any], *, first: int = 1) -> tuple[list[tuple[str, ProductData]], list[RejectedLine]]:
    """Return the products of bulk rows with their ids, and the rejected lines, numbered from `first`.

    Rows are as in `bulk_upsert`. It touches no database, so no lock is held while a file is read.
    """
    accepted, rejected = list[tuple[str, ProductData]](), list[RejectedLine]()
    for line, row in enumerate(rows, start=first):
        if row is None:
            continue
        try:
            accepted.append(parse_row(row))
        except InvalidInput as error:
            rejected.append(RejectedLine(line, _stated_id(row), error.errors))
    return accepted, rejected


def write_changed(products: Mapping[str, ProductData]) -> WriteCounts:
    """Write the products that differ from their rows; return the counts. Call within a transaction."""
    counts, differing = compare(products)
    _upsert(differing)
    return counts


def compare(products: Mapping[str, ProductData]) -> tuple[WriteCounts, dict[str, ProductData]]:
    """Return what writing the products would do, and those that differ from their rows. Takes no lock."""
    rows = {row.product_id: row for row in Product.objects.filter(product_id__in=list(products))}
    current = {product_id for product_id, row in rows.items() if row.removed_at is None}
    differing = {
        product_id: product
        for product_id, product in products.items()
        if product_id not in current or _changed(rows[product_id], product)
    }
    created = len(products.keys() - current)
    return WriteCounts(created, len(differing) - created, len(products) - len(differing)), differing


def parse_row(row: Any) -> tuple[str, ProductData]:
    """Return the id and the product of a bulk row. Raises InvalidInput."""
    if isinstance(row, InvalidInput):
        raise row
    if not isinstance(row, Mapping):
        raise InvalidInput.of("", "expected an object")
    errors: tuple[FieldError, ...] = ()
    product_id = ""
    try:
        product_id = _checked_id(row.get("product_id"))
    except InvalidInput as error:
        errors = error.errors
    data = {name: value for name, value in row.items() if name != "product_id"}
    try:
        product = parse_product(data, default_currency=settings.SHOP_CURRENCY)
    except InvalidInput as error:
        raise InvalidInput(error.detail, errors=(*errors, *error.errors)) from None
    if errors:
        raise InvalidInput("product_id", errors=errors)
    return product_id, product


def note_import(action: str, *, actor: str, data: Mapping[str, Any]) -> None:
    """Record the start or the end of a file that is imported in batches, and raise the version."""
    with transaction.atomic():
        _record(action, "catalog:products", actor=actor, data=dict(data))


def announce() -> None:
    """Raise the catalog's version, so that serving processes look for changes at once.

    Without Redis they find changes by polling.
    """
    try:
        client().incr(CATALOG_VERSION)
    except redis.RedisError as error:
        log.warning("catalog.not_announced error=%s", error)


def fingerprint(product_id: str, product: ProductData) -> str:
    """Return the hash of a written product for the audit log: SHA-256 over JSON with sorted names."""
    stated = {"product_id": product_id, **columns(product)}
    return hashlib.sha256(orjson.dumps(stated, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _record(action: str, about: str, *, actor: str, data: dict[str, Any]) -> None:
    record(category="catalog", action=action, actor=actor, object=about, data=data)
    transaction.on_commit(announce)


def _upsert(products: Mapping[str, ProductData]) -> None:
    """Write products in the order of their ids, so that two uploads cannot deadlock."""
    rows = [Product(product_id=product_id, **columns(products[product_id])) for product_id in sorted(products)]
    Product.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["product_id"], update_fields=[*FIELDS, "removed_at"]
    )


def columns(product: ProductData) -> dict[str, Any]:
    """Return the product as column values."""
    return {**{name: getattr(product, name) for name in FIELDS}, "category": list(product.category)}


def _changed(before: Product | None, product: ProductData) -> Sequence[str]:
    return [name for name, value in columns(product).items() if before is None or getattr(before, name) != value]


def _checked_id(value: object) -> str:
    try:
        return check_id(value)
    except ValueError as error:
        raise InvalidInput.of("product_id", str(error)) from None


def _stated_id(row: object) -> str | None:
    stated = row.get("product_id") if isinstance(row, Mapping) else None
    return printable(stated[:255]) if isinstance(stated, str) else None
