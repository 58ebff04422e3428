"""Configurations and predictors by name: what is wrong is named."""

import sys
from pathlib import Path

import pytest

from graph_encoding import UserError
from surrogate.comparison import benchmark_config, load_benchmark_config, predictor_kind
from surrogate.comparison.plugin import contender
from surrogate.comparison.protocol import PROTOCOLS, planned_splits
from surrogate.data.labelled_graphs import load_source
from surrogate.predictors import MeanPredictor

ROOT = Path(__file__).parents[4]
CONFIGS = sorted((ROOT / "configs" / "benchmark").glob("*.toml"))

TABLE = {"source": {"table": "timit-micro"}, "target": "val_per"}
GRAPHS = {"source": {"graphs": "a.jsonl", "direction": "minimise"}, "target": "a"}


def test_there_are_configurations() -> None:
    shipped = {"example-graphs.toml", "nb201.toml", "timit-micro.toml"}
    assert {path.name for path in CONFIGS} == shipped


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configurations_can_be_run(path: Path) -> None:
    """All that a run looks up, but for the fits."""
    config = load_benchmark_config(path)
    assert config.name == path.stem
    for name in config.predictors:
        contender(name, config.settings.get(name, {}))
    graphs = config.source.graphs
    if graphs is not None and not graphs.exists():
        pytest.skip(f"needs {graphs.name}, which studies/nasbench201.py writes")
    source = load_source(config)
    for name in config.protocols:
        assert planned_splits(source, PROTOCOLS.get(name), config.sizes_of(name), 1, 0)


def test_sizes_are_sorted_and_a_protocol_may_have_its_own() -> None:
    protocols = {"random": {}, "extended": {"train_sizes": [7]}}
    config = benchmark_config({**TABLE, "train_sizes": [30, 20, 30], "protocols": protocols})
    assert config.sizes_of("random") == (20, 30)
    assert config.sizes_of("extended") == (7,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"target": "val_per", "source": {}}, "either a table or a file of graphs"),
        ({**TABLE, "source": {"table": "a", "graphs": "b"}}, "either a table or a file"),
        ({**GRAPHS, "source": {"graphs": "a.jsonl"}}, "minimise or maximise"),
        ({**TABLE, "source": {"table": "a", "unit": "s"}}, "has its own unit"),
        ({**TABLE, "target": "gain"}, "known: val_per"),
        ({**TABLE, "protocols": {"rando": {}}}, "known: random, leave-operation-out"),
        ({**TABLE, "train_size": [1]}, "train_size"),
        ({**TABLE, "train_sizes": [1]}, "train_sizes"),
        ({**TABLE, "group_level": 0.7}, "one of the levels"),
        ({**TABLE, "levels": [0.9, 0.9 + 1e-12]}, "levels must be distinct"),
        ({**TABLE, "predictors": ["mean", "mean"]}, "predictors must be distinct"),
        ({**TABLE, "settings": {"gp": {}}}, "that are compared"),
        ({**GRAPHS, "source": {**GRAPHS["source"], "transform": "cube"}}, "known: identity, log"),  # type: ignore[dict-item]
    ],
)
def test_what_is_wrong_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        benchmark_config(values)


def test_a_missing_target_lists_those_of_the_file() -> None:
    source = {
        "graphs": ROOT / "configs" / "benchmark" / "example-graphs.jsonl",
        "direction": "minimise",
    }
    with pytest.raises(UserError, match="they have megamacs"):
        load_source(benchmark_config({"source": source, "target": "latency"}))


def test_predictors_are_found_by_name_and_by_class() -> None:
    assert predictor_kind("mean") is MeanPredictor
    assert predictor_kind("surrogate.predictors:MeanPredictor") is MeanPredictor


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("best", "known: .*mean, .*additive"),
        ("no_such_package:Best", "cannot be imported"),
        ("surrogate.predictors:Best", "subclass of Predictor"),
        ("surrogate.predictors:MeanSettings", "subclass of Predictor"),
        (":X", "module '' cannot be imported"),
        (".a:X", "module '.a' cannot be imported"),
    ],
)
def test_unknown_predictors_are_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        predictor_kind(name)


def test_a_module_that_breaks_is_named_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "breaks_when_imported.py").write_text("1 / 0\n")
    with pytest.raises(UserError, match=r"'breaks_when_imported' cannot be imported: ZeroDivision"):
        predictor_kind("breaks_when_imported:Mine")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"roundz": 3}, r"those of 'xgb' \(members, .*\n  roundz"),
        ({"rounds": "4"}, "rounds: Input should be a valid integer, but got '4'"),
        ({"learning_rate": True}, "learning_rate: Input should be a valid number"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        contender("xgb", settings)


def test_a_rule_is_told_once() -> None:
    with pytest.raises(UserError) as caught:
        benchmark_config({**TABLE, "train_sizes": [1]})
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(UserError) as caught:
        contender("xgb", {"rounds": -3})
    assert str(caught.value).count("but got") == 1


class UndescribedPredictor(MeanPredictor):
    """Its settings cannot be written down."""

    name = "undescribed"
    settings_type = dict  # type: ignore[assignment]


def test_settings_must_be_a_dataclass() -> None:
    with pytest.raises(UserError, match=r"must be a dataclass, .* but is <class 'dict'>"):
        contender(f"{__name__}:UndescribedPredictor", {})


def test_an_edited_predictor_has_another_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = "from surrogate.predictors import MeanPredictor\nclass Mine(MeanPredictor):\n    pass\n"
    path = tmp_path / "edited_predictor.py"
    hashes = []
    for source in (text, text, text + "# edited\n"):
        path.write_text(source)
        sys.modules.pop("edited_predictor", None)
        hashes.append(contender("edited_predictor:Mine", {}).code_sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_an_edit_beside_a_predictor_in_a_package_has_another_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "predictors_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    text = "from surrogate.predictors import MeanPredictor\nclass Mine(MeanPredictor):\n    pass\n"
    (package / "mine.py").write_text(text)
    (package / "part.py").write_text("x = 1\n")
    taking_part = contender("predictors_of_mine.mine:Mine", {})
    before = taking_part.code_sha256
    (package / "part.py").write_text("x = 2\n")
    assert taking_part.code_sha256 != before
    (package / "part.py").write_text("x = 1\n")
    assert taking_part.code_sha256 == before
