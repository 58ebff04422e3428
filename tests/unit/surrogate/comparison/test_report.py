"""The page of a benchmark: its figures hold the numbers of the summary, and it stands alone."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surrogate.comparison import BenchmarkResult, benchmark_config, run_benchmark
from surrogate.metrics import gaussian_pit
from surrogate.report.figures import COSTS, QUALITY, figures_of
from surrogate.report.series import MAX_POINTS, PIT_BINS, clouds, group_lines, quality_lines
from surrogate.testing.synthetic import synthetic_table

Figure = dict[str, Any]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkResult:
    folder = tmp_path_factory.mktemp("report")
    synthetic_table(60).save(folder / "table")
    config = benchmark_config(
        {
            "source": {"table": str(folder / "table")},
            "target": "val_per",
            "name": "made-up",
            "train_sizes": [20, 30],
            "protocols": {"random": {}, "leave-operation-out": {"train_sizes": [20]}},
            "repeats": 2,
            "predictors": ["params", "mean"],
        }
    )
    return run_benchmark(config, folder / "out")


@pytest.fixture(scope="module")
def page(result: BenchmarkResult) -> str:
    pytest.importorskip("plotly", reason="the report needs the extra 'report'")
    from surrogate.report import report_html

    return report_html(result)


def figures_in(page: str) -> list[Figure]:
    """What the page hands to plotly, and the title above each figure."""
    found = []
    decoder = json.JSONDecoder()
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    for match in re.finditer(r"Plotly\.newPlot\(\s*\"[^\"]+\",\s*", page):
        data, end = decoder.raw_decode(page, match.end())
        layout, _ = decoder.raw_decode(page, page.index("{", end))
        title = {"text": unescape(titles[len(found)])}
        found.append({"data": data, "layout": {**layout, "title": title}})
    return found


def by_title(figures: list[Figure] | tuple[Figure, ...], start: str) -> Figure:
    (found,) = (f for f in figures if f["layout"]["title"]["text"].startswith(start))
    return found


def named(figure: Figure, name: str) -> dict[str, Any]:
    (trace,) = (t for t in figure["data"] if t["name"] == name)
    return dict(trace)


def test_the_page_draws_every_figure_of_every_protocol(page: str, result: BenchmarkResult) -> None:
    drawn = figures_in(page)
    expected = [*figures_of(result, "random"), *figures_of(result, "leave-operation-out")]
    assert len(drawn) == len(expected) == 2 * (len(QUALITY) + len(COSTS) + 4)
    for on_page, meant in zip(drawn, expected, strict=True):
        assert on_page["layout"]["title"]["text"] == meant["layout"]["title"]["text"]
        for a, b in zip(on_page["data"], meant["data"], strict=True):
            assert (a["name"], a["x"], a["y"]) == (b["name"], b["x"], b["y"])


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)\s*=", page)
    assert page.count("<!DOCTYPE html>") == 1


def test_the_page_says_what_was_run(page: str, result: BenchmarkResult) -> None:
    text = page[page.index("</head>") :]
    assert "60 keys of synthetic; target val_per [phone error rate], to minimise." in text
    for of_metric in result.ceilings.values():
        assert f"scores a tau of {of_metric['kendall_tau'].value:.3f}" in text
    assert "an operation that no training cell has" in text
    for row in result.summary:
        assert f'<th scope="col">{row.heading}' in text


def test_quality_stands_beside_a_dashed_ceiling(result: BenchmarkResult) -> None:
    figure = by_title(figures_of(result, "random"), "kendall_tau: higher is better")
    ceiling = named(figure, "noise ceiling: other seeds")
    assert ceiling["line"]["dash"] == "dash"
    assert ceiling["y"] == [result.ceilings["random"]["kendall_tau"].value] * 2
    assert ceiling["x"] == [20, 30]
    summary = {
        s.train_size: s
        for s in result.summary
        if (s.protocol, s.metric, s.predictor, s.group) == ("random", "kendall_tau", "params", "")
    }
    trace = named(figure, "params")
    assert trace["x"] == [20, 30]
    assert trace["y"] == [summary[20].mean, summary[30].mean]
    low = summary[20].low
    assert low is not None
    assert trace["error_y"]["arrayminus"][0] == pytest.approx(summary[20].mean - low)


def test_a_protocol_without_a_ceiling_has_no_line(result: BenchmarkResult) -> None:
    from surrogate.report.page import _ceiling_fact

    unknown = replace(result, ceilings={**result.ceilings, "random": {}})
    figure = by_title(figures_of(unknown, "random"), "kendall_tau: higher is better")
    assert not [t for t in figure["data"] if t["name"].startswith("noise ceiling")]
    assert "unknown" in _ceiling_fact(unknown, "random")
    assert "unknown" not in _ceiling_fact(unknown, "leave-operation-out")


def test_titles_say_direction_and_unit(result: BenchmarkResult) -> None:
    titles = [f["layout"]["title"]["text"] for f in figures_of(result, "random")]
    assert "rmse [phone error rate]: lower is better" in titles
    assert "query_microseconds [us]: lower is better" in titles
    assert all("is better" in title or "is best" in title for title in titles)


def test_calibration_is_drawn_against_its_levels(result: BenchmarkResult) -> None:
    figure = by_title(figures_of(result, "random"), "calibration with 30 training keys")
    assert named(figure, "mean")["x"] == [0.5, 0.8, 0.9, 0.95]
    assert named(figure, "calibrated")["x"] == named(figure, "calibrated")["y"] == [0, 1]


def test_pit_bars_are_densities_of_all_labels(result: BenchmarkResult) -> None:
    figure = by_title(figures_of(result, "random"), "probability integral transform")
    bars = named(figure, "params")
    assert len(bars["x"]) == len(bars["y"]) == PIT_BINS
    assert bars["x"][0] == pytest.approx(0.5 / PIT_BINS)
    assert np.mean(bars["y"]) == pytest.approx(1)
    transform = result.source.dataset.target.transform
    fits = [f for f in result.fits if (f.predictor, f.train_size) == ("params", 30)]
    below = [
        gaussian_pit(f.model_mean, f.model_std, transform.to_model(f.measured))
        for f in fits
        if f.protocol == "random"
    ]
    share = float((np.concatenate(below) < 0.5).mean())
    assert np.sum(bars["y"][: PIT_BINS // 2]) / PIT_BINS == pytest.approx(share)


def test_several_divisions_are_drawn_as_their_mean(result: BenchmarkResult) -> None:
    (params, _) = quality_lines(result, "leave-operation-out", "rmse")
    assert params.name == "params"
    assert params.x == (20,)
    groups = group_lines(result, "leave-operation-out")[0]
    assert "extrapolated" in groups.x
    assert all(0 <= value <= 1 for value in groups.y)


def test_clouds_hold_the_answers_of_one_split(result: BenchmarkResult) -> None:
    found = clouds(result, "random")
    assert [cloud.name for cloud in found] == ["params", "mean"]
    fit = next(f for f in result.fits if (f.train_size, f.repeat, f.predictor) == (30, 0, "params"))
    assert found[0].measured == tuple(fit.measured)
    assert len(found[0].keys) == 30 <= MAX_POINTS


def test_the_file_is_written_whole(result: BenchmarkResult, page: str, tmp_path: Path) -> None:
    from surrogate.report import write_report

    write_report(result, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
