"""Which kind of processor this is: matrix products come out in other bits on another one."""

import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


def processor_kind() -> str:
    """Maker, family and model as one word, such as `GenuineIntel-6-143` or `0x41-0xd0c`.

    Names for people do not do: virtual machines call processors of several generations by one
    name. Outside of Linux it is what the system reports.
    """
    lines = _CPU_INFO.read_text(encoding="utf-8").splitlines() if _CPU_INFO.exists() else []
    values: dict[str, str] = {}
    for line in lines:
        field, _, value = line.partition(":")
        values.setdefault(field.strip(), value.strip())
    for fields in (("vendor_id", "cpu family", "model"), ("CPU implementer", "CPU part")):
        if all(values.get(field) for field in fields):
            return _word("-".join(values[field] for field in fields))
    return _word(platform.processor() or platform.machine())


def _word(text: str) -> str:
    """Text without blanks and equals signs, which separate the parts of `software`."""
    return "-".join(text.replace("=", " ").split())
