"""What each product is worth to the shop by objective: columns, computed once for a state of catalog and model.

They come from the catalog and the model's files alone, so a replay computes the same.
"""

from dataclasses import dataclass, field

import numpy as np

from personalization.rules.objective import factors_of
from personalization.serving.serving_catalog import UNCOUNTED, ServingCatalog
from recsys.arrays import Bools, Doubles
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics

PRIOR_SHOPPERS = 20.0
"""How many shoppers of usual behavior are added to those of each product: two lucky purchases prove nothing."""


@dataclass(frozen=True)
class ProductValues:
    """The values of all products by objective. `statistics` are the model's; None without a model."""

    catalog: ServingCatalog
    statistics: ItemStatistics | None
    _factors: dict[str, Doubles] = field(default_factory=dict)

    def of(self, objective: str) -> Doubles:
        """Return float64[n_items], NaN where unknown. Raises KeyError for an unknown objective.

        Prices and margins are in the shop's currency. `conversion` is the share of purchases among all that shoppers
        did with the product, shrunk to the shop's; `clearance` is the counted stock for each recent interaction.
        """
        columns = self.catalog.columns
        match objective:
            case "revenue":
                return columns.prices
            case "margin":
                return columns.prices - self.catalog.costs
            case "conversion":
                return self._conversion()
            case "clearance":
                stocks = np.where((columns.stocks > 0) & (columns.stocks < UNCOUNTED), columns.stocks, np.nan)
                return np.asarray(stocks / (1 + np.expm1(self._statistic("popular_28d"))), np.float64)
        raise KeyError(objective)

    def factors(self, objective: str) -> Doubles:
        """Return float64[n_items]: by how much each product is favored at full strength. Do not write into it."""
        if objective not in self._factors:
            self._factors[objective] = factors_of(self.of(objective), self.offered)
        return self._factors[objective]

    @property
    def offered(self) -> Bools:
        """The products that the shop offers now or later, bool[n_items]."""
        return np.asarray(self.catalog.sale_starts < np.inf, np.bool_)

    def _conversion(self) -> Doubles:
        shoppers, share = np.expm1(self._statistic("shoppers")), self._statistic("bought_share")
        total = np.nansum(np.where(np.isnan(share), np.nan, shoppers))
        mean = np.nansum(shoppers * share) / total if total else np.nan
        return np.asarray((shoppers * share + PRIOR_SHOPPERS * mean) / (shoppers + PRIOR_SHOPPERS), np.float64)

    def _statistic(self, name: str) -> Doubles:
        """Return a column of the model's statistics, NaN where the model has not seen the product."""
        n_items = len(self.catalog.rows)
        if self.statistics is None:
            return np.full(n_items, np.nan)
        column = self.statistics.table[:, COLUMNS.index(name)].astype(np.float64)
        unseen = np.isnan(self.statistics.table[:, COLUMNS.index("bought_share")])
        return np.where(unseen, np.nan, column)
