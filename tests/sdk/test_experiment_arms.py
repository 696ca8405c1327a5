"""Every SDK, unmodified, gives each shopper the arm that our own API gives."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from growthbook import GrowthBook
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from access.services import create_key
from tests.sdk.conftest import Shop
from tests.sdk.experiment_clients import FLAG, Arm, node_arms, our_arms, shoppers, start_experiment

N = 10_000
N_REMOTE = int(os.environ.get("REMOTE_SHOPPERS", "400"))
"""Of these, how many are asked with a request each. The wires answer 10,000 too; two cores take minutes for it."""


@pytest.fixture
def people(shop: Shop) -> list[dict[str, Any]]:
    """The shoppers of a running experiment."""
    start_experiment()
    return shoppers(N)


def check(arms: list[Arm], people: list[dict[str, Any]]) -> None:
    """Fail where a client's arms are others than ours, or where an arm is empty."""
    ours = our_arms(people)
    wrong = [(one["id"], theirs, own) for one, theirs, own in zip(people, arms, ours, strict=True) if theirs != own]

    assert wrong == []
    assert min(Counter(arm for arm, _ in arms)[arm] for arm in ("control", "warm", "cold", None)) > len(arms) // 20


def test_growthbook_for_python(shop: Shop, people: list[dict[str, Any]]) -> None:
    sdk = GrowthBook(api_host=shop.host, client_key=shop.key)
    sdk.load_features()
    arms: list[Arm] = []
    for attributes in people:
        sdk.set_attributes(dict(attributes))
        result = sdk.eval_feature(FLAG)
        in_experiment = result.source == "experiment" and result.experimentResult is not None
        arms.append((result.experimentResult.key if in_experiment else None, result.value))  # type: ignore[union-attr]
    sdk.destroy()

    check(arms, people)


def test_growthbook_for_python_by_remote_evaluation(shop: Shop, people: list[dict[str, Any]]) -> None:
    arms: list[Arm] = []
    for attributes in people[:N_REMOTE]:
        seen: list[str] = []
        sdk = GrowthBook(
            api_host=shop.host,
            client_key=shop.key,
            remote_eval=True,
            attributes=dict(attributes),  # which `destroy` empties
            on_experiment_viewed=lambda experiment, result, user_context, seen=seen: seen.append(result.key),
        )
        sdk.load_features()
        value = sdk.eval_feature(FLAG).value
        arms.append((seen[0] if seen else None, value))
        sdk.destroy()

    check(arms, people[:N_REMOTE])


def test_openfeature_for_python(shop: Shop, people: list[dict[str, Any]]) -> None:
    secret = create_key(kind="sk", name="server", scopes=["recommendations:read"])[1]
    provider = OFREPProvider(shop.host, headers_factory=lambda: {"Authorization": f"Bearer {secret}"})
    arms: list[Arm] = []
    for attributes in people[:N_REMOTE]:
        context = EvaluationContext(attributes["id"], {name: attributes[name] for name in ("anonymous_id", "consent")})
        details = provider.resolve_object_details(FLAG, {}, context)
        arms.append((details.variant if details.flag_metadata["participates"] else None, details.value))

    check(arms, people[:N_REMOTE])


@pytest.mark.sdk_node
@pytest.mark.parametrize(("script", "count"), [("growthbook", N), ("remote", N_REMOTE), ("ofrep", N_REMOTE)])
def test_sdks_for_javascript(
    shop: Shop, people: list[dict[str, Any]], node_folder: Path, script: str, count: int
) -> None:
    arms = node_arms(script, people[:count], folder=node_folder, host=shop.host, key=shop.key)

    check(arms, people[:count])
