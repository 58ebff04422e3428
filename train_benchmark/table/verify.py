"""Checks of a table: consistency, and reproduction of its records."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.cost import params
from graph_encoding.functional_identity import functional_form, functional_key
from graph_encoding.macro import Macro
from graph_encoding.published.cost import released_params
from graph_encoding.semantics import Semantics
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.latency_record import LatencyRecord
from train_benchmark.table.benchmark_table import BenchmarkTable, label_of

MAX_PER = 1.5
"""Higher error rates come from networks that learned nothing but insert many phones."""

_SHOWN = 3
_SEED_STDS = 5.0


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        name: short name of the rule.
        ok: whether it holds.
        detail: the finding.
    """

    name: str
    ok: bool
    detail: str


def verify_table(
    table: BenchmarkTable, *, recipe_hash: str | None, wanted: Sequence[tuple[str, int]]
) -> tuple[Check, ...]:
    """Check a loaded table, whose files are intact and whose rows are unique.

    Args:
        table: the table.
        recipe_hash: the required recipe hash; not checked if None.
        wanted: (functional key, seed) of all trainings that must be measured.
    """
    unreadable = _unreadable(table)
    if unreadable:
        return (Check("recipe hash", False, unreadable),)
    checks = [
        _per_row("keys", "are those of their cells", table, _wrong_key),
        _per_row("params", "are what the network has", table, _wrong_params),
        _per_row("curves", "have all epochs", table, _wrong_curve),
        _per_row("error rates", f"lie in 0 .. {MAX_PER}", table, _wrong_rate),
        _per_row("best epoch", "is that of the lowest validation PER", table, _wrong_best),
        _statuses(table),
        *_recipe_hash(table),
        *_labels(table),
        *_dead_keys(table),
        *_latencies(table),
    ]
    if recipe_hash is not None:
        found = table.metadata.recipe_hash
        detail = f"table {found[:12]}, configuration {recipe_hash[:12]}"
        checks.append(Check("recipe", found == recipe_hash, detail))
    if wanted:
        checks.append(_complete(table, wanted))
    return tuple(checks)


def verify_retrained(
    table: BenchmarkTable,
    train: Callable[[Cell, int], TrainingRecord],
    count: int,
    rng: np.random.Generator,
) -> Iterator[Check]:
    """Train random records again, and compare.

    With the software and the processor type of the record, the numbers must be bit-identical; with
    portable arithmetic, on every processor. In other cases (another processor or software, a GPU,
    an unknown processor), `val_per` may differ by up to five standard deviations of seed noise.

    Args:
        table: the table.
        train: trains a cell with a seed, with the table's recipe and corpus.
        count: number of records.
        rng: random generator of the choice.

    Yields:
        One check per record.
    """
    measured = table.measured
    for i in rng.permutation(len(measured))[:count]:
        old = measured[int(i)]
        new = train(Cell.parse(old.cell), old.seed)
        name = f"{old.cell} seed {old.seed}"
        if new.status != "ok":
            yield Check(name, False, f"training ended as {new.status}: {new.error}")
        elif new.val_per_curve == old.val_per_curve and new.test_per == old.test_per:
            yield Check(name, True, "equal to the bit")
        elif new.software == old.software and _fixes_every_bit(new.software):
            yield Check(name, False, f"differs, by equal software and processor ({new.software})")
        else:
            # Late, because a table with one seed has no estimate of seed noise.
            tolerance = _SEED_STDS * _seed_std(table)
            difference = abs(label_of(new, "val_per") - label_of(old, "val_per"))
            detail = (
                f"val_per differs by {difference:.6g}, allowed {tolerance:.6g} "
                f"(then {old.software}; now {new.software})"
            )
            yield Check(name, difference <= tolerance, detail)


def _fixes_every_bit(software: str) -> bool:
    """Whether a training on such software is deterministic.

    On a CPU it is, if the arithmetic is portable or the processor type is given.
    """
    names = {part.partition("=")[0] for part in software.split()}
    return bool({"processor", "arithmetic"} & names) and "device" not in names


def _seed_std(table: BenchmarkTable) -> float:
    by_key = [list(table.labels_of(key, "val_per").values()) for key in table.keys]
    variances = [float(np.var(values, ddof=1)) for values in by_key if len(values) > 1]
    if not variances:
        raise UserError(
            f"table {table.metadata.name!r} must have functions with two seeds to estimate seed "
            "noise, but has none; collect a second seed for some"
        )
    return float(np.sqrt(np.mean(variances)))


def _per_row(
    name: str,
    rule: str,
    table: BenchmarkTable,
    wrong: Callable[[BenchmarkTable, TrainingRecord], str],
) -> Check:
    found = [message for record in table.measured if (message := _fault_of(wrong, table, record))]
    if not found:
        return Check(name, True, f"{name} of all {len(table.measured)} measured rows {rule}")
    return Check(name, False, f"{len(found)} rows, such as {_some(found)}")


def _fault_of(
    wrong: Callable[[BenchmarkTable, TrainingRecord], str],
    table: BenchmarkTable,
    record: TrainingRecord,
) -> str:
    """What is wrong with a row; one that cannot be read is wrong by every rule that reads it."""
    try:
        return wrong(table, record)
    except UserError as e:
        return f"{record.cell}: {e}"


def _wrong_key(table: BenchmarkTable, record: TrainingRecord) -> str:
    key = functional_key(Cell.parse(record.cell), Semantics(table.metadata.semantics))
    return "" if key == record.functional_key else f"{record.cell} with {record.functional_key}"


