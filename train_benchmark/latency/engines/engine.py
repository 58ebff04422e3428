"""The engines that run a network for a measurement."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.cost import params
from graph_encoding.semantics import Semantics
from train_benchmark.latency.engines.onnx_export import INPUT_NAME, write_onnx
from train_benchmark.latency.engines.ort_errors import ort_errors
from train_benchmark.latency.engines.quantise import quantise
from train_benchmark.latency.engines.weights import DrawnWeights, Floats, Weights
from train_benchmark.latency.setting import LatencySetting

Run = Callable[[], None]
"""One run of a loaded network, which returns when the output is complete."""

_SEED = 1234


@dataclass(frozen=True)
class Subject:
    """A cell to measure, and the path of a scratch file for its model."""

    cell: Cell
    path: Path


class Engine(ABC):
    """Prepares and loads networks in one setting.

    Args:
        setting: how networks are run.
        semantics: how cells are read.
    """

    def __init__(self, setting: LatencySetting, semantics: Semantics) -> None:
        self.setting = setting
        self.semantics = semantics
        self.weights: Weights = DrawnWeights(_SEED)
        shape = (setting.batch, setting.input_frames, setting.network.mel_bins)
        rng = np.random.default_rng(_SEED)
        self.features_BTC: Floats = rng.standard_normal(shape, dtype=np.float32)

    @abstractmethod
    def prepare(self, subject: Subject) -> int:
        """Do all work that is needed once per network, such as writing the model's file.

        Returns:
            Size of the model in bytes.

        Raises:
            UnsupportedError: if the engine cannot run the cell in this setting.
            EngineError: if onnxruntime fails.
        """

    @abstractmethod
    def load(self, subject: Subject) -> Run:
        """Load a prepared network; peak memory is that of this call and one run.

        Raises:
            EngineError: if onnxruntime fails.
        """

    @property
    @abstractmethod
    def software(self) -> str:
        """Versions that can change the results, as "name=version" joined by spaces."""


class OnnxEngine(Engine):
    """onnxruntime on the CPU, graph optimisations on, the model read from its file."""

    def prepare(self, subject: Subject) -> int:
        """See `Engine.prepare`."""
        setting = self.setting
        write_onnx(
            subject.path,
            subject.cell,
            setting.network,
            self.semantics,
            self.weights,
            batch=setting.batch,
            frames=setting.input_frames,
        )
        if setting.precision == "int8":
            quantise(subject.path, subject.path, self.features_BTC)
        return subject.path.stat().st_size

    def load(self, subject: Subject) -> Run:
        """See `Engine.load`."""
        import onnxruntime  # type: ignore[import-untyped]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.setting.threads
        options.inter_op_num_threads = 1
        feed = {INPUT_NAME: self.features_BTC}
        with ort_errors(f"run cell {subject.cell}"):
            session = onnxruntime.InferenceSession(
                subject.path, options, providers=["CPUExecutionProvider"]
            )
            # onnxruntime raises its errors here, and not during the timed runs.
            session.run(None, feed)

        def run() -> None:
            session.run(None, feed)

        return run

    @property
    def software(self) -> str:
        """See `Engine.software`."""
        import onnxruntime

        return f"numpy={np.__version__} onnxruntime={onnxruntime.__version__}"


class TorchEngine(Engine):
    """torch, eager, `nn.Conv1d` networks in inference mode."""

    def prepare(self, subject: Subject) -> int:
        """See `Engine.prepare`."""
        width = 2 if self.setting.precision == "fp16" else 4
        return params(subject.cell, self.setting.network, self.semantics) * width

    def load(self, subject: Subject) -> Run:
        """See `Engine.load`."""
        import torch

        from train_benchmark.latency.engines.plain_network import PlainNetwork

        device = torch.device(self.setting.device)
        kind = torch.float16 if self.setting.precision == "fp16" else torch.float32
        network = PlainNetwork(
            subject.cell, self.setting.network, self.semantics, self.weights
        ).eval()
        network.to(device, kind)
        features_BTC = torch.from_numpy(self.features_BTC).to(device, kind)

        def run() -> None:
            with torch.inference_mode():
                network(features_BTC)
            if device.type == "cuda":
                torch.cuda.synchronize()

        return run

    @property
    def software(self) -> str:
        """See `Engine.software`."""
        import torch

        return f"numpy={np.__version__} torch={torch.__version__}"


def make_engine(setting: LatencySetting, semantics: Semantics) -> Engine:
    """The engine of a setting, with its packages loaded and its threads set in this process.

    Raises:
        MissingExtraError: if its package is not installed.
        UserError: if the setting needs a GPU and torch finds none.
    """
    try:
        if setting.engine == "onnx":
            import onnx
            import onnxruntime

            del onnx, onnxruntime
            return OnnxEngine(setting, semantics)
        import torch
    except ModuleNotFoundError as e:
        raise MissingExtraError(
            e.name or setting.engine, "latency" if setting.engine == "onnx" else "train"
        ) from e
    if setting.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"setting {setting.name} needs a CUDA GPU, but torch finds none; "
            "remove it from the settings of the configuration"
        )
    torch.set_num_threads(setting.threads)
    return TorchEngine(setting, semantics)
