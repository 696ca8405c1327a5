"""The type of a device, by the words of its user agent."""

import pytest

from events.intake.context import device_type

PHONE = "Mozilla/5.0 (Linux; Android 13; {model}) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36", "bot"),
        (PHONE.format(model="CUBOT NOTE 20"), "mobile"),
        (PHONE.format(model="CUBOT NOTE 20") + " (compatible; AdsBot-Google-Mobile)", "bot"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/120.0", "desktop"),
        ("", None),
    ],
)
def test_machines_name_themselves_and_phones_of_cubot_are_none(agent: str, kind: str | None) -> None:
    assert device_type(agent) == kind
