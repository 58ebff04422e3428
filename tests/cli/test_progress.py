"""Progress of long work, its interruption, and help of commands whose name may be left out."""

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import typer

from surrogate.cli.output import LINE_WIDTH
from surrogate.cli.progress import ProgressDisplay, told_when_stopped
from surrogate.tuning.interrupts import held_interrupts
from tests.cli.conftest import Run
from train_benchmark.collecting.ledger import CampaignStatus, FailedTraining

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


FAILURES = tuple(
    FailedTraining("10_100_1000", seed, "failed", "the worker was killed " * 9)
    for seed in range(1234, 1246)
)
RUNNING = replace(
    CAMPAIGN, failed=12, failures=FAILURES, waiting=7000, in_flight=2, per_hour=30.1, hours_left=60
)


@pytest.fixture
def status_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    pytest.importorskip("torch", reason="needs the train extra")

    def text(status: CampaignStatus, *options: str, folder: str = "somewhere") -> str:
        monkeypatch.setattr(
            "train_benchmark.collecting.campaign_folder.campaign_status", lambda _: status
        )
        code, out, err = run("collect", "status", Path(folder), *options)
        assert code == 0, err
        return out

    return text


def test_the_status_of_a_campaign_goes_to_programs_too(status_of: Callable[..., str]) -> None:
    fields = [name for name in CampaignStatus.__dataclass_fields__ if name != "failures"]
    assert status_of(RUNNING, "--format", "csv").splitlines()[0].split(",") == fields
    plain = json.loads(status_of(RUNNING, "--format", "json"))
    assert plain["failures"] == [asdict(one) for one in FAILURES]
    assert [plain[name] for name in fields] == [3, 12, 2, 7000, 30.1, 60]


def test_people_read_the_rate_the_time_left_and_what_failed(status_of: Callable[..., str]) -> None:
    out = status_of(RUNNING)
    assert max(map(len, out.splitlines())) <= LINE_WIDTH
    facts = dict(line.split(maxsplit=1) for line in out.partition("\n\n")[0].splitlines())
    assert facts["done"] == "3 of 7,017 trainings"
    assert facts["speed"] == "30.1 per hour"
    assert facts["time"] == "left  2d 12h"
    assert out.count("10_100_1000") == 10
    assert "and 2 more failed trainings" in out


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (CAMPAIGN, "fewer than two trainings ended in the last half hour"),
        (replace(CAMPAIGN, waiting=None, in_flight=None), "no ledger.sqlite"),
    ],
)
def test_what_is_unknown_of_a_campaign_says_why(
    status_of: Callable[..., str], status: CampaignStatus, said: str
) -> None:
    assert said in status_of(status)


def test_the_records_of_a_campaign_are_counted_by_file(
    status_of: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "shards").mkdir()
    for name in "abc":
        (tmp_path / "shards" / f"{name}.parquet").touch()
    (tmp_path / "journal.jsonl").write_text("{}\n{}\n")
    said = status_of(CAMPAIGN, folder=str(tmp_path))
    assert "3 shards, and 2 in the journal" in said
