"""Configurations of corpora: splits, synthesis and mixes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import load_config, validated
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.symbols.label_sets import LabelSet
from train_benchmark.corpora.synthesis.spec import SyntheticConfig
from train_benchmark.strict_config import StrictConfig

HELD_OUT_PARTS = ("val", "test")
"""Parts of a split that are scored and never trained on."""


class SplitConfig(StrictConfig):
    """Which speakers, or which of the corpus's own parts, are in which part of the split.

    `train = ["*"]` means every speaker of the corpus's training part that no list names.
    """

    train: tuple[str, ...] = Field(min_length=1)
    val: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated:
            raise ValueError(f"a split must name each once, but these are repeated: {repeated}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the three lists."""
        return (*self.train, *self.val, *self.test)


class SentenceSplitConfig(StrictConfig):
    """Split by sentence, for corpora of one speaker, for example.

    Attributes:
        val: expected share of the distinct sentences in the validation part.
        test: expected share of those in the test part.
        seed: another seed gives another split.
        compare: which sentences are equal: "text" ignores case and white space, "words" ignores
            punctuation too.
    """

    val: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
    # The default keeps the split, and the recipe hash, of older configurations.
    compare: Literal["text", "words"] = "text"

    @model_validator(mode="after")
    def _some_left(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError(
                f"val + test must be below 1, so that some sentences are left to train on, but is "
                f"{self.val + self.test:g}"
            )
        return self


class CorpusConfig(CorpusSource):
    """A `configs/corpus/*.toml` file: a corpus, its split, and its synthesis if it is synthetic.

    Exactly one of the three splits must be given. `score_sa` adds TIMIT's two sentences that every
    speaker reads to the validation and test parts; they are never trained on.
    """

    name: str
    licence: str
    split: SplitConfig | None = None
    split_by_sentence: SentenceSplitConfig | None = None
    split_by_part: SplitConfig | None = None
    synthetic: SyntheticConfig | None = None
    score_sa: bool = False

    @model_validator(mode="after")
    def _one_split(self) -> Self:
        sections = ("split", "split_by_sentence", "split_by_part")
        found = [name for name in sections if getattr(self, name) is not None]
        if len(found) != 1:
            raise ValueError(
                f"a corpus must have exactly one of the sections [{'], ['.join(sections)}], but "
                f"has {' and '.join(found) or 'none'}"
            )
        if self.layout != "timit" and (self.score_sa or self.synthetic):
            raise ValueError(
                f"score_sa and [synthetic] must be of layout 'timit', but the layout is "
                f"{self.layout!r}"
            )
        return self

    @property
    def parts(self) -> frozenset[str] | None:
        """The corpus's own parts that the split names; None for other splits."""
        return None if self.split_by_part is None else frozenset(self.split_by_part.names)


def divided_by_shares(shares: Sequence[float], total: int) -> list[int]:
    """Integers that sum to `total`, in proportion to the shares.

    >>> divided_by_shares([0.5, 0.3, 0.2], 9)
    [4, 3, 2]
    """
    exact = [share * total for share in shares]
    counts = [int(x) for x in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


class MixMember(StrictConfig):
    """One corpus of a mix.

    Attributes:
        corpus: its configuration.
        share: fraction of an epoch's training utterances; 0 if the corpus is only scored.
    """

    corpus: CorpusConfig
    share: float = Field(ge=0, le=1)


class MixConfig(StrictConfig):
    """A `configs/corpus/*.toml` file with `[members]`: several corpora as one.

    Each member's training part is a pool. An epoch draws `epoch_utterances` utterances from the
    pools by their shares; no utterance is repeated before its pool is exhausted. The held-out
    parts are named "member/val" and "member/test". All are scored; `val` names those that choose
    the epoch and define `val_per`, `test` those that define `test_per`. The order of the members
    decides the order of the draws, and so the trainings, but not the recipe's hash.
    """

    name: str
    licence: str
    epoch_utterances: int = Field(ge=1)
    members: dict[str, MixMember] = Field(min_length=1)
    val: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = Field(min_length=1)

    @field_validator("members")
    @classmethod
    def _names_and_shares(cls, members: dict[str, MixMember]) -> dict[str, MixMember]:
        wrong = [name for name in members if not name or set(name) & set("/=")]
        if wrong:
            raise ValueError(f"a member's name must be without / and =, but got {wrong}")
        total = sum(member.share for member in members.values())
        if abs(total - 1.0) > 1e-9:
            shares = {name: member.share for name, member in members.items()}
            raise ValueError(f"the members' shares must sum to 1, but {shares} sum to {total:g}")
        return members

    @model_validator(mode="after")
    def _every_share_is_drawn(self) -> Self:
        shares = {name: member.share for name, member in self.members.items()}
        counts = divided_by_shares(list(shares.values()), self.epoch_utterances)
        for (name, share), count in zip(shares.items(), counts, strict=True):
            if share > 0 and not count:
                raise ValueError(
                    f"a share above 0 must be at least one utterance per epoch, but share {share:g}"
                    f" of member {name!r} is none of epoch_utterances = {self.epoch_utterances}; "
                    "raise either, or set the share to 0"
                )
        return self

    @model_validator(mode="after")
    def _known_held_out_sets(self) -> Self:
        known = self.held_out_names
        for field in ("val", "test"):
            names = getattr(self, field)
            if set(names) - set(known) or len(set(names)) != len(names):
                raise ValueError(
                    f"{field} must name distinct held-out sets out of {', '.join(known)}, but got "
                    f"{list(names)}"
                )
        return self

    @model_validator(mode="after")
    def _one_label_set(self) -> Self:
        sets = {name: member.corpus.labels_name for name, member in self.members.items()}
        if len({str(member.corpus.labels) for member in self.members.values()}) != 1:
            raise ValueError(f"the members of a mix must have one label set, but have {sets}")
        return self

    @property
    def declared_label_set(self) -> LabelSet:
        """The label set of all members.

        Raises:
            UserError: if its symbols are not declared.
        """
        return next(iter(self.members.values())).corpus.declared_label_set

    @property
    def held_out_names(self) -> tuple[str, ...]:
        """Names of all held-out sets, in the order in which they are scored."""
        return tuple(f"{name}/{part}" for name in self.members for part in HELD_OUT_PARTS)


class _MemberFile(StrictConfig):
    """A member in the mix's file, where the corpus is the path of another file."""

    corpus: Path
    share: float = Field(ge=0, le=1)


class _MixFile(StrictConfig):
    name: str
    licence: str
    epoch_utterances: int
    members: dict[str, _MemberFile]
    val: tuple[str, ...]
    test: tuple[str, ...]


class _Peek(BaseModel):
    members: Any = None


def load_corpus_config(path: Path) -> CorpusConfig | MixConfig:
    """Read a corpus configuration; that of a mix names its members' files, relative to itself.

    Raises:
        UserError: if a file is missing, a key unknown or a value of the wrong type.
    """
    if load_config(path, _Peek).members is None:
        return load_config(path, CorpusConfig)
    file = load_config(path, _MixFile)
    members = {
        name: {
            "corpus": load_config(path.parent / member.corpus, CorpusConfig),
            "share": member.share,
        }
        for name, member in file.members.items()
    }
    return validated({**dict(file), "members": members}, MixConfig, path)


def spec_of(config: CorpusConfig) -> SyntheticConfig:
    """The specification in a corpus configuration.

    Raises:
        UserError: if the configuration has no `[synthetic]` section.
    """
    if config.synthetic is None:
        raise UserError(
            f"corpus {config.name!r} is not synthetic: its configuration has no [synthetic] "
            "section; use one that has it, such as configs/corpus/synth-micro.toml"
        )
    return config.synthetic
