"""The name of a processor distinguishes two kinds of machine, wherever the system has it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from train_benchmark.latency import worker
from train_benchmark.latency.worker import cpu_description

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC 7B13 64-Core Processor
"""
ARM = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
ARM32 = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nCPU part\t: 0xd03\n"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc; the system's own functions return no name."""
    monkeypatch.setattr(worker, "_PROC", tmp_path)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    return tmp_path


def described(model: str) -> str:
    return f"{model}, {os.cpu_count()} cores"


@pytest.mark.parametrize("board", [None, b"Some board\0"])
@pytest.mark.parametrize(
    ("cpuinfo", "model"),
    [(X86, "AMD EPYC 7B13 64-Core Processor"), (ARM32, "ARMv7 Processor rev 4 (v7l)")],
)
def test_the_model_name_of_proc_is_used(
    proc: Path, cpuinfo: str, model: str, board: bytes | None
) -> None:
    (proc / "cpuinfo").write_text(cpuinfo + "\n" + cpuinfo)
    if board is not None:
        write_board(proc, board)
    assert cpu_description() == described(model)


def write_board(proc: Path, model: bytes) -> None:
    (proc / "device-tree").mkdir()
    (proc / "device-tree" / "model").write_bytes(model)


def test_an_arm_board_is_named_by_its_device_tree(proc: Path) -> None:
    (proc / "cpuinfo").write_text(ARM)
    write_board(proc, b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert cpu_description() == described("Raspberry Pi 4 Model B Rev 1.4")


def test_an_arm_server_without_one_is_named_by_its_cores(proc: Path) -> None:
    """Graviton and Ampere machines have no device tree; big and little cores are both named."""
    (proc / "cpuinfo").write_text(ARM + "\n" + ARM)
    assert cpu_description() == described("aarch64 CPU 0x41/0xd08")
    (proc / "cpuinfo").write_text(ARM + "\n" + ARM.replace("0xd08", "0xd05"))
    assert cpu_description() == described("aarch64 CPU 0x41/0xd05 0x41/0xd08")


def test_a_machine_without_any_name_is_named_by_its_architecture(proc: Path) -> None:
    assert cpu_description() == described("aarch64")
    (proc / "cpuinfo").write_text("processor\t: 0\n")
    assert cpu_description() == described("aarch64")


def test_a_mac_is_named_by_sysctl(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not (proc / "cpuinfo").exists()
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "Apple M2 Pro\n", "")

    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(subprocess, "run", run)
    assert cpu_description() == described("Apple M2 Pro")
    assert commands == [["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]]


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="needs x86 Linux"
)
def test_this_machine_is_named_by_proc() -> None:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line for line in lines if line.startswith("model name"))
    assert cpu_description() == described(model.partition(":")[2].strip())
