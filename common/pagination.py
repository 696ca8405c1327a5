"""Pages over tables of any size: the number of rows is estimated, never counted in full."""

from functools import cached_property
from typing import Any, Final

import orjson
from django.core.paginator import Paginator

COUNTED: Final = 10_000


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]
    """For admin lists: `paginator = EstimatingPaginator`, with `show_full_result_count = False`."""

    template_name = "unfold/helpers/pagination_about.html"

    @property
    def estimated(self) -> bool:
        """Return whether `count` is an estimate; the page then says so."""
        return self.count > COUNTED

    @cached_property
    def count(self) -> int:
        """Return the number of rows: counted up to 10,000, beyond that PostgreSQL's estimate."""
        rows: Any = self.object_list.order_by()  # type: ignore[attr-defined]
        counted = int(rows[: COUNTED + 1].count())
        return counted if counted <= COUNTED else max(counted, _expected(rows))


def _expected(rows: Any) -> int:
    """Return the planner's estimate of the rows."""
    (plan,) = orjson.loads(rows.explain(format="json"))
    return int(plan["Plan"]["Plan Rows"])
