"""The page of an experiment's results: what it says, its JSON, its report, and what each part is drawn from."""

from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings

from experiments.models import Experiment, Look
from experiments.results import Effect, Health
from experiments.selectors.story import MOST_LOOKS, story_of
from experiments.services.designs import create_experiment
from portal.experiments import figures, parts
from portal.experiments.snapshot import compute_in_turn
from portal.experiments.svg import svg_of
from portal.experiments.texts import absolute_text, amount_text, p_text, relative_text, value_text
from tests.portal.experiments import shown
from tests.portal.experiments.conftest import Show
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
NAMES = {"popular": "Popular", "hybrid": "Hybrid"}


def address(row: Experiment, page: str = "") -> str:
    return reverse(f"admin:experiments_experiment_results{page}", args=[row.pk])


def test_the_page_says_what_may_be_concluded_then_the_shares_then_the_goal(ranker: Experiment, log_in: LogIn) -> None:
    text = log_in("marketer").get(address(ranker)).content.decode()

    order = ["Hybrid is better than Popular", "The arms have the planned shares", "Next step: ship hybrid",
             "The goal over time", "Guardrails", 'id="trail"']  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "about 8 days left" in text
    assert "The season begins" in text


def test_a_mismatch_of_shares_is_said_as_a_fault(ranker: Experiment, log_in: LogIn, show: Show) -> None:
    health = Health(0.00002, True, 0.03, True, False, shown.AT, ("Hybrid has too few visitors.",))
    show(shown.results(level="unhealthy", health=health))

    text = log_in("marketer").get(address(ranker)).content.decode()

    assert "sample ratio mismatch" in text
    assert "Hybrid has too few visitors." in text


def test_numbers_are_those_of_the_page(ranker: Experiment, log_in: LogIn) -> None:
    content = log_in("marketer").get(address(ranker, "_numbers")).json()

    assert "Hybrid is better" in content["parts"]["verdict"]
    assert {"goal", "metrics", "by-device", "days", "windows", "quantiles-revenue_per_visitor"} <= set(
        content["figures"]
    )
    assert "21.43 %" in content["parts"]["metrics"]


def test_every_table_is_a_csv(ranker: Experiment, log_in: LogIn) -> None:
    answer = log_in("marketer").get(address(ranker), {"csv": "metrics"})

    assert answer.content.decode().splitlines()[1].startswith('"Click-through rate, goal",Popular,21.43 %')


def test_all_numbers_are_one_csv_which_the_page_links(ranker: Experiment, log_in: LogIn) -> None:
    browser = log_in("marketer")

    answer = browser.get(address(ranker), {"csv": "all"})

    assert answer["Content-Disposition"] == 'attachment; filename="home-ranker.csv"'
    lines = answer.content.decode().splitlines()
    assert lines[0].startswith("experiment,metric,role,dimension,group,arm,units,value,effect")
    assert lines[1].startswith("home-ranker,click_through_rate,goal,,,popular,4000,0.2143")
    assert 'href="?csv=all"' in browser.get(address(ranker)).content.decode()


def test_the_report_needs_no_script(ranker: Experiment, log_in: LogIn) -> None:
    text = log_in("marketer").get(address(ranker, "_print")).content.decode()

    assert text.count('<svg class="v-paper"') == 2
    assert "plotly" not in text


def test_the_report_is_about_all_visitors_and_lists_no_looks(ranker: Experiment, log_in: LogIn) -> None:
    text = log_in("marketer").get(address(ranker, "_print")).content.decode()

    for title in ("The goal over time", "Metrics", "Guardrails", "What happened"):
        assert f"<h2>{title}</h2>" in text
    for title in ("Lately", "Day by day", "By device", "New and returning visitors"):
        assert f"<h2>{title}</h2>" not in text
    assert text.count("+12.2 % [+6.2, +18.2]") == 2  # now, in the goal's table and in that of all metrics
    assert "+12.0 %" not in text


def test_guardrails_are_in_the_unit_of_their_metric(ranker: Experiment) -> None:
    sections = {one.slug: one for one in parts.sections(shown.results(), story_of("home-ranker"))}

    assert sections["guardrails"].rows[0][2:] == (
        "0.02 EUR",
        parts.Marked("not shown yet", ""),
        "-0.03 EUR",
        "+0.01 EUR",
    )
    assert [amount_text(0.0042, "share"), amount_text(-2512.5, "number"), amount_text(float("inf"), "money")] == [
        "+0.42 points", "-2,512", "–"
    ]  # fmt: skip
    assert [p_text(0.03412), p_text(1e-7)] == ["0.0341", "< 0.0001"]


@pytest.mark.parametrize("page", ["", "_numbers", "_print"])
def test_an_unknown_experiment_is_not_found(log_in: LogIn, page: str) -> None:
    assert (
        log_in("marketer").get(reverse(f"admin:experiments_experiment_results{page}", args=[12345])).status_code == 404
    )


def test_a_snapshot_is_computed_once_a_second_for_all(ranker: Experiment) -> None:
    first, second = compute_in_turn("home-ranker"), compute_in_turn("home-ranker")

    assert first is not None
    assert second is None


