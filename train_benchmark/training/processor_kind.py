"""Type of this processor, on which the rounding of matrix products depends."""

import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


def processor_kind() -> str:
    """Vendor, family and model as one word, such as `GenuineIntel-6-143` or `0x41-0xd0c`.

    The model name is not sufficient: virtual machines use one name for several generations. Outside
    Linux, the system's own description is returned.
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
    """Text without blanks and equals signs, which are separators in `software`."""
    return "-".join(text.replace("=", " ").split())
