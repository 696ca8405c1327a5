"""The page of events is complete."""

import re

import pytest
from django.conf import settings

from events.types.ga4 import NAMES
from events.types.registry import EVENT_TYPES

PAGE = (settings.BASE_DIR / "docs" / "events.md").read_text()
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_the_page_names_every_type_and_no_other() -> None:
    assert list(SECTIONS) == list(EVENT_TYPES), "docs/events.md has a section of each type, in the registry's order"


@pytest.mark.parametrize("name", list(EVENT_TYPES))
def test_each_section_says_summary_purpose_and_every_field(name: str) -> None:
    kind, section = EVENT_TYPES[name], SECTIONS[name]

    assert kind.summary in section
    assert f"Kept for `{kind.purpose}`." in section
    rows = re.findall(r"^\| `(\w+)` \| (yes)? ?\|", section, re.MULTILINE)
    assert rows == [(field.name, "yes" if field.required else "") for field in kind.fields]
    assert all(f"`{theirs}`" in section for theirs, ours in NAMES.items() if ours == name)


def test_the_page_says_which_types_a_profile_reads() -> None:
    documented = {name for name, section in SECTIONS.items() if "Tells a profile: " in section}

    assert documented == {name for name, kind in EVENT_TYPES.items() if kind.reader}
