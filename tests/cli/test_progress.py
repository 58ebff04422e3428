"""Progress of long work, its interruption, and help of commands whose name may be left out."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from surrogate.cli.progress import ProgressDisplay, told_when_stopped
from surrogate.tuning.interrupts import held_interrupts
from tests.cli.conftest import Run
from train_benchmark.collecting.ledger import CampaignStatus

CAMPAIGN = CampaignStatus(done=3, failed=1, in_flight=0, waiting=2, per_hour=None, hours_left=None)


def test_lines_come_now_and_then_and_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("surrogate.cli.progress.time.monotonic", lambda: now[0])
    with ProgressDisplay("fits") as display:
        for seconds, done in ((0, 2), (10, 3), (31, 4), (40, 5)):
            now[0] = seconds
            display.show(done, 6)
        display.show(6, 6, "the last")
    # What was done before the first call took no time of this run: two of four in 31 seconds.
    found = capsys.readouterr().err.splitlines()
    assert found == ["fits 2/6", "fits 4/6 about 0m 31s left", "the last 6/6"]


def test_a_stop_is_told_and_other_errors_pass(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stop, told_when_stopped("go on with --out x"):
        raise KeyboardInterrupt
    assert stop.value.exit_code == 130
    assert capsys.readouterr().err == "stopped; go on with --out x\n"
    with pytest.raises(ValueError, match="mine"), told_when_stopped("nothing"):
        raise ValueError("mine")


@pytest.fixture
def on_sigint(request: pytest.FixtureRequest) -> Iterator[None]:
    """The handler of Ctrl-C, which differs between terminal and background."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("on_sigint", [signal.default_int_handler, signal.SIG_IGN], indirect=True)
@pytest.mark.usefixtures("on_sigint")
def test_a_scheduler_stops_work_as_ctrl_c_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stop, told_when_stopped("go on with --out x"):
        signal.raise_signal(signal.SIGTERM)
    assert stop.value.exit_code == 143
    assert capsys.readouterr().err == "stopped; go on with --out x\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("on_sigint", [signal.default_int_handler], indirect=True)
@pytest.mark.usefixtures("on_sigint")
def test_what_holds_ctrl_c_back_holds_a_scheduler_back() -> None:
    steps = []

    def work() -> None:
        with told_when_stopped("nothing is lost"):
            with held_interrupts():
                signal.raise_signal(signal.SIGTERM)
                steps.append("written to the end")
            steps.append("never reached")

    with pytest.raises(typer.Exit) as stop:
        work()
    assert steps == ["written to the end"]
    assert stop.value.exit_code == 143


def test_an_existing_sigterm_handler_is_kept() -> None:
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("mine"))
    try:
        with told_when_stopped("nothing"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["mine"]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("collect", ("CONFIG", "--corpus", "--until", "--retry-failed")),
        ("latency", ("CONFIG", "--cores", "--retry-failed")),
    ],
)
def test_help_shows_the_options_of_the_form_that_pages_teach(
    run: Run, command: str, options: tuple[str, ...]
) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert all(option in out for option in (*options, "status"))
    assert out.count("--help") == 1


def test_the_status_of_a_campaign_goes_to_programs_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    monkeypatch.setattr(
        "train_benchmark.collecting.campaign_folder.campaign_status", lambda _: CAMPAIGN
    )
    code, out, _ = run("collect", "status", Path("somewhere"), "--format", "csv")
    assert code == 0
    assert out.splitlines()[0].split(",") == list(CAMPAIGN.__dataclass_fields__)
