"""Rules for segments: they apply to who is in one at the moment of the question, and to nobody else."""

import pytest

from personalization.services.recommend import recommend
from personalization.services.rules import create_rule
from personalization.serving.asking import Ask, Who
from profiles.segmenter import Segmenter
from profiles.services.segments import create_segment
from tests.personalization.shop import ADA, BO, CY, Ids, says, views

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


@pytest.fixture(autouse=True)
def chair_fans(stocked_shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment of who looks at chairs, and a rule that pins the rug for them."""
    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    create_segment(
        key="chair-fans", name="Chair fans", rule={"event": "view", "times": 1, "product": "chair"}, actor="x"
    )
    wording = {"effect": "pin", "position": 1, "products": ["rug"], "segments": ["Chair-Fans"]}
    create_rule(name="A rug for them", wording=wording, actor="staff:1")


def first_item(who: Ids) -> str:
    answer = recommend(Ask("home", who=Who(**who), explores=False))
    return answer.items[0].product_id


def test_a_rule_applies_to_the_members_from_the_next_request_on() -> None:
    for who in (ADA, BO):
        says(who)
    views(ADA, "chair")
    views(BO, "lamp")
    Segmenter().work(range(4))

    assert first_item(ADA) == "rug"
    assert first_item(BO) != "rug"


def test_it_applies_to_nobody_who_does_not_allow_it() -> None:
    says(ADA)
    views(ADA, "chair")
    Segmenter().work(range(4))
    says(ADA, allowed=False)

    assert first_item(ADA) != "rug"
    assert first_item(CY) != "rug"
