"""Set-up of training processes, equal everywhere, for reproducible records."""

import ctypes
import platform

import torch

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_BYTES = 1 << 30


def set_up_training_process() -> None:
    """Use one torch thread, flush denormals to zero, and keep freed memory.

    With one thread, the order of sums does not depend on the number of cores. Denormals slow down a
    collapsed network. Without the allocator's settings, each step returns its memory to the system
    and causes page faults.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
