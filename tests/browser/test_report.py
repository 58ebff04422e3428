"""The report of a benchmark in a browser: on wide and narrow screens, and for everyone."""

from pathlib import Path
from typing import Any

import pytest

from surrogate.comparison import benchmark_config, run_benchmark
from surrogate.testing.synthetic import synthetic_table
from tests.browser.conftest import NARROW, WIDE, Tab

pytest.importorskip("plotly", reason="the report needs the extra 'report'")

LONG = "a predictor with a name as long as people give them in their studies"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the report of a small benchmark, one of whose predictors has a long name."""
    from surrogate.report import write_report
    from surrogate.report.figures import wrapped

    folder = tmp_path_factory.mktemp("report")
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
    path = Path(folder / "report.html")
    write_report(run_benchmark(config, folder / "out"), path)
    text = path.read_text(encoding="utf-8")
    # As a study names its own predictors; such a name need not be registered here.
    name = wrapped(LONG).replace("<br>", r"\u003cbr\u003e")
    path.write_text(text.replace('"name":"params"', f'"name":"{name}"'), encoding="utf-8")
    return path.as_uri()


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


def test_it_can_be_printed(report: str, tab: Tab, tmp_path: Path) -> None:
    page = tab.open(report, READY)
    page.emulate_media(media="print")
    assert not page.locator(".modebar-container").first.is_visible()
    printed = page.pdf(path=tmp_path / "report.pdf")
    assert printed.startswith(b"%PDF")
