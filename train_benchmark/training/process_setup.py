"""How a process is set up before it trains: the same way everywhere, so that records agree."""

import ctypes
import platform

import torch

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_BYTES = 1 << 30


def set_up_training_process() -> None:
    """One torch thread, denormal numbers flushed to zero, freed memory kept.

    One thread makes sums come in one order, so that records do not depend on the number of
    cores. Denormals slow a collapsed network down several times. Without the allocator's
    settings each step gives its memory back to the system and pays for it again in page faults.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
