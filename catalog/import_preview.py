"""What a file of products would change, computed without a transaction and without locks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from catalog.records import RejectedLine, WriteCounts
from catalog.services import compare, parse_rows

CHUNK: Final = 1_000
SAMPLE_SIZE: Final = 100


@dataclass(slots=True)
class Preview:
    """Counts of a file against the catalog of this moment, with the first changed products and rejected rows."""

    counts: WriteCounts = field(default_factory=WriteCounts)
    rejected: list[RejectedLine] = field(default_factory=list)
    products: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, title and price of the first products that would be written."""

    @property
    def n_written(self) -> int:
        """The number of products that the import would write."""
        return self.counts.created + self.counts.changed


def preview_of(rows: Iterable[Any]) -> Preview:
    """Return what the rows, as `services.bulk_upsert` takes them, would change. Of two rows with one id the later
    counts.
    """
    preview = Preview()
    accepted, preview.rejected = parse_rows(rows)
    products = dict(accepted)
    ids = list(products)
    for start in range(0, len(ids), CHUNK):
        counts, differing = compare({product_id: products[product_id] for product_id in ids[start : start + CHUNK]})
        preview.counts += counts
        for product_id, product in list(differing.items())[: SAMPLE_SIZE - len(preview.products)]:
            price = "" if product.price is None else f"{product.price.normalize():f} {product.currency}"
            preview.products.append((product_id, product.title, price))
    return preview
