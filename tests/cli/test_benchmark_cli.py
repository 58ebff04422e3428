"""`nasasr benchmark` from outside, and the predictor of its page."""

import csv
import doctest
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from surrogate.cli.output import LINE_WIDTH, Value
from surrogate.cli.score_tables import write_in_pieces
from surrogate.comparison import BenchmarkConfig
from surrogate.comparison.overrides import config_with
from surrogate.comparison.protocol import PROTOCOLS
from surrogate.comparison.summary import interval_texts
from surrogate.testing.synthetic import synthetic_table
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
GRAPHS = ROOT / "configs" / "benchmark" / "example-graphs.jsonl"
FAST = ("--graphs", GRAPHS, "--target", "megamacs", "--direction", "minimise")
FAST = (*FAST, "--train-sizes", "20,40", "--repeats", "2", "--predictors", "mean")

CONTRACT_TEST = """
import pytest
from my_pkg import MyRidge
from surrogate.testing.predictor_contract import PredictorContract

class TestMyRidge(PredictorContract):
    @pytest.fixture
    def kind(self):
        return MyRidge
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands put the working directory on the path, where a predictor of one's own lies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_json_holds_every_metric_with_its_interval(run: Run, tmp_path: Path) -> None:
    code, out, err = run("benchmark", *FAST, "--format", "json")
    assert code == 0, err
    rows = json.loads(out)
    folder = tmp_path / "runs" / "benchmark" / "example-graphs-megamacs"
    assert len(rows) == pq.read_table(folder / "summary.parquet").num_rows
    whole = [row for row in rows if row["group"] == "" and row["train_size"] == 40]
    found = {row["metric"]: row for row in whole}
    assert {"kendall_tau", "precision_at_1pct", "coverage_80", "query_microseconds"} < set(found)
    assert found["rmse"]["low"] <= found["rmse"]["mean"] <= found["rmse"]["high"]
    assert found["rmse"]["interval"] == "Student's t over 2 repeats"
    assert found["rmse"]["ceiling"] is None
    assert (folder / "report.html").stat().st_size > 1_000_000


def test_table_and_csv_show_the_same(run: Run, tmp_path: Path) -> None:
    code, table, _ = run("benchmark", *FAST, "--out", tmp_path / "out")
    assert code == 0
    assert table.splitlines()[0] == "random: cells like those it was trained on"
    assert max(map(len, table.splitlines())) <= LINE_WIDTH
    assert "noise ceiling: unknown" in table
    assert "in parentheses: 95 % interval of the mean, by student" in table.lower()
    assert "rmse, regret, width_90" in table
    code, text, err = run("benchmark", *FAST, "--out", tmp_path / "out", "--format", "csv")
    assert code == 0
    assert "fits 4/4" in err
    rows = list(csv.DictReader(io.StringIO(text)))
    (rmse,) = (r for r in rows if r["metric"] == "rmse" and r["train_size"] == "20")
    texts = interval_texts([float(rmse[name]) for name in ("mean", "low", "high")])
    assert "{} ({} to {})".format(*texts) in table


def test_divisions_follow_their_means_and_a_table_has_its_noise_ceiling(
    run: Run, tmp_path: Path
) -> None:
    synthetic_table(60).save(tmp_path / "table")
    protocols = ("--train-sizes", "20", "--protocols", "random,leave-operation-out")
    options = (*protocols, "--repeats", "1", "--predictors", "mean,params")
    code, out, err = run(
        "benchmark", "--table", tmp_path / "table", *options, "--out", tmp_path / "out"
    )
    assert code == 0, err
    assert max(map(len, out.splitlines())) <= LINE_WIDTH
    random, _, left_out = out.partition("leave-operation-out: ")
    for text in ("(other seeds)", "(true means)", "noise ceiling, over the "):
        assert text in random
    assert "division" not in random
    assert "means over its divisions" in left_out
    assert "\nconv5 " in left_out
    assert "by bootstrap over test keys." in out
    # A row without any value of a table is not in it.
    assert not re.search(r"\(true means\)( +-)+$", out, re.MULTILINE)


def test_names_of_any_length_leave_one_metric_per_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines: list[dict[str, Value]] = [
        {"predictor": "p" * 70, "a": "1" * 20, "b": "2" * 20, "c": "3" * 3}
    ]
    write_in_pieces(lines, ["predictor"])
    out = capsys.readouterr().out
    assert [line.split()[1:] for line in out.splitlines()[::3]] == [["a"], ["b", "c"]]
    assert max(map(len, out.splitlines())) <= LINE_WIDTH


def test_the_help_names_the_protocols_and_the_defaults(run: Run) -> None:
    # Lines are broken behind hyphens too.
    said = "".join(run("benchmark", "--help")[1].split())
    chosen = config_by()
    assert chosen.source.table is not None
    for text in (
        *PROTOCOLS,
        f"default {chosen.source.table}",
        f"default {chosen.target}",
        f"default {','.join(map(str, chosen.train_sizes))}",
        f"default {chosen.repeats}",
        f"default {','.join(chosen.predictors)}",
        f"default {chosen.seed}",
        f"{next(iter(chosen.protocols))} (the default)",
    ):
        assert text.replace(" ", "") in said, text


def test_another_benchmark_does_not_take_the_place_of_an_earlier_ones_results(
    run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("benchmark", *FAST, "--out", out)[0] == 0
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    for options in (("--seed", "3"), ("--train-sizes", "20"), ("--transform", "log")):
        code, text, err = run("benchmark", *FAST, *options, "--out", out)
        assert (code, text) == (2, "")
        assert "choose another --out" in err
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before
    more = ("--train-sizes", "20,40,60", "--repeats", "3", "--predictors", "mean,params")
    code, _, err = run("benchmark", *FAST, *more, "--out", out)
    assert code == 0, err
    assert set(before) <= set(out.rglob("*.*"))


def test_options_replace_what_the_file_says(run: Run, tmp_path: Path) -> None:
    config = ROOT / "configs" / "benchmark" / "example-graphs.toml"
    options = ("--predictors", "mean", "--train-sizes", "10,30", "--protocols", "random")
    code, out, err = run(
        "benchmark", config, *options, "--seed", "3", "--out", tmp_path / "out", "--format", "json"
    )
    assert code == 2
    assert "bound a level of at most" in err  # ten keys bound no 95 % interval
    assert not (tmp_path / "out").exists()
    options = ("--predictors", "mean", "--train-sizes", "30", "--protocols", "random")
    code, out, err = run(
        "benchmark", config, *options, "--seed", "3", "--out", tmp_path / "out", "--format", "json"
    )
    assert code == 0, err
    rows = json.loads(out)
    assert {(r["protocol"], r["train_size"], r["predictor"]) for r in rows} == {
        ("random", 30, "mean")
    }
    assert json.loads((tmp_path / "out" / "config.json").read_text())["seed"] == 3


def config_by(
    path: Path | None = None, added: Sequence[str] = (), source: Any = None, **values: Any
) -> BenchmarkConfig:
    """The configuration of a file and of options; None is an option that was not given."""
    no_source = dict.fromkeys(("table", "graphs", "direction", "transform", "unit"))
    no_values = dict.fromkeys(("target", "repeats", "seed", "protocols", "predictors"))
    return config_with(
        path, source={**no_source, **(source or {})}, values={**no_values, **values}, added=added
    )


CONFIG = ROOT / "configs" / "benchmark" / "example-graphs.toml"


def test_a_chosen_protocol_keeps_what_the_file_says_of_it() -> None:
    chosen = config_by(path=CONFIG, protocols=["leave-operation-out", "extended"])
    assert chosen.sizes_of("leave-operation-out") == (30,)
    assert chosen.sizes_of("extended") == (20, 40)
    other = config_by(path=CONFIG, protocols=["leave-operation-out"], train_sizes=[25])
    assert other.sizes_of("leave-operation-out") == (25,)


def test_a_source_is_changed_field_by_field() -> None:
    turned = config_by(path=CONFIG, source={"direction": "maximise"}).source
    assert (turned.direction, turned.transform) == ("maximise", "log")
    other = config_by(path=CONFIG, source={"graphs": Path("other.jsonl")}).source
    assert other.graphs == Path("other.jsonl")
    assert (other.direction, other.transform) == ("minimise", "log")
    assert other.unit == "million multiply-accumulates"
    table = config_by(path=CONFIG, source={"table": "timit-micro"}, target="val_per")
    assert table.source.model_dump(exclude_none=True) == {"table": "timit-micro"}


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [
        ({"graphs": Path("my graphs.jsonl")}, "acc", "my-graphs-acc"),
        ({"graphs": Path("a.jsonl")}, "cifar10/acc", "a-cifar10-acc"),
        ({"table": "."}, None, "here-val_per"),
        ({"table": "timit-micro"}, None, "timit-micro-val_per"),
    ],
)
def test_generated_names_are_those_of_folders(
    source: dict[str, Any],
    target: str | None,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if "graphs" in source:
        source["direction"] = "minimise"
    assert config_by(source=source, target=target).name == name


def test_the_working_folder_is_searched_last_and_for_classes_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = [entry for entry in sys.path if entry != str(tmp_path)]
    monkeypatch.setattr(sys, "path", [*path])
    config_by(path=CONFIG)
    assert sys.path == path
    config_by(path=CONFIG, added=["my_pkg:Mine"])
    assert sys.path == [*path, str(tmp_path)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--train-sizes", "200"), "of the 120 keys"),
        (("--train-sizes", "9" * 20), "of the 120 keys"),
        (("--train-sizes", "many"), "integers joined by commas"),
        (("--predictor", "nowhere:Best"), "cannot be imported"),
        (("--predictors", "best"), "unknown predictor 'best'"),
        (("--protocols", "easy"), "unknown protocol 'easy'"),
        (("--direction", "up"), "'minimise' or 'maximise'"),
        (("--target", "speed"), "they have megamacs"),
    ],
)
def test_wrong_options_are_messages(run: Run, options: tuple[str, ...], message: str) -> None:
    code, out, err = run("benchmark", *FAST, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_without_plotly_the_numbers_are_written_and_the_extra_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "plotly", None)
    code, out, err = run("benchmark", *FAST, "--out", tmp_path / "out", "--format", "json")
    assert code == 2
    assert "pip install 'nasasr[report]', in a checkout: pip install -e '.[report]'" in err
    assert json.loads(out)
    assert (tmp_path / "out" / "summary.parquet").is_file()
    assert not (tmp_path / "out" / "report.html").exists()


def write_predictor_of_the_page(folder: Path) -> None:
    """The class that the tutorial shows, as a module of its own."""
    text = (ROOT / "docs/tutorials/compare-a-predictor.md").read_text()
    block = text[text.index("```python\n") :]
    examples = doctest.DocTestParser().get_examples(block[: block.index("\n```")])
    shown = [example.source for example in examples]
    last = next(i for i, source in enumerate(shown) if "class MyRidge(Predictor)" in source)
    assert len(shown[last].rstrip().splitlines()) == 15
    (folder / "my_pkg.py").write_text("".join(shown[: last + 1]))


def environment(*folders: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*folders, ROOT)))}


def test_the_predictor_of_the_page_takes_part(tmp_path: Path) -> None:
    """As a stranger would: in a folder of one's own, by the class's name."""
    write_predictor_of_the_page(tmp_path)
    command = [sys.executable, "-m", "surrogate.cli", "benchmark", *map(str, FAST)]
    command += ["--predictor", "my_pkg:MyRidge", "--workers", "2", "--format", "json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    tau = {
        (r["predictor"], r["train_size"]): r["mean"]
        for r in json.loads(done.stdout)
        if r["metric"] == "kendall_tau" and not r["group"]
    }
    assert tau["my_pkg:MyRidge", 40] > tau["mean", 40] == 0


def test_the_predictor_of_the_page_passes_the_contract(tmp_path: Path) -> None:
    write_predictor_of_the_page(tmp_path)
    (tmp_path / "test_mine.py").write_text(CONTRACT_TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
