"""Source of a corpus: layout, label set and pronunciation."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Tag, model_validator

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.symbols.label_sets import (
    CHARACTERS,
    DEFAULT_LABELS,
    LABEL_SETS,
    OPEN_LABELS,
    LabelsConfig,
    LabelSet,
    LabelsName,
)
from train_benchmark.corpora.symbols.pronunciation import (
    Characters,
    EspeakIpa,
    EspeakTimit,
    Pronunciation,
)
from train_benchmark.strict_config import StrictConfig

_TIMIT_SETS = "timit-"


def _kind_of_labels(value: Any) -> str:
    return "name" if isinstance(value, str) else "declared"


class CorpusSource(StrictConfig):
    """The part of a corpus configuration that defines how its files are read.

    Attributes:
        layout: layout of its folders and transcripts; see docs/guides/corpora.md.
        labels: name of a registered label set, or the section `[labels]` that declares one.
        pronunciation: how texts become symbols; by default by the label set.
    """

    layout: Literal["timit", "librispeech", "manifest", "asterisk"] = "timit"
    labels: Annotated[
        Annotated[LabelsName, Tag("name")] | Annotated[LabelsConfig, Tag("declared")],
        Discriminator(_kind_of_labels),
    ] = DEFAULT_LABELS
    pronunciation: Pronunciation | None = None

    @model_validator(mode="after")
    def _timit_has_phones(self) -> Self:
        if self.layout == "timit" and self.pronunciation is not None:
            raise ValueError(
                "layout 'timit' must be without [pronunciation]: its .PHN files have the phones"
            )
        return self

    @property
    def labels_name(self) -> str:
        """Name of the label set."""
        return self.labels if isinstance(self.labels, str) else self.labels.name

    @property
    def label_set(self) -> LabelSet | None:
        """The label set; None for "ipa-espeak" until its symbols are declared."""
        if isinstance(self.labels, LabelsConfig):
            return self.labels.label_set
        return None if self.labels == OPEN_LABELS else LABEL_SETS.get(self.labels)

    @property
    def declared_label_set(self) -> LabelSet:
        """The label set, which training needs.

        Raises:
            UserError: if its symbols are not declared.
        """
        found = self.label_set
        if found is None:
            raise UserError(
                f"labels = {OPEN_LABELS!r} must be replaced by a section [labels] that declares "
                "the symbols before training; `nasasr corpus check --config` prints it"
            )
        return found

    @property
    def text_pronunciation(self) -> Pronunciation:
        """How texts become symbols.

        Raises:
            UserError: if neither the configuration nor the label set decides it.
        """
        if self.pronunciation is not None:
            return self.pronunciation
        labels = self.labels
        if labels == OPEN_LABELS:
            return EspeakIpa(kind="espeak-ipa")
        if labels == CHARACTERS.name:
            return Characters(kind="characters")
        if isinstance(labels, str) and labels.startswith(_TIMIT_SETS):
            return EspeakTimit(kind="espeak-timit")
        raise UserError(
            f"texts of a corpus with label set {self.labels_name!r} must have a section "
            "[pronunciation], but there is none; its kind is 'lexicon', 'espeak-ipa', "
            "'espeak-timit' or 'characters'"
        )
