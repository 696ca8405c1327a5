"""Live counts applied to a model: sources that count answer as if they had been fitted a moment ago. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from recsys.data.catalog import Catalog
from recsys.data.recent_counts import RecentCounts
from recsys.ranking.model import HybridModel
from recsys.sources.scoring import Scoring


def follow_counts(model: HybridModel, counts: RecentCounts) -> HybridModel:
    """Return the model whose sources follow the counts; the ranker sees their scores as after an increment."""
    return replace(model, sources=sources_after(model.sources, counts, model.catalog))


def sources_after(sources: Mapping[str, Scoring], counts: RecentCounts, catalog: Catalog) -> dict[str, Scoring]:
    """Return the sources after the counts, by name. Counts replace those that the sources followed before."""
    return {name: source.with_recent_counts(counts, catalog) for name, source in sources.items()}
