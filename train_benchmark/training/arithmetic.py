"""Portable arithmetic: bit-identical results on all x86-64 processors with AVX2.

Torch and its matrix library choose kernels by the processor, and kernels differ in the order of
sums. Environment variables fix the choice if they are set before a process first uses torch.

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
"""Environment of a process that trains with portable arithmetic."""


def environment_of(recipe: Recipe) -> dict[str, str]:
    """Environment variables of processes that train a recipe."""
    return dict(PORTABLE_ENVIRONMENT) if recipe.train.arithmetic == "portable" else {}


def check_arithmetic(recipe: Recipe) -> None:
    """Check that this process computes with the recipe's arithmetic.

    Raises:
        UserError: if portable arithmetic is required and the environment was not set in time.
    """
    import torch

    needed = environment_of(recipe)
    lacking = [f"{name}={value}" for name, value in needed.items() if os.environ.get(name) != value]
    capability = torch.backends.cpu.get_cpu_capability()
    if lacking or (needed and capability != "AVX2"):
        raise UserError(
            f"recipe {recipe.train.name!r} needs portable arithmetic from the process's start, "
            f"but torch computes with {capability}; set {' '.join(lacking)} before Python starts, "
            "or train with `nasasr collect`"
        )
