"""The served explorer in a browser: forecasts of any cell, and errors in words."""

import threading
from collections.abc import Iterator

import pytest

from surrogate.explorer import Contents, ExplorerServer
from surrogate.forecasting.forecast import Forecaster
from tests.browser.conftest import Tab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(contents: Contents, forecaster: Forecaster) -> Iterator[ExplorerServer]:
    found = ExplorerServer(contents, [forecaster, None])
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def test_any_cell_has_its_forecast_and_a_link(
    server: ExplorerServer, tab: Tab, forecaster: Forecaster
) -> None:
    page = tab.open(server.url)
    cell = "10_100_1000_10001"
    page.get_by_label("Any cell of 1 to 6 nodes").fill(cell)
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_selector(".svg-drawing svg")
    (forecast,) = forecaster.forecast(cell)
    for target in forecast.targets:
        shown = page.locator(f'[data-value="{target.target}"]').inner_text()
        ends = page.locator(f'[data-value="{target.target}-interval"]').inner_text()
        assert (shown, ends) == (f"{target.mean:.4f}", f"{target.low:.4f} to {target.high:.4f}")
    assert page.locator(".badge").inner_text() == forecast.support
    assert tab.serious_faults() == []
    page.wait_for_url(lambda url: "10001" in url)
    page.reload()
    page.wait_for_selector(".svg-drawing svg")
    assert page.locator("#cell-title").inner_text() == cell
    assert tab.messages == []
    assert {address.split("/")[2] for address in tab.requests} == {server.url.split("/")[2]}


def test_what_is_no_cell_is_explained_and_the_page_goes_on(
    server: ExplorerServer, tab: Tab
) -> None:
    page = tab.open(f"{server.url}#cell=10_100_1000")
    page.get_by_label("Any cell of 1 to 6 nodes").fill("conv8:1_110")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_selector(".error")
    assert "conv8" in page.locator(".error").inner_text()
    page.get_by_role("button", name="Skip input → 1", exact=True).click()
    assert page.locator("#cell-title").inner_text() == "11_100_1000"
    assert page.locator(".error").count() == 0
