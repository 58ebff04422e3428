"""The page of a comparison has its curves, and needs no network."""

import re
from pathlib import Path

import pytest

from surrogate.search.judging.page import figures_of, mean_curves, write_page
from surrogate.search.judging.summary import ComparisonSummary, CurveRow, MetricSummary

ROWS = [
    CurveRow("one", 0, 1, 20, None, 0.5, None),
    CurveRow("one", 0, 2, 40, 0.4, 0.3, None),
    CurveRow("one", 1, 1, 20, 0.2, 0.2, None),
    CurveRow("one", 1, 2, 40, 0.2, 0.1, None),
    CurveRow("one", 1, 3, 45, 0.1, 0.0, None),
]
SUMMARY = ComparisonSummary(
    "<test>",
    "one",
    3,
    2,
    "ab" * 32,
    {"refined": 4},
    (MetricSummary("one", "regret", 0.25, 0.25, 1.0, 1, 1, 1, 0, 0, 0),),
    {"one": 1.5},
    {"one": 0.5},
)


def test_curves_are_means_once_all_searches_have_a_value() -> None:
    places, means = mean_curves(ROWS, "regret", "trainings")["one"]
    assert places == [2, 3]
    assert means == pytest.approx([0.3, 0.25])
    assert mean_curves(ROWS, "least_regret", "epochs")["one"][1][-1] == pytest.approx(0.15)


def test_there_are_curves_of_what_is_known_over_trainings_and_epochs() -> None:
    titles = [figure["layout"]["title"]["text"] for figure in figures_of(ROWS)]
    assert len(titles) == 4 and not any("hypervolume" in title for title in titles)


def test_the_page_is_whole(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    write_page(SUMMARY, ROWS, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "&lt;test&gt;" in text and "<test>" not in text
    assert text.count('id="curve-') == 4
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)
