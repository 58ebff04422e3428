"""The page of configuration keys, which `make docs` generates from the classes of the files."""

import inspect
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import mkdocs_gen_files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from surrogate.comparison.config import BenchmarkConfig
from surrogate.fitting.config import FitConfig
from surrogate.search.judging.config import CompareConfig
from surrogate.tuning.config import TuneConfig
from train_benchmark.collecting.plan import CampaignConfig
from train_benchmark.corpora.config import CorpusConfig, MixConfig
from train_benchmark.latency.config import LatencyConfig
from train_benchmark.recipe import TrainConfig

INTRODUCTION = """# Configuration

`nasasr configs` lists the files that come with the package, and `nasasr configs --copy DIR` copies
them to be edited. A command takes a name or a path. Unknown keys and values out of range are
errors. The tables are made from the classes that read the files.
"""

FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("configs/predictor", "`nasasr fit --config`", FitConfig),
    ("configs/benchmark", "`nasasr benchmark`", BenchmarkConfig),
    ("configs/tune", "`nasasr tune`", TuneConfig),
    ("configs/search", "`nasasr search compare`", CompareConfig),
    ("configs/campaign", "`nasasr collect`", CampaignConfig),
    ("configs/train", "the key `train` of a campaign", TrainConfig),
    ("configs/corpus", "the key `corpus` of a campaign, and by `nasasr corpus`", CorpusConfig),
    ("configs/corpus, several corpora", "the same", MixConfig),
    ("configs/latency", "`nasasr latency`", LatencyConfig),
)

BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "min_length": "length >="}


def page() -> Iterator[str]:
    """The lines of the page: each class once, after the one that first uses it."""
    yield INTRODUCTION
    seen: set[type[BaseModel]] = set()
    for folder, reader, kind in FILES:
        yield f"## {folder}\nRead by {reader}.\n"
        yield from sections(kind, seen)


def sections(kind: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """The section of a class and of those that its keys hold."""
    if kind in seen:
        return
    seen.add(kind)
    yield f"### {kind.__name__}\n"
    yield (inspect.getdoc(kind) or "").partition("\nRaises:")[0].partition("\nAttributes:")[0]
    yield "\n| key | value | default |\n|---|---|---|"
    for name, field in kind.model_fields.items():
        yield f"| `{field.alias or name}` | {value_of(field)} | {default_of(field)} |"
    yield ""
    for field in kind.model_fields.values():
        for inner in models_in(field.annotation):
            yield from sections(inner, seen)


def value_of(field: FieldInfo) -> str:
    """What a key accepts."""
    bounds = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in BOUNDS.items()
        if getattr(rule, name, None) is not None
    ]
    return ", ".join([type_of(field.annotation), *bounds])


def default_of(field: FieldInfo) -> str:
    """The default of a key, as TOML where it is short."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"`{list(value) if isinstance(value, tuple) else text}`"


def type_of(annotation: Any) -> str:  # noqa: PLR0911 - one per form of annotation
    """An annotation in words, in one cell of a table."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_of(arguments[0])
    if origin in {Union, types.UnionType}:
        return " or ".join(type_of(one) for one in arguments if one is not type(None))
    if origin is Literal:
        return ", ".join(f"`{one!r}`" for one in arguments)
    if origin is tuple:
        return f"list of {type_of(arguments[0])}"
    if origin is not None and len(arguments) == 2:
        return f"table of {type_of(arguments[1])} by name"
    if isinstance(annotation, TypeVar):
        return "settings of the predictor"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        name = annotation.__name__
        return f"[{name}](#{name.lower()})"
    return getattr(annotation, "__name__", str(annotation))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The classes of keys that an annotation holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


with mkdocs_gen_files.open("reference/configuration.md", "w") as file:
    file.write("\n".join(page()))