def _wrong_params(table: BenchmarkTable, record: TrainingRecord) -> str:
    macro = Macro.from_plain(table.metadata.recipe["macro"])
    cell = Cell.parse(record.cell)
    expected = (
        released_params(cell)
        if table.metadata.is_original
        else params(cell, macro, Semantics(table.metadata.semantics))
    )
    return "" if expected == record.params else f"{record.cell}: {record.params}, not {expected}"


def _wrong_curve(table: BenchmarkTable, record: TrainingRecord) -> str:
    epochs = table.metadata.recipe["train"]["epochs"]
    found = {len(record.val_per_curve)}
    # The original's files have no training loss.
    if not table.metadata.is_original:
        found.add(len(record.train_loss_curve))
    return "" if found == {epochs} else f"{record.cell}: {sorted(found)} epochs, not {epochs}"


def _wrong_rate(table: BenchmarkTable, record: TrainingRecord) -> str:
    del table
    rates = (*record.val_per_curve, record.test_per)
    return "" if max(rates) <= MAX_PER else f"{record.cell}: {max(rates)}"


def _wrong_best(table: BenchmarkTable, record: TrainingRecord) -> str:
    curve = np.asarray(record.val_per_curve)
    equal = np.flatnonzero(curve == curve.min())
    # The original keeps the weights of the last of equal epochs.
    best = 1 + int(equal[-1 if table.metadata.is_original else 0])
    return "" if best == record.best_epoch else f"{record.cell}: {record.best_epoch}, not {best}"


def _statuses(table: BenchmarkTable) -> Check:
    failed = [f"{r.cell} ({r.status}: {r.error})" for r in table.records if r.status != "ok"]
    detail = "all rows are measured" if not failed else f"{len(failed)} are not: {_some(failed)}"
    return Check("status", not failed, detail)


def _recipe_hash(table: BenchmarkTable) -> list[Check]:
    """The recipe in the metadata must have the hash of the rows."""
    plain = table.metadata.recipe
    macro = Macro.from_plain(plain["macro"])
    if table.metadata.is_original:
        found = content_hash(plain) == table.metadata.recipe_hash
        return [Check("recipe hash", found, "of the recipe of the original's files")]
    try:
        recipe = Recipe.model_validate({"train": plain["train"], "corpus": plain.get("corpus")})
    except ValueError as e:
        detail = f"the recipe in the metadata cannot be read: {' '.join(str(e).split())}"
        return [Check("recipe hash", False, detail)]
    if macro != recipe.macro:
        detail = f"the metadata's macro network is not {recipe.train.macro!r}"
        return [Check("recipe hash", False, detail)]
    expected = table.metadata.recipe_hash
    detail = f"rows {expected[:12]}, recipe in the metadata {recipe.hash[:12]}"
    return [Check("recipe hash", recipe.hash == expected, detail)]


def _unreadable(table: BenchmarkTable) -> str:
    """What the metadata lack that the other checks need; empty if nothing."""
    plain = table.metadata.recipe
    try:
        Semantics(table.metadata.semantics)
        Macro.from_plain(plain["macro"])
        if not isinstance(plain["train"]["epochs"], int):
            return "the recipe in the metadata must have a whole number of epochs, but has none"
    except (KeyError, TypeError, ValueError) as e:
        return f"the metadata cannot be read: {type(e).__name__}: {' '.join(str(e).split())}"
    return ""


def _labels(table: BenchmarkTable) -> list[Check]:
    """Labels must have the definitions in the metadata, if these have any."""
    stated = table.stated_labels
    if stated is None:
        return []
    wrong = [
        f"{label} is the {stated.get(label)} by the metadata, the {definition} by this version"
        for label, definition in table.label_definitions.items()
        if stated.get(label) != definition
    ]
    detail = f"the {len(stated)} labels are what the metadata say"
    return [Check("labels", not wrong, _some(wrong) if wrong else detail)]


def _dead_keys(table: BenchmarkTable) -> list[Check]:
    """The metadata of a loaded table must list the dead functions."""
    stated = table.stated_dead_keys
    if stated is None:
        return []
    detail = f"the metadata list {len(stated)} of {len(table.dead_keys)} dead functions"
    return [Check("dead keys", stated == table.dead_keys, detail)]


def _latencies(table: BenchmarkTable) -> list[Check]:
    """Latencies must be unique, and of living functions with their keys and semantics.

    `LatencyRecord` checks that they are finite and > 0.
    """
    records = table.latency.records()
    if not records:
        return []
    semantics = Semantics(table.metadata.semantics)
    found = [fault for r in records if (fault := _latency_fault(r, semantics))]
    counts = Counter((r.setting, r.device, r.functional_key) for r in records)
    found += [f"{identity} twice" for identity, count in counts.items() if count > 1]
    missing = sum(r.status != "ok" for r in records)
    detail = f"{len(records)} measurements of living functions, {missing} without a latency"
    return [Check("latencies", not found, _some(found) if found else detail)]


def _latency_fault(record: LatencyRecord, semantics: Semantics) -> str:
    """What is wrong with the cell of a measurement; empty if nothing."""
    try:
        form = functional_form(Cell.parse(record.cell), semantics)
    except UserError as e:
        return f"{record.cell}: {e}"
    if record.semantics != semantics.value or form.key != record.functional_key:
        return f"{record.cell} with {record.functional_key}"
    return f"{record.cell}, which is dead" if form.is_dead else ""


def _complete(table: BenchmarkTable, wanted: Sequence[tuple[str, int]]) -> Check:
    missing = sum(seed not in table.labels_of(key, "val_per") for key, seed in wanted)
    detail = f"{len(wanted) - missing} of {len(wanted)} trainings of the campaign are measured"
    return Check("complete", not missing, detail)


def _some(messages: Sequence[str]) -> str:
    more = f" and {len(messages) - _SHOWN} more" if len(messages) > _SHOWN else ""
    return "; ".join(messages[:_SHOWN]) + more
