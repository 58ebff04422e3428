"""The page of a comparison has its curves, and needs no network."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from surrogate.search.judging.page import figures_of, mean_curves, meaning_of, write_page
from surrogate.search.judging.summary import (
    ComparisonSummary,
    CurveRow,
    MetricSummary,
    SearchRun,
    run_scores,
)

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


def test_each_metric_has_a_table_that_says_what_it_is(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    never = MetricSummary("two", "trainings_to_0.001", 6.0, 6.0, 0.0, 1e300, 0.5, 1e300, 0, 0, 0)
    summary = replace(SUMMARY, rows=(*SUMMARY.rows, never))
    write_page(summary, ROWS, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "trainings until one of the best 0.1 % of functions is trained to its end" in text
    assert text.count("<caption") == 3  # the third has processor times
    assert "<td>0.50 to &gt; 1000</td>" in text


def test_all_metrics_of_a_search_have_a_meaning() -> None:
    found = run_scores(RUN, JUDGE, [0.01], 3, 20)
    assert {"violation", "missing_hypervolume", "epochs_to_0.01"} < {row.metric for row in found}
    assert all(meaning_of(row.metric) != row.metric for row in found)


# A search of one function, and a judge with a limit and a second objective: no metric is left out.
RUN = SearchRun("one", 0, ("a",), ((1, ("a",)),), (20,), (False,), (0.5,))
JUDGE: Any = SimpleNamespace(
    is_limited=True,
    allowed={"a"},
    second=object(),
    worst_regret=1.0,
    regret=lambda _: 0.0,
    best=lambda _: {"a"},
    hypervolume=lambda _: 1.0,
)
