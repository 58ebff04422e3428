"""Macro networks: the networks that a cell is put into."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry

_OF_BLOCKS = ("filters", "strides", "cells_per_block", "groups")
"""Fields with one entry per block."""

_SIZES = ("mel_bins", *_OF_BLOCKS, "outputs", "reduction_kernel")


@dataclass(frozen=True, slots=True)
class Macro:
    """Everything in a network except its cell; `network_plan.plan` has its layers.

    Input -> blocks of (padded convolution, clipped ReLU, layer norm, C cells) -> LSTM (if any)
    -> dense layer to phones and the CTC blank.

    Attributes:
        name: unique name.
        mel_bins: input features per frame.
        filters: (blocks,) channels of each block.
        strides: (blocks,) stride in time of each block's first convolution.
        cells_per_block: (blocks,) number of stacked cells.
        groups: (blocks,) convolution groups of an operation with `group_scale` 1.
        lstm_units: width of the unidirectional LSTM; 0 for no LSTM.
        outputs: classes of the last layer, including the CTC blank.
        lstm_biases: trained bias vectors per gate of the LSTM: 1 in TensorFlow, 2 in torch.
        reduction_kernel: frames of each block's first convolution.
        lookahead: future frames that a convolution may see, at stride 1.
        frame_shift_s: seconds from one input frame to the next.
        frame_length_s: seconds of signal in one input frame.
    """

    name: str
    mel_bins: int
    filters: tuple[int, ...]
    strides: tuple[int, ...]
    cells_per_block: tuple[int, ...]
    groups: tuple[int, ...]
    lstm_units: int
    outputs: int = 49
    lstm_biases: Literal[1, 2] = 1
    reduction_kernel: int = 8
    lookahead: int = 4
    frame_shift_s: float = 0.01
    frame_length_s: float = 0.025

    def __post_init__(self) -> None:
        for field in _OF_BLOCKS:
            # Of a list too: macro networks are compared and hashed.
            value = getattr(self, field)
            object.__setattr__(self, field, tuple(value) if isinstance(value, list) else value)
        blocks = len(self.filters)
        if not blocks:
            raise UserError(f"macro {self.name!r} must have at least one block, but has no filters")
        for field in _OF_BLOCKS[1:]:
            if len(getattr(self, field)) != blocks:
                raise UserError(
                    f"macro {self.name!r}: {field} must have one entry for each of the {blocks} "
                    f"blocks of `filters`, but got {getattr(self, field)}"
                )
        self._check_sizes()
        for channels, groups in zip(self.filters, self.groups, strict=True):
            if channels % groups:
                raise UserError(
                    f"macro {self.name!r}: groups must divide filters, "
                    f"but got {groups} groups for {channels} channels"
                )

    def _check_sizes(self) -> None:
        for fields, least in ((_SIZES, 1), (("lstm_units", "lookahead"), 0)):
            for field in fields:
                value = getattr(self, field)
                sizes = value if isinstance(value, tuple) else (value,)
                if not all(isinstance(size, int) and size >= least for size in sizes):
                    raise UserError(
                        f"macro {self.name!r}: {field} must be integers >= {least}, but got {value}"
                    )
        for field in ("frame_shift_s", "frame_length_s"):
            if not getattr(self, field) > 0:
                raise UserError(
                    f"macro {self.name!r}: {field} must be > 0, but got {getattr(self, field)}"
                )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "Macro":
        """Make a macro network from plain values, such as those of `dataclasses.asdict` or JSON.

        Raises:
            UserError: if the keys or the types of the values are not those of a macro network.
        """
        if not isinstance(values, Mapping):
            raise UserError(f"a macro network must have its own keys, but got {values!r:.200}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        try:
            return cls(**plain)
        except TypeError as e:
            raise UserError(f"a macro network must have its own keys, but got {values}") from e

    @property
    def total_stride(self) -> int:
        """Input frames per output frame."""
        return prod(self.strides)

    def output_frames(self, input_frames: int) -> int:
        """Length of the network's output for an input of this length."""
        return -(-input_frames // self.total_stride)

    def padding(self, kernel: int, dilation: int = 1, stride: int = 1) -> tuple[int, int]:
        """Zero frames (before, after) a convolution's input.

        The right side has as many frames as `lookahead` allows and the left side the rest, so that
        an input of T frames always gives ceil(T / stride).

        Source: SamsungLabs/nb-asr `nasbench_asr/model/torch/ops.py`, PadConvRelu.

        >>> PAPER_MACRO.padding(8, stride=2), PAPER_MACRO.padding(7, dilation=2)
        ((5, 2), (8, 4))
        """
        total = (kernel - 1) * dilation
        right = min(self.lookahead // stride, total)
        return total - right, right

    def conv_groups(self, block: int, group_scale: int) -> int:
        """Groups of an operation's convolution in a block.

        Raises:
            UserError: if they do not divide the block's channels.
        """
        groups = self.groups[block] * group_scale
        if self.filters[block] % groups:
            raise UserError(
                f"groups must divide channels, but block {block} of macro {self.name!r} has "
                f"{self.filters[block]} channels and group scale {group_scale} needs {groups} "
                "groups; use an operation with another group scale"
            )
        return groups


MACROS: Registry[Macro] = Registry("macro network")
"""Macro networks by name."""

PAPER_MACRO = MACROS.register(
    "paper",
    Macro(
        name="paper",
        mel_bins=80,
        filters=(600, 800, 1000, 1200),
        strides=(1, 1, 2, 2),
        cells_per_block=(3, 4, 5, 6),
        groups=(100, 100, 100, 100),
        lstm_units=500,
    ),
)
"""The published network. Source: Mehrotra et al., 2021; SamsungLabs/nb-asr `model/tf/model.py`."""

TIMIT_MICRO_MACRO = MACROS.register(
    "timit-micro",
    Macro(
        name="timit-micro",
        mel_bins=40,
        filters=(64, 72, 80, 96),
        strides=(2, 2, 1, 1),
        cells_per_block=(1, 1, 1, 1),
        groups=(8, 9, 10, 12),
        lstm_units=0,
    ),
)
"""A network that one CPU core trains in seconds: 8 channels per group, one cell per block."""
