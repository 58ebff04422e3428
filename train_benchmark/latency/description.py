"""latency.json, the description of a sweep's folder, which every run into it must match."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from train_benchmark.latency.config import Sweep
from train_benchmark.latency.worker import Ready, cpu_description
from train_benchmark.record_files.folder_description import SWEEP_DESCRIPTION, read_description_file
from train_benchmark.record_files.latency_record import LATENCY_SCHEMA_VERSION


@dataclass(frozen=True)
class Baseline:
    """A setting's baseline, and the device and software that measured it.

    Attributes:
        seconds: time of the reference at the machine's best speed.
        device: name of the processor or GPU; None in folders without it.
        software: the engine's versions; None in folders without them.
    """

    seconds: float
    device: str | None
    software: str | None


def check_asked(out: Path, sweep: Sweep, baselines_of: Path | None, device: str | None) -> None:
    """Check, before anything is written, that a sweep may be written into a folder.

    The folder must have been made with the same method, on the same processor and on the device,
    if one is named. The same holds for the folder of the baselines, which only a new folder takes.

    Raises:
        UserError: if it may not.
    """
    if device is not None and not device.strip():
        raise UserError(f"a device must have a name, but got {device!r}; name it, or omit it")
    begun = (out / SWEEP_DESCRIPTION).exists()
    if begun and baselines_of is not None:
        raise UserError(
            f"only a new folder can take the baselines of {baselines_of}, but {out} has its own; "
            "choose another --out"
        )
    folder = out if begun else baselines_of
    if folder is None:
        return
    description = read_description(folder)
    _check_same(description, sweep, folder)
    baselines = _baselines(description)
    for setting in sweep.settings if device is not None else ():
        _require_same(baselines, setting.name, "device", device)


def describe_once(out: Path, sweep: Sweep, baselines_of: Path | None) -> dict[str, Baseline]:
    """Describe a folder if it is new.

    Returns:
        The baselines of the folder, or those that it takes from an earlier one.

    Raises:
        UserError: as `check_asked` does.
    """
    check_asked(out, sweep, baselines_of, None)
    if (out / SWEEP_DESCRIPTION).exists():
        return _baselines(read_description(out))
    baselines = {} if baselines_of is None else _baselines(read_description(baselines_of))
    _write(out, sweep, baselines)
    return baselines


def with_baseline(
    out: Path, sweep: Sweep, baselines: Mapping[str, Baseline], setting: str, ready: Ready
) -> dict[str, Baseline]:
    """Check that a setting resumes with the device and software of its baseline.

    A setting without a baseline gets this one.

    Returns:
        The baselines that the folder has now.

    Raises:
        UserError: if the device or software differs. A value that the folder lacks is not compared.
    """
    if setting not in baselines:
        more = {**baselines, setting: Baseline(*ready)}
        _write(out, sweep, more)
        return more
    _require_same(baselines, setting, "device", ready.device)
    _require_same(baselines, setting, "software", ready.software)
    return dict(baselines)


def _require_same(
    baselines: Mapping[str, Baseline],
    setting: str,
    field: Literal["device", "software"],
    here: str | None,
) -> None:
    """Check the device or software of a setting's baseline, if it has one.

    Raises:
        UserError: if it differs from `here`. A value that is None is not compared.
    """
    there = getattr(baselines[setting], field) if setting in baselines else None
    if None not in (there, here) and there != here:
        raise UserError(
            f"the latencies of setting {setting} must have the {field} of its baseline, {there!r}, "
            f"but here it is {here!r}; choose a new --out and omit --baselines-of"
        )


def _write(out: Path, sweep: Sweep, baselines: Mapping[str, Baseline]) -> None:
    measured_with = {
        setting: {"device": baseline.device, "software": baseline.software}
        for setting, baseline in baselines.items()
        if baseline.device is not None
    }
    description = {
        "latency_schema_version": LATENCY_SCHEMA_VERSION,
        **sweep.describe(),
        "processor": cpu_description(),
        "baselines_s": {setting: baseline.seconds for setting, baseline in baselines.items()},
        "measured_with": measured_with,
    }
    with atomic_file(out / SWEEP_DESCRIPTION) as scratch:
        scratch.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict[str, Any]:
    """Read the description of a sweep's folder.

    Raises:
        UserError: if it is unreadable, has another schema version or lacks a key.
    """
    return read_description_file(
        folder / SWEEP_DESCRIPTION,
        "a folder that `nasasr latency` wrote",
        "latency_schema_version",
        LATENCY_SCHEMA_VERSION,
        ("baselines_s",),
    )


def _baselines(description: Mapping[str, Any]) -> dict[str, Baseline]:
    measured_with = description.get("measured_with", {})
    return {
        setting: Baseline(
            seconds,
            measured_with.get(setting, {}).get("device"),
            measured_with.get(setting, {}).get("software"),
        )
        for setting, seconds in description["baselines_s"].items()
    }


def _check_same(description: Mapping[str, Any], sweep: Sweep, folder: Path) -> None:
    for field, value in {**sweep.describe(), "processor": cpu_description()}.items():
        if description.get(field) != value:
            raise UserError(
                f"latency folder {folder} must hold one {field}, but its own is "
                f"{description.get(field)!r} and this run's is {value!r}; choose another folder"
            )
