"""Records: one training or measurement each, written once and never changed."""

import json
import math
from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from graph_encoding.common.errors import UserError
from graph_encoding.common.strict_json import from_typed_row, parse_json

SCHEMA_VERSION = 1


class _NullIsNan:
    """Makes pydantic read null as NaN."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        null = core_schema.no_info_after_validator_function(
            lambda _: math.nan, core_schema.none_schema()
        )
        return core_schema.union_schema(
            [core_schema.float_schema(allow_inf_nan=True), null],
            custom_error_type="number_or_null",
            custom_error_message="Input should be a number or null",
        )


NullableFloat = Annotated[float, _NullIsNan()]
"""A float that is null in JSON where it is not finite."""


class Record:
    """Base of the frozen dataclasses that are one line of JSON or one row of Parquet each.

    Subclasses have the fields `status`, a `Literal`, and `error`.

    Attributes:
        NAME: what messages call a record.
        OPTIONAL: fields that JSON leaves out where they are empty.
    """

    __slots__ = ()
    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}
    NAME: ClassVar[str]
    OPTIONAL: ClassVar[tuple[str, ...]] = ()
    status: str
    error: str

    @property
    @abstractmethod
    def identity(self) -> Any:
        """What the record is looked up by; a store has one record per identity."""

    def to_json(self) -> str:
        """One line of JSON; equal for equal records."""
        row = {
            field.name: _json_value(getattr(self, field.name), field.type)
            for field in fields(self)  # type: ignore[arg-type]  # subclasses are dataclasses
            if field.name not in self.OPTIONAL or getattr(self, field.name)
        }
        return json.dumps(row, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The inverse of `to_json`.

        Raises:
            UserError: if the line is not JSON, or its keys or the types of its values are not
                exactly those of the fields.
        """
        return parse_json(line, cls, f"{cls.NAME} must be one line of JSON with its own keys")

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Build a record from a row of Parquet, whose types the schema has fixed.

        Raises:
            UserError: if the values contradict each other.
        """
        return from_typed_row(row, cls, f"{cls.NAME} must be a row of consistent values")

    def _check_status(self, statuses: tuple[str, ...]) -> None:
        if self.status not in statuses:
            raise UserError(f"a record's status must be one of {statuses}, but got {self.status!r}")
        if (self.status == "ok") == bool(self.error):
            raise UserError(
                "a record has an error text if and only if its status is not 'ok', "
                f"but got status {self.status!r} and error {self.error!r}"
            )


def _json_value(value: Any, annotation: Any) -> Any:
    if annotation is NullableFloat:
        return value if math.isfinite(value) else None
    if get_args(annotation)[:1] == (NullableFloat,):
        return [x if math.isfinite(x) else None for x in value]
    return value


Status = Literal["ok", "diverged", "failed"]

SCORE_FIELDS = ("held_out_per_curves", "utterance_edits", "utterance_ctc_loss")
"""Fields that only records of recipes with `scores_from` have."""


@dataclass(frozen=True, slots=True)
class TrainingRecord(Record):
    """Result of one training of one cell with one seed.

    All error rates are phone error rates: fractions, lower is better; insertions can raise them
    above 1.

    Attributes:
        functional_key: identity of the cell's function under `semantics`.
        cell: text of the cell that was trained.
        semantics: "paper" or "released".
        seed: seed of initialisation, batch order and augmentation.
        recipe_hash: sha256 of the recipe (macro network, schedule, features, speaker lists).
        corpus_fingerprint: sha256 of the corpus.
        status: "ok", "diverged" (a loss or weight was no longer finite) or "failed".
        error: reason, for a status other than "ok"; else empty.
        val_per_curve: (epochs,) validation PER after each epoch, up to the last one trained.
        train_loss_curve: (epochs,) mean training loss of each epoch.
        best_epoch: epoch (from 1) of the lowest validation PER, the earliest of equals (in the
            original's trainings the latest); 0 if none was completed.
        test_per: test PER with the weights of `best_epoch`; NaN unless "ok".
        params: trainable parameters of the network.
        train_seconds: wall-clock seconds of the training, evaluation included.
        software: versions that can change the numbers, as "name=version" joined by spaces, with
            torch's instruction set as "cpu=" and the processor type as "processor=" (older records
            lack one or both), or with "device=" if it was not a CPU; "lstm=fp32" if the device
            could not compute an LSTM in bfloat16.
        held_out_per_curves: (sets, scored epochs) PER of each held-out set, in the order of the
            recipe. The recipe's `scores_from` is the first scored epoch; this and the next two
            fields are empty without it.
        utterance_edits: (scored epochs, utterances) edits of each held-out utterance, sorted by
            set and key.
        utterance_ctc_loss: (scored epochs, utterances) their CTC loss in nats, rounded to .1.
    """

    NAME = "a record"
    OPTIONAL = SCORE_FIELDS
    functional_key: str
    cell: str
    semantics: str
    seed: int
    recipe_hash: str
    corpus_fingerprint: str
    status: Status
    error: str
    val_per_curve: tuple[NullableFloat, ...]
    train_loss_curve: tuple[NullableFloat, ...]
    best_epoch: int
    test_per: NullableFloat
    params: int
    train_seconds: float
    software: str
    held_out_per_curves: tuple[tuple[float, ...], ...] = ()
    utterance_edits: tuple[tuple[int, ...], ...] = ()
    utterance_ctc_loss: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        self._check_status(get_args(Status))
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
        """(functional key, seed)."""
        return self.functional_key, self.seed
