"""The server of the explorer: it answers its own page alone, and explains what it refuses."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from surrogate.explorer import ExplorerServer, explorer_contents
from surrogate.explorer.columns import PER_DIGITS
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.testing.synthetic import synthetic_table


@pytest.fixture(scope="module")
def server(artifact: Artifact) -> Iterator[ExplorerServer]:
    forecaster = Forecaster(artifact)
    contents = explorer_contents([(synthetic_table(60), forecaster)], levels=(0.9,))
    found = ExplorerServer(contents, [forecaster])
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def ask(
    server: ExplorerServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Status, body and headers of the answer to a request."""
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    is_json = "json" in answer.headers.get("Content-Type", "")
    return answer.status, json.loads(body) if is_json else body, answer.headers


def test_it_listens_on_this_machine_alone_and_serves_the_page(server: ExplorerServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    status, body, headers = ask(server, "/")
    assert status == 200
    assert body == server.page.decode()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/", "/forecast?cell=10_100_1000"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},  # without the port
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_no_other_page_gets_an_answer(
    server: ExplorerServer, path: str, headers: dict[str, str]
) -> None:
    status, body, _ = ask(server, path, **headers)
    assert status == 403
    assert set(body) == {"error"} and server.url in body["error"]


def test_its_own_page_may_call_it_localhost(server: ExplorerServer) -> None:
    own = f"localhost:{server.server_address[1]}"
    assert ask(server, "/", Host=own, Origin=f"http://{own}")[0] == 200


@pytest.mark.parametrize("cell", ["10_100_1000", "10_100_1000_10000", "conv9:1_110"])
def test_forecasts_have_the_digits_of_the_library(
    server: ExplorerServer, artifact: Artifact, cell: str
) -> None:
    status, found, _ = ask(server, f"/forecast?table=0&cell={cell}")
    (forecast,) = Forecaster(artifact).forecast(cell)
    assert status == 200
    assert (found["cell"], found["key"]) == (cell, forecast.functional_key)
    assert (found["params"], found["support"]) == (forecast.params, forecast.support)
    for target in forecast.targets:
        shown = found["targets"][target.target]
        assert shown["mean"] == PER_DIGITS.whole(target.mean)
        assert (shown["low"], shown["high"]) == (
            [PER_DIGITS.whole(target.low)],
            [PER_DIGITS.whole(target.high)],
        )
        assert target.estimate is not None
        assert shown["estimate"] == {
            "mean": PER_DIGITS.whole(target.estimate.mean),
            "low": [PER_DIGITS.whole(target.estimate.low)],
            "high": [PER_DIGITS.whole(target.estimate.high)],
        }
    assert found["svg"].startswith("<svg")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/forecast?cell=nonsense", 400, "nonsense"),
        ("/forecast?table=0", 400, "cell"),
        ("/forecast?cell=conv8:1_110", 400, "conv8"),
        ("/forecast?table=7&cell=10", 400, "table must be a number in 0 .. 0"),
        ("/forecast?table=%C2%B2&cell=10", 400, "table must be a number"),
        ("/forecast?cell=10&table=" + "1" * 5000, 400, "table must be a number"),
        ("/forecast?cell=" + "1" * 500, 400, "at most 400 characters"),
        ("/../../etc/passwd", 404, "nothing is at"),
    ],
)
def test_refusals_say_why(server: ExplorerServer, path: str, status: int, says: str) -> None:
    found, body, _ = ask(server, path)
    assert found == status
    assert says in body["error"]


def test_nothing_can_be_sent_to_it(server: ExplorerServer) -> None:
    assert ask(server, "/", "POST")[0] == 501


def test_a_table_without_an_artifact_has_no_forecast() -> None:
    server = ExplorerServer(explorer_contents([(synthetic_table(5), None)]), [None])
    try:
        with pytest.raises(ValueError, match="no artifact"):
            server.forecast("0", "10_100_1000")
    finally:
        server.server_close()
