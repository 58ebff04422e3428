"""Set-up of training processes, equal everywhere, for reproducible records."""

import ctypes
import os
import platform
import threading
import time

import torch

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_BYTES = 1 << 30
_WATCH_SECONDS = 1.0


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


def exit_with_parent() -> None:
    """Exit soon after the parent process has ended, even if it was killed.

    Otherwise a worker would wait forever for the queue of its parent.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
