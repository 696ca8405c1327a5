"""What no file of a shop should be: each ends in one sentence that names the file or the field, or is left out."""

import numpy as np
import pandas as pd
import pytest

from personalization.training.cleaning import as_in_file, seconds


@pytest.mark.parametrize("endless", ["infinity", "-Infinity", np.inf])
def test_a_time_for_ever_is_no_time(endless: object) -> None:
    found = seconds(pd.Series([endless, "2025-06-01", None], dtype=object))

    assert np.flatnonzero(found.notna()).tolist() == [1]
    assert seconds(pd.Series([np.inf, np.inf, 1.7e9])).dropna().tolist() == [1.7e9]


@pytest.mark.parametrize("text", ["now", "today", "10:30", "9:05 PM", "23:59:59.5", "12:00+02:00", "tomorrow"])
def test_a_text_without_a_day_is_no_moment_of_today(text: str) -> None:
    found = seconds(pd.Series([text, "2025-06-01", "10:30 on 5 March 2025"]))

    assert np.isnan(found[0])
    assert found[2] == 1741170600.0


def test_a_product_of_both_files_is_called_as_the_interactions_call_it() -> None:
    touched, listed = pd.Series([b"desk", b"lamp"], dtype=object), pd.Series(["desk", "lamp"], dtype=object)

    assert as_in_file(pd.Series(["lamp", "desk"], dtype=object), touched, listed).tolist() == [b"lamp", b"desk"]
