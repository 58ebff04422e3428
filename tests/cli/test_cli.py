"""The program from outside: what it writes where, and its exit codes."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import surrogate
from tests.cli.conftest import Run
from train_benchmark.labels import definition_of, label_window

FAST_FIT = """
predictor = "xgb"
folds = 3
[settings]
members = 2
rounds = 20
[evaluation]
repeats = 2
"""


@pytest.fixture
def fast_config(tmp_path: Path) -> Path:
    path = tmp_path / "fast.toml"
    path.write_text(FAST_FIT)
    return path


def test_predict_writes_a_table(run: Run, saved_artifact: Path) -> None:
    code, out, err = run("predict", "10_100_1000", "--wide", "--artifact", saved_artifact)
    assert (code, err) == (0, "")
    header, *rows = out.splitlines()
    assert header.split()[:3] == ["cell", "params", "support"]
    assert [row.split()[3] for row in rows] == ["val_per", "test_per"]


def test_predict_json_parses(run: Run, saved_artifact: Path) -> None:
    cells = ("10_100_1000", "51_500_5000")
    code, out, _ = run("predict", *cells, "--artifact", saved_artifact, "--format", "json")
    living, dead = json.loads(out)
    assert code == 0
    assert living["targets"][0]["target"] == "val_per"
    assert living["targets"][0]["low"] < living["targets"][0]["mean"]
    assert (dead["support"], dead["targets"]) == ("dead", [])


def test_predict_csv_has_one_row_a_target(run: Run, saved_artifact: Path) -> None:
    _, out, _ = run("predict", "10_100_1000", "--artifact", saved_artifact, "--format", "csv")
    header, *rows = out.splitlines()
    assert header == (
        "cell,params,macs,support,note,level,kind,target,unit,setting,device,source,"
        "mean,std,std_model,std_seed,low,high,collapse_probability,measured_mean,seeds,"
        "estimate_mean,estimate_std,estimate_low,estimate_high"
    )
    assert len(rows) == 2


def test_csv_says_of_what_level_its_intervals_are_and_what_json_says(
    run: Run, saved_artifact: Path
) -> None:
    ask = ("predict", "conv9:0_100", "--artifact", saved_artifact, "--level", "0.6", "--format")
    rows = list(csv.DictReader(io.StringIO(run(*ask, "csv")[1])))
    (forecast,) = json.loads(run(*ask, "json")[1])
    assert {row["level"] for row in rows} == {"0.6"}
    assert {row["note"] for row in rows} == {forecast["note"]} != {""}
    assert {row["macs"] for row in rows} == {str(forecast["macs"])}
    assert [float(row["collapse_probability"]) for row in rows] == [
        target["collapse_probability"] for target in forecast["targets"]
    ]


def test_rows_say_what_they_are_forecasts_of(run: Run) -> None:
    """Seconds and error rates stand in one column, and rest on different measurements."""
    _, out, _ = run("predict", "10_100_1000", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    kinds = [(row["kind"], row["target"], row["unit"]) for row in rows]
    assert kinds[:2] == [("target", name, "phone error rate") for name in ("val_per", "test_per")]
    assert set(kinds[2:]) == {("latency", "latency_s", "second")}
    assert all(row["setting"] and row["device"] for row in rows[2:])
    (forecast,) = json.loads(run("predict", "10_100_1000", "--format", "json")[1])
    assert [row["support"] for row in rows] == [
        *[forecast["support"]] * 2,
        *(latency["support"] for latency in forecast["latencies"]),
    ]
    # One setting was measured on all functions of the space, whatever was trained of them.
    support = {row["setting"]: row["support"] for row in rows[2:]}
    assert support["timit-micro/cpu-onnx-fp32-t1-b1-1s"] == "measured"


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("curve", [(), ("--curve",)])
def test_dead_cells_are_explained_on_stderr(
    run: Run, saved_artifact: Path, form: str, curve: tuple[str, ...]
) -> None:
    options = ("--artifact", saved_artifact, "--format", form, *curve)
    code, out, err = run("predict", "51_500_5000", *options)
    assert code == 0
    assert "does not depend on the input" in err
    if curve and form == "csv":
        assert out == "cell,epoch,mean,std,low,high,observed\n"
    elif not curve or form == "json":
        assert "dead" in out


def test_an_artifact_without_curves_has_no_rows_of_epochs(
    run: Run, saved_table: Path, tmp_path: Path
) -> None:
    (tmp_path / "bare.toml").write_text(
        FAST_FIT.replace("folds", 'curve_predictor = "none"\nfolds')
    )
    out = tmp_path / "bare"
    assert run("fit", saved_table, "--config", tmp_path / "bare.toml", "--out", out)[0] == 0
    code, text, err = run("predict", "10_100_1000", "--artifact", out, "--curve")
    assert (code, text) == (2, "")
    assert "no learning curves" in err


def test_cells_come_from_a_file(run: Run, saved_artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("10_100_1000  # a comment\n\n20_200_2000\n")
    arguments = ("--artifact", saved_artifact, "--format", "json")
    _, out, _ = run("predict", "--cells", tmp_path / "cells", *arguments)
    assert [f["cell"] for f in json.loads(out)] == ["10_100_1000", "20_200_2000"]


def test_cells_come_from_stdin(
    run: Run, saved_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("10_100_1000\n"))
    _, out, _ = run("predict", "--cells", "-", "--artifact", saved_artifact, "--format", "json")
    assert len(json.loads(out)) == 1


def test_a_closed_stdin_is_a_message(
    run: Run, saved_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = run("predict", "--cells", "-", "--artifact", saved_artifact)
    assert code == 2
    assert "it is closed" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("cell", "10_100_1000"), ("--version",), ("--help",)])
def test_a_full_disk_is_a_message(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "surrogate.cli", *arguments],
            # With a buffer, as a user has it: what is left there is written again at the end.
            env={name: v for name, v in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot read or write: No space left on device")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("cell", "10_100_1000"),
        ("table", "verify", "synth-micro"),
        ("--help",),
        ("--version",),
        ("table", "--help"),
    ],
)
def test_a_reader_that_goes_away_is_neither_a_failed_check_nor_an_error(
    arguments: tuple[str, ...],
) -> None:
    for _ in range(2):
        command = [sys.executable, "-m", "surrogate.cli", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            assert program.stdout is not None and program.stderr is not None
            program.stdout.close()
            assert (program.stderr.read(), program.wait()) == (b"", 141)


def test_higher_level_gives_wider_intervals(run: Run, saved_artifact: Path) -> None:
    widths = []
    for level in (0.5, 0.9):
        options = ("--artifact", saved_artifact, "--format", "json", "--level", level)
        target = json.loads(run("predict", "10_100_1000", *options)[1])[0]["targets"][0]
        widths.append(target["high"] - target["low"])
    assert widths[0] < widths[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "99_100_1000"), "error: cell '99_100_1000': node 1"),
        (("predict", "10_100_1000", "--artifact", "nope"), "error: there is no artifact 'nope'"),
        (("predict", "\N{ARABIC-INDIC DIGIT ONE}0_100_1000"), "must be an operation (an index 0-5"),
        (("predict",), "error: there must be at least one cell"),
        (("cell", "10_100_1000", "--seconds", "1e307"), "from 0.01, one frame, to 1e+06, but got"),
        (("cell", "10_100_1000", "--seconds", "nan"), "one frame, to 1e+06, but got nan"),
        (("benchmark", "--graphs", "x.jsonl"), "error: cannot read the graphs in x.jsonl"),
        (("predict", "--cells", "no-such-file"), "error: cannot read cells from no-such-file"),
        (("predict", "10_100_1000", "--format", "xml"), "xml"),
        (("fit", "nope", "--out", "no-such-folder"), "error: there is no table 'nope'"),
        (("table", "info", "nope"), "error: there is no table 'nope'"),
        (("no-such-command",), "no-such-command"),
    ],
)
def test_mistakes_exit_with_2_and_a_message(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_corrupt_artifact_exits_with_2(run: Run, saved_artifact: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(saved_artifact, tmp_path / "copy"))
    (copy / "measured.npz").write_text("{}")
    code, _, err = run("predict", "10_100_1000", "--artifact", copy)
    assert code == 2
    assert "measured.npz is corrupt" in err


def test_the_version_is_that_of_the_package(run: Run) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert surrogate.__version__ == project["version"]
    assert run("--version") == (0, f"nasasr {project['version']}\n", "")


def test_debug_shows_the_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from surrogate.cli import main; main()", "--debug", "predict", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "CellFormatError" in done.stderr


def test_fit_reports_and_writes_an_artifact(
    run: Run, saved_table: Path, fast_config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--config", fast_config, "--out", out, "--report", "--format", "json")
    code, text, err = run("fit", saved_table, *options)
    assert code == 0
    assert "2 of 80 rows have no label" in err
    # Two targets, three predictors, two repeats.
    assert "held-out fits 0/12" in err and "held-out fits 12/12" in err
    assert "fitting 0/" in err
    rows = json.loads(text)
    assert {row["predictor"] for row in rows} == {"xgb", "params", "mean"}
    assert {row["metric"] for row in rows} >= {"kendall_tau", "rmse", "coverage_90"}
    assert run("predict", "10_100_1000", "--artifact", out)[0] == 0
    fit = json.loads((out / "metadata.json").read_text())["fit"]
    assert fit["settings"]["rounds"] == 20


def test_fit_without_a_report_says_what_was_made(
    run: Run, saved_table: Path, fast_config: Path, tmp_path: Path
) -> None:
    options = ("--config", fast_config, "--out", tmp_path / "out", "--format", "json")
    code, text, _ = run("fit", saved_table, *options)
    assert code == 0
    assert json.loads(text) == {"artifact": str(tmp_path / "out"), "functions": 39}


def test_ctrl_c_in_a_fit_is_told(
    run: Run, saved_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("surrogate.fitting.fit_artifact.fit_artifact", stopped)
    code, out, err = run("fit", saved_table, "--out", tmp_path / "out")
    assert (code, out) == (130, "")
    assert f"stopped; {tmp_path / 'out'} was not written; the same command resumes" in err


def test_a_stopped_fit_with_its_report_goes_on(
    run: Run,
    saved_table: Path,
    fast_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "made" / "out"
    command = ("fit", saved_table, "--config", fast_config, "--out", out, "--report")
    with monkeypatch.context() as patched:
        patched.setattr("surrogate.fitting.fit_parts.calibrate", stopped)
        assert run(*command)[0] == 130
    with monkeypatch.context() as patched:
        patched.setattr("surrogate.comparison.held_out.fit_and_ask", stopped)
        code, _, err = run(*command)
    assert code == 0
    assert "held-out fits 12/12" in err
    assert "held-out fits 0/12" not in err
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_ctrl_c_is_told_wherever_it_comes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("surrogate.fitting.artifact.load_artifact", stopped)
    assert run("predict", "10_100_1000") == (130, "", "stopped\n")


def test_where_nothing_can_be_written_nothing_is_fitted(
    run: Run, saved_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("surrogate.fitting.fit_artifact.fit_artifact", never)
    (tmp_path / "file").write_text("")
    code, _, err = run("fit", saved_table, "--out", tmp_path / "file" / "deep" / "out")
    assert code == 2
    assert "cannot write artifact folder" in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_fit_report_as_a_table(
    run: Run, saved_table: Path, fast_config: Path, tmp_path: Path
) -> None:
    options = ("--config", fast_config, "--out", tmp_path / "out", "--report")
    *tables, legend = run("fit", saved_table, *options)[1].split("\n\n")
    assert tables[0].split()[:4] == ["target", "predictor", "repeats", "kendall_tau"]
    assert {len(table.splitlines()) for table in tables} == {1 + 2 * 3}
    assert legend.startswith("higher is better: kendall_tau")


def test_fit_never_overwrites(run: Run, saved_table: Path, tmp_path: Path) -> None:
    code, _, err = run("fit", saved_table, "--out", tmp_path)
    assert code == 2
    assert "exists" in err


def test_bad_config_key_exits_with_2(run: Run, saved_table: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[settings]\nrouns = 3\n")
    options = ("--config", tmp_path / "bad.toml", "--out", tmp_path / "out")
    code, _, err = run("fit", saved_table, *options)
    assert code == 2
    assert "bad.toml" in err
    assert "settings.rouns" in err


def test_the_help_of_predict_names_the_epochs_of_val_per(run: Run) -> None:
    shown = " ".join(run("predict", "--help")[1].replace("│", " ").split())
    assert f"({label_window('val_per', 20)} of timit-micro's 20)" in shown
    assert definition_of("test_per") in shown


def test_table_info_as_json(run: Run, saved_table: Path) -> None:
    code, out, _ = run("table", "info", saved_table, "--format", "json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["rows"], facts["rows_without_label"], facts["functions"]) == (80, 2, 40 - 1)
    assert facts["labels"]["test_per"]["min"] <= facts["labels"]["test_per"]["max"]
    assert facts["labels"]["val_per"]["what"] == "mean validation PER of epochs 3 to 6 of 6"


def test_table_info_as_a_table(run: Run, saved_table: Path) -> None:
    out = run("table", "info", saved_table)[1]
    assert "synthetic" in out
    assert "val_per_best" in out
    assert "mean validation PER of epochs 3 to 6 of 6" in out


def test_a_forecast_loads_no_heavy_package(saved_artifact: Path) -> None:
    code = (
        "import sys\nfrom surrogate.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'xgboost', 'pyarrow', 'scipy', 'sklearn', 'torch', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    arguments = ("predict", "10_100_1000", "--artifact", str(saved_artifact))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
