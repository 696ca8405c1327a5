"""Settings are read from the environment by type, and say loudly what they cannot understand."""

import pytest

from config import env


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("true", True), ("YES", True), ("0", False), ("", False)])
def test_a_flag(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    assert env.flag("SAMPLE") is value


def test_a_flag_that_is_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "maybe")

    with pytest.raises(env.BadSetting, match="SAMPLE='maybe'"):
        env.flag("SAMPLE")


@pytest.mark.parametrize("raw", ["o'neill", "shop/two", "a:b", " ", "schön"])
def test_a_name_for_other_systems_is_plain(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    with pytest.raises(env.BadSetting, match="expected letters"):
        env.plain("SAMPLE", "shop")
    monkeypatch.setenv("SAMPLE", "shop-2 of_us.test")
    assert env.plain("SAMPLE", "shop") == "shop-2 of_us.test"
    monkeypatch.setenv("SAMPLE", "")
    assert env.plain("SAMPLE", "shop") == "shop"


def test_a_number_below_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "0")

    with pytest.raises(env.BadSetting, match="at least 1"):
        env.integer("SAMPLE", 4, least=1)
    with pytest.raises(env.BadSetting, match="at most -1"):
        env.integer("SAMPLE", -4, most=-1)


@pytest.mark.parametrize(
    ("raw", "said"), [("1.5", "at most 1"), ("-0.1", "at least 0"), ("nan", "finite"), ("inf", "finite")]
)
def test_a_number_out_of_bounds(raw: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    with pytest.raises(env.BadSetting, match=said):
        env.number("SAMPLE", 0.5, least=0.0, most=1.0)


def test_a_listing_drops_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "a, b,,")

    assert env.listing("SAMPLE") == ["a", "b"]


def test_amounts_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "view=1, cart = 2.5,")

    assert env.amounts("SAMPLE", ("view", "cart", "purchase")) == {"view": 1.0, "cart": 2.5}
    assert env.amounts("NOTHING_OF_THIS_NAME", ("view",)) == {}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("buy=2", "'buy' is none of view, cart"),
        ("view", "expected view=number"),
        ("view=much", "expected view=number"),
        ("view=1,view=2", "view is said twice"),
        *[(f"view={value}", "expected a number above 0") for value in ("0", "-1", "nan", "inf", "1e-60", "1e60")],
    ],
)
def test_amounts_that_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, raw: str, said: str) -> None:
    monkeypatch.setenv("SAMPLE", raw)

    with pytest.raises(env.BadSetting, match=f"SAMPLE: .*{said}"):
        env.amounts("SAMPLE", ("view", "cart"))


def test_a_mapping_of_strings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", '{"DE": 1}')

    with pytest.raises(env.BadSetting, match="object of strings"):
        env.mapping("SAMPLE", {})


def test_a_database_url_with_an_encoded_password() -> None:
    database = env.postgres("postgresql://ada:p%40ss@db.example:5433/shop?sslmode=require")

    assert database["PASSWORD"] == "p@ss"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", "5433", "shop")
    assert database["OPTIONS"]["sslmode"] == "require"


def test_a_database_of_another_kind() -> None:
    with pytest.raises(env.BadSetting, match="postgresql://"):
        env.postgres("mysql://localhost/shop")


def test_a_redis_database_further_on() -> None:
    assert env.redis_database("redis://:x@localhost:6379/4", 2) == "redis://:x@localhost:6379/6"
