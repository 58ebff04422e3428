"""A latency setting: everything that a latency depends on, except the cell and the machine."""

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from graph_encoding.common.errors import UserError
from graph_encoding.macro import MACROS, Macro

Device = Literal["cpu", "cuda"]
EngineName = Literal["torch", "onnx"]
Precision = Literal["fp32", "fp16", "int8"]

SAMPLE_RATE_HZ = 16_000

_SUPPORTED = {
    ("cpu", "torch", "fp32"),
    ("cpu", "onnx", "fp32"),
    ("cpu", "onnx", "int8"),
    ("cuda", "torch", "fp32"),
    ("cuda", "torch", "fp16"),
}
_NAME = re.compile(
    r"(?P<macro>[^/]+)/(?P<device>[a-z]+)-(?P<engine>[a-z]+)-(?P<precision>[a-z0-9]+)"
    r"-t(?P<threads>\d+)-b(?P<batch>\d+)-(?P<seconds>\d+(?:\.\d+)?)s"
)


@dataclass(frozen=True, slots=True)
class LatencySetting:
    """How a network is run when it is measured.

    Attributes:
        macro: name of the macro network.
        device: "cpu" or "cuda".
        engine: "torch" (eager) or "onnx" (onnxruntime).
        precision: "fp32", "fp16" (cuda-torch only) or "int8" (cpu-onnx only). On a GPU with tensor
            cores, "fp32" convolutions multiply in TF32, which is cuDNN's default in torch.
        threads: threads that compute one run.
        batch: utterances per run.
        seconds: length of each utterance.

    Raises:
        UserError: if a value, or the combination of values, cannot be measured.
    """

    macro: str
    device: Device
    engine: EngineName
    precision: Precision
    threads: int
    batch: int
    seconds: float

    def __post_init__(self) -> None:
        for field, kind in (("device", Device), ("engine", EngineName), ("precision", Precision)):
            if getattr(self, field) not in get_args(kind):
                raise UserError(
                    f"a setting's {field} must be one of {get_args(kind)}, "
                    f"but got {getattr(self, field)!r}"
                )
        if (self.device, self.engine, self.precision) not in _SUPPORTED:
            known = ", ".join("-".join(combination) for combination in sorted(_SUPPORTED))
            raise UserError(
                f"a setting must be one of {known}, "
                f"but got {self.device}-{self.engine}-{self.precision}"
            )
        if self.threads < 1 or self.batch < 1 or self.input_frames < 1:
            raise UserError(
                "a setting must have at least 1 thread, 1 utterance and 1 input frame, but got "
                f"threads={self.threads}, batch={self.batch}, seconds={self.seconds}"
            )

    @property
    def name(self) -> str:
        """The canonical name, such as `timit-micro/cpu-onnx-fp32-t1-b1-1s`."""
        return (
            f"{self.macro}/{self.device}-{self.engine}-{self.precision}"
            f"-t{self.threads}-b{self.batch}-{self.seconds:.15g}s"
        )

    @classmethod
    def parse(cls, name: str) -> "LatencySetting":
        """The inverse of `name`.

        Raises:
            UserError: if the text is not the name of a setting.

        >>> LatencySetting.parse("timit-micro/cpu-onnx-fp32-t1-b1-1s").input_frames
        98
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise UserError(
                "a setting must be named like timit-micro/cpu-onnx-fp32-t1-b1-1s "
                f"(macro/device-engine-precision-threads-batch-seconds), but got {name!r}"
            )
        parts: dict[str, Any] = match.groupdict()
        numbers = {"threads": int, "batch": int, "seconds": float}
        return cls(**{name: numbers.get(name, str)(value) for name, value in parts.items()})

    @property
    def network(self) -> Macro:
        """The macro network."""
        return MACROS.get(self.macro)

    @property
    def input_frames(self) -> int:
        """Feature frames of `seconds` of speech, without centred windows."""
        macro = self.network
        samples = round(self.seconds * SAMPLE_RATE_HZ)
        length = round(macro.frame_length_s * SAMPLE_RATE_HZ)
        return 1 + (samples - length) // round(macro.frame_shift_s * SAMPLE_RATE_HZ)
