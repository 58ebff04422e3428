"""Reports of benchmarks and searches in a browser: on any screen, on paper, for everyone."""

import base64
from pathlib import Path
from typing import Any

import pytest

from surrogate.comparison import benchmark_config, run_benchmark
from surrogate.search.judging.summary import ComparisonSummary, CurveRow, MetricSummary
from surrogate.testing.synthetic import synthetic_table
from tests.browser.conftest import NARROW, WIDE, Tab

pytest.importorskip("plotly", reason="the report needs the extra 'report'")

LONG = "a predictor with a name as long as people give them in their studies"


@pytest.fixture(scope="module", params=["benchmark", "search"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a page with a long name in it."""
    write = {"benchmark": write_benchmark, "search": write_search}[request.param]
    return write(tmp_path_factory.mktemp("report")).as_uri()


def write_search(folder: Path) -> Path:
    """The page of searches that never were."""
    from surrogate.search.judging.page import write_page

    names = ("random", LONG)
    curves = [
        CurveRow(name, repeat, n, 20 * n, 0.1 / n, 0.1 / n, 1 - 0.5 / n)
        for name in names
        for repeat in range(2)
        for n in range(1, 41)
    ]
    rows = tuple(
        MetricSummary(name, metric, 12.5, 11.0, 0.9, 1.2, 0.8, 1.6, 0.1, 0, 0.2)
        for metric in ("regret", "trainings_to_0.01", "trainings_to_hypervolume")
        for name in names
    )
    title = "a-comparison-with-quite-a-long-name-of-its-own"
    cost = dict.fromkeys(names, 1.5)
    summary = ComparisonSummary(
        title, "random", 40, 2, "ab" * 32, {"forecast": 8911}, rows, cost, cost
    )
    write_page(summary, curves, folder / "report.html")
    return folder / "report.html"


def write_benchmark(folder: Path) -> Path:
    """The report of a small benchmark, one of whose predictors has a long name."""
    from surrogate.report import write_report
    from surrogate.report.plots import wrapped

    synthetic_table(60).save(folder / "table")
    config = benchmark_config(
        {
            "source": {"table": str(folder / "table")},
            "target": "val_per",
            "name": "a-benchmark-with-quite-a-long-name-of-its-own",
            "train_sizes": [20, 30],
            "protocols": {"random": {}, "leave-operation-out": {"train_sizes": [20]}},
            "repeats": 2,
            "predictors": ["params", "mean"],
        }
    )
    path = folder / "report.html"
    write_report(run_benchmark(config, folder / "out"), path)
    text = path.read_text(encoding="utf-8")
    # As a study names its own predictors; such a name need not be registered here.
    name = wrapped(LONG).replace("<br>", r"\u003cbr\u003e")
    path.write_text(text.replace('"name":"params"', f'"name":"{name}"'), encoding="utf-8")
    return path


READY = ".plots figure:last-child .main-svg"


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_draws_fits_and_keeps_nobody_out(
    report: str, browser: Any, size: dict[str, int]
) -> None:
    page = browser.new_page(viewport=size)
    tab = Tab(page)
    tab.open(report, READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert tab.messages == []
    assert tab.requests == [report]
    assert tab.serious_faults() == []
    page.close()


def test_names_break_between_words_on_a_narrow_screen(report: str, browser: Any) -> None:
    page = browser.new_page(viewport=NARROW)
    Tab(page).open(report, READY)
    for name in page.locator("tbody th:last-of-type").all():
        assert name.bounding_box()["height"] < 160  # a letter per line has 1,400
    for caption in page.locator("caption span").all():
        box = caption.bounding_box()
        assert box["x"] + box["width"] <= NARROW["width"]
    page.close()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_buttons_cover_no_title_and_legends_no_axis(
    report: str, browser: Any, size: dict[str, int]
) -> None:
    page = browser.new_page(viewport=size)
    Tab(page).open(report, READY)
    for figure in page.locator("figure").all():
        boxes = {
            name: figure.locator(place).first.bounding_box()
            for name, place in (
                ("title", "figcaption"),
                ("bar", ".modebar"),
                ("axis", ".xtitle, .xtick:last-child"),
                ("legend", ".legend"),
                ("plot", ".main-svg"),
            )
        }
        assert boxes["title"]["y"] + boxes["title"]["height"] <= boxes["bar"]["y"]
        assert boxes["axis"]["y"] + boxes["axis"]["height"] <= boxes["legend"]["y"] + 1
        right = boxes["legend"]["x"] + boxes["legend"]["width"]
        assert right <= boxes["plot"]["x"] + boxes["plot"]["width"] + 1
    page.close()


def test_in_the_dark_all_of_it_is_dark_and_on_paper_nothing_is(report: str, browser: Any) -> None:
    page = browser.new_page(viewport=WIDE, color_scheme="dark")
    tab = Tab(page)
    tab.open(report, READY)
    assert tab.serious_faults() == []
    assert lightness(page, 4, 4) < 0.2  # the page
    x, y = middle_of(page, "figure .xy")
    assert lightness(page, x, y) < 0.2  # behind a plot's lines
    page.emulate_media(media="print", color_scheme="dark")
    assert lightness(page, 4, 4) > 0.9
    assert page.eval_on_selector(".plotly-graph-div", "e => getComputedStyle(e).filter") == "none"
    page.close()


def middle_of(page: Any, selector: str) -> tuple[float, float]:
    box = page.locator(selector).first.bounding_box()
    return box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]


MEAN_LIGHTNESS = """async picture => {
  const image = new Image();
  image.src = "data:image/png;base64," + picture;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const rgba = context.getImageData(0, 0, image.width, image.height).data;
  // A plain array: sums of bytes are no bytes.
  const colours = [...rgba].filter((_, i) => i % 4 < 3);
  return colours.reduce((sum, part) => sum + part, 0) / colours.length / 255;
}"""


def lightness(page: Any, x: float, y: float) -> float:
    """Mean lightness of a square of pixels, 0 to 1."""
    clip = {"x": x, "y": y, "width": 12, "height": 12}
    picture = base64.b64encode(page.screenshot(clip=clip)).decode()
    return float(page.evaluate(MEAN_LIGHTNESS, picture))


def test_tables_name_their_rows_and_columns(report: str, tab: Tab) -> None:
    page = tab.open(report, READY)
    for region in page.locator(".wide").all():
        assert region.get_attribute("aria-label") == region.locator("caption").inner_text()
        assert region.get_attribute("tabindex") == "0"
        rows = region.locator("tbody tr").count()
        assert region.locator("tbody tr > th[scope=row]:first-child").count() == rows > 0


def test_it_can_be_printed(report: str, tab: Tab, tmp_path: Path) -> None:
    page = tab.open(report, READY)
    page.emulate_media(media="print")
    assert not page.locator(".modebar-container").first.is_visible()
    printed = page.pdf(path=tmp_path / "report.pdf")
    assert printed.startswith(b"%PDF")