def test_the_funnel_has_a_band_and_a_line_that_narrow(ranker: Experiment) -> None:
    figure = figures.funnel(shown.results(), story_of("home-ranker").looks, NAMES)

    assert figure is not None
    band, line = figure["data"]
    assert band["meta"] == {"band": True, "series": 0}
    assert len(line["x"]) == 25
    half = len(band["y"]) // 2
    widths = [high - low for high, low in zip(band["y"][:half], band["y"][half:][::-1], strict=True)]
    assert widths == sorted(widths, reverse=True)


def test_a_single_look_has_an_interval_and_an_axis_of_an_hour(ranker: Experiment, settings: Settings) -> None:
    settings.SHOP_TIME_ZONE = "Europe/Berlin"

    figure = figures.funnel(shown.results(), (), NAMES)

    assert figure is not None
    (line,) = figure["data"]
    assert line["x"] == ["2026-12-02T10:30:00"]
    assert line["error_y"]["array"] == pytest.approx([6.0])
    assert figure["layout"]["xaxis"]["range"] == ["2026-12-02T10:00:00", "2026-12-02T11:00:00"]
    assert "10:54" in svg_of(figure)


def test_an_axis_is_as_wide_as_the_later_intervals_and_an_arrow_marks_what_goes_on() -> None:
    rows = [
        ("last day", (shown.comparison(0.5, 44.0), shown.comparison(0.1, 0.2, arm="blend"))),
        ("last 7 days", (shown.comparison(0.1, 0.5), shown.comparison(0.1, 0.4, arm="blend"))),
    ]

    figure = figures.lately(rows, NAMES)

    assert figure is not None
    hybrid, blend, arrows = figure["data"]
    assert hybrid["error_x"]["array"] == pytest.approx([10, 50])
    assert hybrid["error_x"]["arrayminus"] == pytest.approx([90, 50])
    assert hybrid["text"][0] == "+50.0 % [-4350.0, +4450.0]"
    assert blend["error_x"]["array"] == pytest.approx([20, 40])
    assert (arrows["x"], arrows["y"], arrows["meta"]) == ([-40, 60], ["last day", "last day"], hybrid["meta"])
    assert arrows["marker"]["symbol"] == ["triangle-left", "triangle-right"]
    assert str(svg_of(figure)).count("<polygon") == 2


def test_without_later_intervals_nothing_is_cut() -> None:
    rows = [("last day", (shown.comparison(0.5, 44.0),))]

    assert figures.lately(rows, NAMES) == figures.compared(rows, NAMES)


def test_many_looks_are_thinned_out_and_the_last_is_kept(ranker: Experiment) -> None:
    Look.objects.bulk_create(
        Look(experiment=ranker, **shown.look(number, days_ago=0.01)) for number in range(25, 3 * MOST_LOOKS)
    )

    looks = story_of("home-ranker").looks

    assert len(looks) <= MOST_LOOKS
    assert looks[-1].number == 3 * MOST_LOOKS - 1


def test_a_factorial_design_shows_main_effects_and_the_interaction(db: None) -> None:
    data = {"factors": {"strategy": ["popular", "hybrid"], "layout": ["grid", "list"]}}
    create_experiment("home-grid", data=data, actor="staff:1")

    sections = {one.slug: one for one in parts.sections(shown.factorial(), story_of("home-grid"))}

    effects, cells = sections["factors"].figure, sections["interaction"].figure
    assert effects is not None
    assert cells is not None
    assert effects["data"][0]["y"] == ["strategy: hybrid", "layout: list", "strategy × layout"]
    assert [one["name"] for one in cells["data"]] == ["strategy popular", "strategy hybrid"]
    assert cells["data"][0]["y"] == [20.0, 21.0]


@pytest.mark.parametrize(
    ("effect", "relative", "absolute"),
    [
        (Effect(0.05, -0.01, 0.11), "+5.0 % [-1.0, +11.0]", "+5 points [-1, +11]"),
        (Effect(0.05, float("-inf"), float("inf")), "too little to say", "too little to say"),
        (Effect(None, None, None), "too little to say", "too little to say"),
    ],
)
def test_an_open_interval_is_no_number(effect: Effect, relative: str, absolute: str) -> None:
    assert (relative_text(effect), absolute_text(effect, "share")) == (relative, absolute)


def test_values_have_their_units() -> None:
    assert [value_text(0.03419, "share"), value_text(61.204, "money"), value_text(None, "number")] == [
        "3.42 %", "€61.20", "–"
    ]  # fmt: skip


@pytest.mark.parametrize("at", range(3))
def test_a_figure_on_paper_holds_its_points_inside(at: int) -> None:
    figure: Any = [
        figures.intervals(["a", "b"], [("one", [(1.0, 0.0, 2.0), None])], title="percent"),
        figures.daily(shown.goal(), NAMES),
        figures.metric_intervals(shown.results(), NAMES),
    ][at]

    svg = str(svg_of(figure))

    numbers = [float(part.split('"')[0]) for part in svg.split('cx="')[1:]]
    assert numbers
    assert all(0 <= one <= 660 for one in numbers)
    assert "nan" not in svg
