"""A headless Chromium without a network, and pages that it opens."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from surrogate.explorer import Contents, explorer_contents, write_explorer
from surrogate.explorer.runs import SearchRun
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.forecasting.forecast import Forecaster
from surrogate.search import Evaluation, History, SearchProblem
from train_benchmark.table.benchmark_table import BenchmarkTable

LEVELS = (0.5, 0.9)
WIDE, NARROW = {"width": 1300, "height": 1000}, {"width": 390, "height": 844}

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the extra 'browser'"
)


class Tab:
    """A page of the browser, with what it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, address: str, ready: str = "body[data-ready]") -> Any:
        """Open an address and wait until it has drawn."""
        self.page.goto(address)
        self.page.wait_for_selector(ready)
        return self.page

    def serious_faults(self) -> list[str]:
        """What axe-core finds that keeps people from using the page."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        found = axe.run(self.page).response["violations"]
        return [
            f"{fault['id']}: {fault['nodes'][0]['html'][:160]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        pytest.skip("no Chromium: install the system's package, such as apt install chromium")
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    page = browser.new_page(viewport=WIDE, reduced_motion="reduce")
    yield Tab(page)
    page.close()


@pytest.fixture(scope="session")
def forecaster() -> Forecaster:
    return Forecaster.load()


@pytest.fixture(scope="session")
def benchmark() -> Benchmark:
    return Benchmark.load("timit-micro")


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory, benchmark: Benchmark) -> Path:
    """A search of three batches of two functions."""
    folder = tmp_path_factory.mktemp("searches") / "by-hand"
    about = {
        "searcher": "random",
        "problem": SearchProblem().to_plain(),
        "source": "table timit-micro",
    }
    with History(about, folder / "history.jsonl") as found:
        for i, key in enumerate(benchmark.table.keys[:6]):
            value = benchmark.table.labels_of(key, "val_per")[1234]
            found.append(
                Evaluation(
                    key=key,
                    cell=benchmark.table.cell_of(key),
                    seed=1234,
                    values={"val_per": value},
                    costs=(value,),
                    status="ok",
                    source="table timit-micro",
                    asked_at=i // 2 * 2,
                )
            )
    return folder


@pytest.fixture(scope="session")
def contents(forecaster: Forecaster, benchmark: Benchmark, history: Path) -> Contents:
    """A table with forecasts and one without, which has no latencies; it takes a minute."""
    shipped = BenchmarkTable.load("synth-micro")
    synthetic = BenchmarkTable(shipped.metadata, shipped.records)
    runs = [SearchRun.read(history)]
    return explorer_contents(
        [(benchmark.table, forecaster), (synthetic, None)], runs, levels=LEVELS
    )


@pytest.fixture(scope="session")
def explorer(contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the page as a file."""
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    write_explorer(contents, path)
    return path.as_uri()
