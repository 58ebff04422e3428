"""The program as its tests call it."""

from collections.abc import Callable

import pytest

from surrogate.cli import main

Run = Callable[..., tuple[int, str, str]]
"""Arguments -> exit code, stdout, stderr."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call
