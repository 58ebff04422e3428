"""Arithmetic that gives the same bits on every x86-64 processor with AVX2.

Torch and its matrix library choose their kernels by the processor they run on, and kernels differ
in the order of their sums. Environment variables fix the choice, if they are set before a process
uses torch for the first time.

Source: "Conditional Numerical Reproducibility", Intel oneMKL developer guide, for MKL_CBWR; torch's
`aten/src/ATen/native/DispatchStub.cpp` for ATEN_CPU_CAPABILITY.
"""

import os

from graph_encoding.common.errors import UserError
from train_benchmark.recipe import Recipe

PORTABLE_ENVIRONMENT = {
    "MKL_CBWR": "AVX2,STRICT",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
"""What a process that trains with portable arithmetic is started with."""


def environment_of(recipe: Recipe) -> dict[str, str]:
    """Variables that processes which train a recipe must be started with."""
    return dict(PORTABLE_ENVIRONMENT) if recipe.train.arithmetic == "portable" else {}


def check_arithmetic(recipe: Recipe) -> None:
    """Make sure that this process computes as the recipe says.

    Raises:
        UserError: if the recipe's arithmetic is portable and this process was not started for it.
    """
    import torch

    needed = environment_of(recipe)
    lacking = [f"{name}={value}" for name, value in needed.items() if os.environ.get(name) != value]
    capability = torch.backends.cpu.get_cpu_capability()
    if lacking or (needed and capability != "AVX2"):
        raise UserError(
            f"recipe {recipe.train.name!r} has portable arithmetic, which a process must be "
            f"started with (torch computes with {capability} here); set {' '.join(lacking)} "
            "before Python starts, or train with `nasasr collect`"
        )
