"""Made-up tables, datasets and artifacts that the tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from graph_encoding import MACROS, OPERATIONS
from graph_encoding.common.registry import Registry
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import TARGETS, TEST_PER, VAL_PER
from surrogate.fitting.artifact import Artifact
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.predictors import PREDICTORS, XgbPredictor, XgbSettings
from surrogate.search import SEARCHERS
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table
from train_benchmark.table.benchmark_table import BenchmarkTable

# A law that holds takes as long as the machine lets it: a busy one fails no test. The cases are
# the same in every run, so that a failure is one of the code.
settings.register_profile("nasasr", deadline=None, derandomize=True)
settings.load_profile("nasasr")


@pytest.fixture(autouse=True)
def _seeded_torch() -> None:
    """Unnamed random draws are the same in every run; without torch there are none."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _registries_as_they_were() -> Iterator[None]:
    """What one test registers is not there in another."""
    registries: tuple[Registry[Any], ...] = (OPERATIONS, MACROS, PREDICTORS, SEARCHERS, TARGETS)
    entries = [dict(registry._entries) for registry in registries]
    yield
    for registry, before in zip(registries, entries, strict=True):
        registry._entries = before


@pytest.fixture(scope="session")
def table() -> BenchmarkTable:
    """60 functions with 2 seeds each, of which 3 trainings failed."""
    return synthetic_table(60, failed=3)


@pytest.fixture(scope="session")
def dataset() -> SurrogateDataset:
    """60 labelled graphs."""
    return synthetic_dataset(60)


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """A small surrogate of 60 functions with 2 seeds each."""
    return fit_artifact(
        synthetic_table(60),
        (VAL_PER, TEST_PER),
        lambda: XgbPredictor(XgbSettings(members=3, rounds=40)),
        name="made-up",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
    )


@pytest.fixture(scope="session")
def saved_artifact(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that surrogate; copy it before changing it."""
    folder = tmp_path_factory.mktemp("artifacts") / "made-up"
    artifact.save(folder)
    return folder


@pytest.fixture(scope="session")
def saved_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a table of 40 functions with 2 seeds each, of which 2 trainings failed."""
    folder = tmp_path_factory.mktemp("tables") / "made-up"
    synthetic_table(40, failed=2).save(folder)
    return folder


@pytest.fixture(scope="session")
def timit_sample() -> Path:
    """Folder of the public TIMIT sample, which is not part of the project."""
    folder = found_timit_sample()
    if folder is None:
        pytest.skip(
            "no TIMIT sample: get it with pip install nltk and python -m nltk.downloader -d "
            "~/nltk_data timit, or say with NASASR_TIMIT in which folder it is"
        )
    return folder


def found_timit_sample() -> Path | None:
    """The folder that the environment names, the one of NLTK, or one beside the checkout."""
    named = os.environ.get("NASASR_TIMIT")
    if named:
        return Path(named)
    beside = Path(__file__).parents[2] / "shared" / "data" / "timit-sample"
    folders = (Path.home() / "nltk_data" / "corpora" / "timit", beside)
    return next((folder for folder in folders if folder.is_dir()), None)
