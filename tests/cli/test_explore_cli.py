"""`nasasr explore`: it writes one page, and refuses with a reason."""

import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_it_writes_one_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, out, err = run("explore", "synth-micro", "--out", page)
    assert (code, out) == (0, "")
    assert f"wrote {page}" in err and "MB" in err
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere"),
        (["synth-micro", "--artifact", "mine"], "--artifact must be TABLE=NAME or TABLE=DIR"),
        (["synth-micro", "--artifact", "a=b"], "must name one of the tables synth-micro"),
        (["synth-micro", "--search", "nowhere"], "must be the history of a search"),
        (["synth-micro", "--level", "1.5"], "level"),
        (["synth-micro", "--port", "8080"], "add --serve, or leave it out"),
        (["synth-micro", "synth-micro"], "tables of different names"),
        (["synth-micro", "--artifact", "synth-micro=timit-micro"], "recipe and corpus"),
    ],
)
def test_what_is_wrong_is_explained(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, _, err = run("explore", *arguments, "--out", tmp_path / "page.html")
    assert code == 2
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_explained(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run("explore", "synth-micro", "--serve", "--port", port)
    assert code == 2
    assert f"--port must be a free port, but {port} cannot be used" in err
