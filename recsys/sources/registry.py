"""All recommenders by name. A new one needs one line here; the behavior suite, the admin, tuning and reasons follow."""

from typing import Any

from recsys.sources.als import ALS
from recsys.sources.bought_together import BoughtTogether
from recsys.sources.complements import Complements
from recsys.sources.content import Content
from recsys.sources.covisitation import Covisitation
from recsys.sources.ease import EASE
from recsys.sources.item_knn import ItemKNN
from recsys.sources.new_arrivals import NewArrivals
from recsys.sources.nmf import NMF
from recsys.sources.own_history import BuyAgain, PersonalTop, Recent
from recsys.sources.popular import Popular
from recsys.sources.prior import Prior
from recsys.sources.rp3beta import RP3beta
from recsys.sources.scoring import Scoring
from recsys.sources.sentences import Sentences
from recsys.sources.sequence_net import SequenceNet
from recsys.sources.session_knn import SessionKNN
from recsys.sources.shuffled import CatalogOrder, Random
from recsys.sources.spark_als import SparkALS
from recsys.sources.substitutes import Substitutes
from recsys.sources.svd import SVD
from recsys.sources.trending import Trending
from recsys.sources.user_knn import UserKNN

_ALL: tuple[type[Scoring], ...] = (
    Recent,
    PersonalTop,
    BuyAgain,
    BoughtTogether,
    Complements,
    Substitutes,
    SessionKNN,
    Covisitation,
    RP3beta,
    ItemKNN,
    EASE,
    SequenceNet,
    Content,
    Sentences,
    ALS,
    SparkALS,
    NMF,
    UserKNN,
    SVD,
    Prior,
    Trending,
    Popular,
    NewArrivals,
    CatalogOrder,
    Random,
)
"""If several sources proposed an item, the first of them gives the reason. Those that name a product come first."""

RECOMMENDERS: dict[str, type[Scoring]] = {recommender.name: recommender for recommender in _ALL}


def available() -> tuple[str, ...]:
    """Return the names of the recommenders whose optional extras are installed, in registry order."""
    return tuple(name for name, recommender in RECOMMENDERS.items() if recommender.installed())


def make(name: str, **config: Any) -> Scoring:
    """Return a new recommender with these settings. Raises KeyError for an unknown name, TypeError for a setting."""
    recommender = RECOMMENDERS[name]
    return recommender(recommender.config_class(**config))
