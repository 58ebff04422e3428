"""One training, one record: the unit that is written once and never changed."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, get_args, get_origin

from graph_encoding.common.errors import UserError
from graph_encoding.common.strict_json import strict_json

SCHEMA_VERSION = 1

Status = Literal["ok", "diverged", "failed"]

SCORE_FIELDS = ("held_out_per_curves", "utterance_edits", "utterance_ctc_loss")
"""Fields that only records of recipes with `scores_from` have."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What one training of one cell with one seed gave.

    All error rates are phone error rates: fractions, lower is better, above 1 when there are
    more insertions than phones.

    Attributes:
        functional_key: identity of the cell's function under `semantics`.
        cell: text of the point of the space that was built.
        semantics: "paper" or "released".
        seed: seed of initialisation, batch order and augmentation.
        recipe_hash: sha256 of the recipe (macro network, schedule, features, speaker lists).
        corpus_fingerprint: sha256 of the corpus.
        status: "ok", "diverged" (a loss or weight was no longer finite) or "failed".
        error: reason, for a status other than "ok"; else empty.
        val_per_curve: (epochs,) validation PER after each epoch; as far as the training came.
        train_loss_curve: (epochs,) mean training loss of each epoch.
        best_epoch: epoch (from 1) of the lowest validation PER, the earliest among equals (in
            the original's trainings the latest); 0 if there is none.
        test_per: test PER with the weights of `best_epoch`; NaN unless "ok".
        params: trainable parameters of the network.
        train_seconds: wall-clock seconds of the training, evaluation included.
        software: versions that can change the numbers, as "name=version" joined by spaces, with
            "cpu=" and torch's instruction set and "processor=" and its kind (older records lack
            one or both), or "device=" where it was not a CPU; "lstm=fp32" where a recipe in
            bfloat16 met a device without such an LSTM.
        held_out_per_curves: (sets, kept epochs) PER of each held-out set, in the order in which
            the recipe names the sets. Kept are the epochs from the recipe's `scores_from` on;
            this and the next two fields are empty if it has none.
        utterance_edits: (kept epochs, utterances) edits of each held-out utterance, one set
            after another, utterances sorted by key.
        utterance_ctc_loss: (kept epochs, utterances) CTC loss of the same in nats, rounded to .1.
    """

    functional_key: str
    cell: str
    semantics: str
    seed: int
    recipe_hash: str
    corpus_fingerprint: str
    status: Status
    error: str
    val_per_curve: tuple[float, ...]
    train_loss_curve: tuple[float, ...]
    best_epoch: int
    test_per: float
    params: int
    train_seconds: float
    software: str
    held_out_per_curves: tuple[tuple[float, ...], ...] = ()
    utterance_edits: tuple[tuple[int, ...], ...] = ()
    utterance_ctc_loss: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise UserError(
                f"a record's status must be one of {get_args(Status)}, but got {self.status!r}"
            )
        if (self.status == "ok") == bool(self.error):
            raise UserError(
                "a record has an error text if and only if its status is not 'ok', "
                f"but got status {self.status!r} and error {self.error!r}"
            )
        if self.status == "ok" and not (
            self.val_per_curve
            and all(math.isfinite(per) and per >= 0 for per in (*self.val_per_curve, self.test_per))
        ):
            raise UserError(
                "an 'ok' record must have finite error rates >= 0, but got "
                f"val_per_curve={self.val_per_curve} and test_per={self.test_per}"
            )

    @property
    def identity(self) -> tuple[str, int]:
        """What a training is asked for by: (functional key, seed)."""
        return self.functional_key, self.seed

    def to_json(self) -> str:
        """One line of JSON; NaN is written as null, scores that were not kept are left out."""
        row = asdict(self)
        for name in SCORE_FIELDS:
            if not row[name]:
                del row[name]
        row["test_per"] = None if math.isnan(self.test_per) else self.test_per
        row["train_loss_curve"] = [x if math.isfinite(x) else None for x in self.train_loss_curve]
        return json.dumps(row, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> "TrainingRecord":
        """The inverse of `to_json`.

        Raises:
            UserError: if the line is not JSON, or its keys or the types of its values are not
                exactly a record's.
        """
        try:
            row = strict_json(line)
        except ValueError as e:
            raise UserError(f"a record must be one line of JSON: {e}") from e
        return cls.from_row(row)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "TrainingRecord":
        """Make a record of plain values; null error rates and losses become NaN.

        Raises:
            UserError: if the keys or the types of the values are not exactly a record's.
        """
        nullable = ("val_per_curve", "train_loss_curve", "test_per")
        return cls(**values_of_row(row, cls, "a record", nullable))


def values_of_row(
    row: object, kind: type[Any], name: str, nullable: Collection[str]
) -> dict[str, Any]:
    """The fields of a record out of plain values, as JSON or Parquet have them.

    Args:
        row: the values by name.
        kind: the dataclass of the record, whose annotations say what each value must be.
        name: what messages call it, such as "a record".
        nullable: fields of floats that may be null, or hold nulls, for NaN.

    Raises:
        UserError: if the keys or the types of the values are not exactly those of the fields;
            fields with a default may be left out.
    """
    expected = {field.name: field.type for field in fields(kind)}
    optional = {field.name for field in fields(kind) if field.default is not MISSING}
    if not isinstance(row, Mapping) or not set(expected) - optional <= set(row) <= set(expected):
        raise UserError(
            f"{name} must have exactly the keys {sorted(expected)}, "
            f"but got {sorted(row) if isinstance(row, Mapping) else row!r}"
        )
    values = {}
    for field, annotation in expected.items():
        if field not in row:
            continue
        try:
            values[field] = _as_field(row[field], annotation, field in nullable)
        except (TypeError, OverflowError) as e:
            plain = annotation.__name__ if isinstance(annotation, type) else annotation
            raise UserError(
                f"{name} must have a {field} of type {plain}, but got {row[field]!r}"
            ) from e
    return values


def _as_field(value: object, annotation: Any, nullable: bool) -> object:
    """A plain value as what a field is annotated with; a TypeError if it is none of that."""
    if type(value) is annotation:
        return value
    origin = get_origin(annotation)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError
        return tuple(_as_field(x, get_args(annotation)[0], nullable) for x in value)
    if annotation is float:
        if value is None and nullable:
            return math.nan
        if type(value) is int:
            return float(value)
    kind = str if origin is Literal else annotation
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    return value
