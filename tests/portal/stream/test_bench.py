"""`make bench-stream-page` runs; here for two seconds, with bars that a busy machine passes too."""

import pytest

from bench.stream_page import measured
from events.stream import ring


@pytest.mark.slow
def test_a_short_run(process_environment: dict[str, str]) -> None:
    figures = measured(process_environment, rate=5_000, seconds=2.0)

    assert figures["events_per_s"] > 3_000
    assert figures["polls"] >= 5
    assert figures["lines_per_poll"] > 0
    assert figures["request_us_per_event"] < 50
    assert figures["poll_p50_ms"] < 1_000
    assert ring.MOST_LINES <= figures["ring_lines"] < ring.MOST_LINES + 200
