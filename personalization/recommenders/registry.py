"""Every recommender by name. One line adds one: the behavior suite, the admin's choice and the docs row follow."""

from typing import Any

from personalization.recommenders.als import ALS
from personalization.recommenders.bought_together import BoughtTogether
from personalization.recommenders.complements import Complements
from personalization.recommenders.content import Content
from personalization.recommenders.covisitation import Covisitation
from personalization.recommenders.ease import EASE
from personalization.recommenders.item_knn import ItemKNN
from personalization.recommenders.new_arrivals import NewArrivals
from personalization.recommenders.nmf import NMF
from personalization.recommenders.own_history import BuyAgain, PersonalTop, Recent
from personalization.recommenders.popular import Popular
from personalization.recommenders.prior import Prior
from personalization.recommenders.rp3beta import RP3beta
from personalization.recommenders.scoring import Scoring
from personalization.recommenders.sentences import Sentences
from personalization.recommenders.sequence_net import SequenceNet
from personalization.recommenders.session_knn import SessionKNN
from personalization.recommenders.shuffled import CatalogOrder, Random
from personalization.recommenders.spark_als import SparkALS
from personalization.recommenders.svd import SVD
from personalization.recommenders.trending import Trending
from personalization.recommenders.user_knn import UserKNN

_ALL: tuple[type[Scoring], ...] = (
    Random,
    CatalogOrder,
    Popular,
    Trending,
    Recent,
    PersonalTop,
    BuyAgain,
    RP3beta,
    ItemKNN,
    UserKNN,
    EASE,
    Covisitation,
    SVD,
    ALS,
    NMF,
    Content,
    NewArrivals,
    Sentences,
    BoughtTogether,
    Complements,
    SessionKNN,
    SequenceNet,
    Prior,
    SparkALS,
)

RECOMMENDERS: dict[str, type[Scoring]] = {recommender.name: recommender for recommender in _ALL}


def available() -> tuple[str, ...]:
    """Return the names of the recommenders whose optional extras are installed, in the order of the registry."""
    return tuple(name for name, recommender in RECOMMENDERS.items() if recommender.installed())


def make(name: str, **config: Any) -> Scoring:
    """Return a fresh recommender of that name with these settings. Raises KeyError or TypeError on unknown ones."""
    recommender = RECOMMENDERS[name]
    return recommender(recommender.config_class(**config))
