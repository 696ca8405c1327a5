"""All that a results page shows at one moment, as HTML parts and figures: computed once, sent to all who watch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.template.loader import render_to_string

from common.redis import client
from experiments.results import ExperimentResults
from experiments.selectors.policies import policy_outlook
from experiments.selectors.results import results_of
from experiments.selectors.story import Story, story_of
from portal.experiments.parts import sections, top
from portal.sections import Section

FRESH_MS: Final = 1000
"""How long a snapshot serves those who ask: no experiment is computed more often than that, however many watch."""
TOP_PARTS: Final = ("verdict", "visitors", "plan", "policy")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The results with all that is drawn from them. `outlook` is "" where no policy has a next step."""

    results: ExperimentResults
    story: Story
    outlook: str
    sections: list[Section]

    @classmethod
    def of(cls, key: str) -> "Snapshot":
        """Compute it. Raises NotFound, and database errors."""
        results, story = results_of(key), story_of(key)
        has_policy = results.status == "running" and story.policy_mode != "off"
        outlook = policy_outlook(key, results=results).sentence if has_policy else ""
        return cls(results, story, outlook, sections(results, story))

    @property
    def figures(self) -> dict[str, Any]:
        """The figures by the slug of their section."""
        return {one.slug: one.figure for one in self.sections if one.figure}

    @property
    def top(self) -> dict[str, Any]:
        """What the cards at the top show."""
        return top(self.results, self.story, outlook=self.outlook)

    def encoded(self) -> str:
        """Return it as the JSON that sockets and polls send: `at`, HTML by part, figures by slug."""
        context = self.top
        parts = {name: render_to_string(f"experiments/results_{name}.html", context) for name in TOP_PARTS}
        parts |= {one.slug: render_to_string("portal/section_table.html", {"section": one}) for one in self.sections}
        content: Mapping[str, Any] = {"at": context["at"], "parts": parts, "figures": self.figures}
        return orjson.dumps(content).decode()


def latest(key: str) -> str:
    """Return the encoded snapshot of the last second, or compute one. Raises NotFound, redis and database errors."""
    content = client().get(_place(key))
    return content.decode() if isinstance(content, bytes) else compute(key)


def compute(key: str) -> str:
    """Compute the snapshot, keep it for others and return it encoded. Raises NotFound, redis and database errors."""
    encoded = Snapshot.of(key).encoded()
    client().set(_place(key), encoded, px=FRESH_MS)
    return encoded


def compute_in_turn(key: str) -> str | None:
    """Compute, or return None where somebody computed within the last second. Raises as `compute`."""
    has_turn = client().set(f"v:experiment:turn:{key}", 1, nx=True, px=FRESH_MS)
    return compute(key) if has_turn else None


def _place(key: str) -> str:
    return f"v:experiment:shown:{key}"
