"""The page on this machine alone, with forecasts of any cell."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.drawing.draw import draw_svg
from graph_encoding.semantics import Semantics
from surrogate.explorer.columns import DISTANCE_DIGITS, PER_DIGITS, Digits
from surrogate.explorer.contents import Contents
from surrogate.explorer.page import explorer_html
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import Estimate, Forecast

HOST = "127.0.0.1"
_LONGEST_CELL = 400


class ExplorerServer(ThreadingHTTPServer):
    """Serves the page at `/`, and forecasts at `/forecast?table=0&cell=10_100_1000`.

    It listens on 127.0.0.1 and answers requests whose `Host` is that address only: a page of
    another site that resolves its own name to this machine gets nothing.

    Args:
        contents: what the page holds.
        forecasters: per table of the contents its forecaster; None for a table without.
        port: 0 takes a free one.
    """

    daemon_threads = True

    def __init__(
        self, contents: Contents, forecasters: Sequence[Forecaster | None], port: int = 0
    ) -> None:
        super().__init__((HOST, port), _Handler)
        self.page = explorer_html(contents, is_served=True).encode()
        self._contents = contents
        self._forecasters = tuple(forecasters)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Values of the header `Host` that are answered."""
        port = self.server_address[1]
        return (f"{HOST}:{port}", f"localhost:{port}")

    def forecast(self, table: str, text: str) -> dict[str, Any]:
        """The forecast of any cell, with the digits of the page.

        Args:
            table: number of a table of the contents.
            text: the cell.

        Raises:
            UserError: if there is no such table or forecaster, or the text is no cell.
        """
        names = [fact["name"] for fact in self._contents.about["tables"]]
        if table not in map(str, range(len(names))):
            raise UserError(f"table must be a number in 0 .. {len(names) - 1}, but got {table!r}")
        number = int(table)
        forecaster = self._forecasters[number]
        if forecaster is None:
            raise UserError(
                f"table {names[number]!r} has no artifact, so its cells have no forecast; choose "
                "another table, or fit an artifact with `nasasr fit`"
            )
        if len(text) > _LONGEST_CELL:
            raise UserError(f"a cell must have at most {_LONGEST_CELL} characters")
        cell = Cell.parse(text)
        levels = self._contents.about["tables"][number]["levels"]
        found = [forecaster.forecast(cell, level)[0] for level in levels]
        semantics = Semantics(forecaster.metadata.semantics)
        return {
            **forecast_record(found, self._contents.digits[number]),
            "svg": draw_svg(cell, semantics),
        }


def _whole(rates: Sequence[float] | None, epochs: int) -> list[int]:
    """Ends of the intervals of a curve; all missing where its level has none."""
    if rates is None:
        return [PER_DIGITS.whole(None)] * epochs
    return [PER_DIGITS.whole(rate) for rate in rates]


def _estimate(by_level: Sequence[Estimate | None]) -> dict[str, Any] | None:
    """The estimate of one target at each level; None if the artifact has none."""
    found = [estimate for estimate in by_level if estimate]
    if not found:
        return None
    return {
        "mean": PER_DIGITS.whole(found[0].mean),
        "low": [PER_DIGITS.whole(estimate.low) for estimate in found],
        "high": [PER_DIGITS.whole(estimate.high) for estimate in found],
    }


def forecast_record(by_level: Sequence[Forecast], digits: dict[str, Digits]) -> dict[str, Any]:
    """A forecast with the digits of the page, in the form in which the page has those of its own.

    Args:
        by_level: the forecasts of one cell, one per level.
        digits: how the latency of each setting is shown.
    """
    first = by_level[0]
    measured = first.measured_row
    targets = {
        target.target: {
            "mean": PER_DIGITS.whole(target.mean),
            "std": PER_DIGITS.whole(target.std),
            "collapse": PER_DIGITS.whole(target.collapse_probability),
            "low": [PER_DIGITS.whole(found.targets[i].low) for found in by_level],
            "high": [PER_DIGITS.whole(found.targets[i].high) for found in by_level],
            "estimate": _estimate([found.targets[i].estimate for found in by_level]),
        }
        for i, target in enumerate(first.targets)
    }
    latencies = {}
    for i, latency in enumerate(first.latencies):
        shown = digits[latency.setting]
        latencies[latency.setting] = {
            "mean": shown.whole(latency.mean),
            "std": shown.whole(latency.std),
            "measured": shown.whole(latency.measured),
            "low": [shown.whole(found.latencies[i].low) for found in by_level],
            "high": [shown.whole(found.latencies[i].high) for found in by_level],
        }
    curves = [found.curve for found in by_level if found.curve is not None]
    return {
        "cell": first.cell,
        "key": first.functional_key,
        "params": first.params,
        "macs": first.macs,
        "support": first.support,
        "note": first.note,
        "distance": DISTANCE_DIGITS.whole(first.distance),
        "targets": targets,
        "latencies": latencies,
        "curve": None
        if not curves
        else {
            "mean": [PER_DIGITS.whole(value) for value in curves[0].mean],
            "low": [_whole(curve.low, len(curve.mean)) for curve in curves],
            "high": [_whole(curve.high, len(curve.mean)) for curve in curves],
        },
        "trainings": []
        if measured is None
        else [
            {
                "seed": seed,
                **{name: PER_DIGITS.whole(v[i]) for name, v in measured.values.items()},
            }
            for i, seed in enumerate(measured.seeds)
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    """Answers GET requests of the page itself, and refuses all others."""

    server: ExplorerServer
    server_version = "nasasr"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, or a forecast."""
        if not self._is_own():
            self._json(
                HTTPStatus.FORBIDDEN,
                {"error": f"requests must come from {self.server.url}, and no other page"},
            )
            return
        try:
            url = urlsplit(self.path)
        except ValueError:
            self._json(HTTPStatus.BAD_REQUEST, {"error": "the address must be valid; open /"})
            return
        if url.path == "/":
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        elif url.path == "/forecast":
            self._forecast(parse_qs(url.query))
        elif url.path == "/favicon.ico":
            self._send(HTTPStatus.NO_CONTENT, "image/x-icon", b"")
        else:
            self._json(HTTPStatus.NOT_FOUND, {"error": f"nothing is at {url.path!r}; open /"})

    def _is_own(self) -> bool:
        origin = self.headers.get("Origin")
        own = {f"http://{host}" for host in self.server.hosts}
        return self.headers.get("Host") in self.server.hosts and (origin is None or origin in own)

    def _forecast(self, query: dict[str, list[str]]) -> None:
        try:
            found = self.server.forecast(
                query.get("table", ["0"])[0], query.get("cell", [""])[0].strip()
            )
        except UserError as e:
            self._json(HTTPStatus.BAD_REQUEST, {"error": str(e)})
        else:
            self._json(HTTPStatus.OK, found)

    def _json(self, status: HTTPStatus, found: dict[str, Any]) -> None:
        self._send(status, "application/json; charset=utf-8", json.dumps(found).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Requests of the page are not worth a line each."""
