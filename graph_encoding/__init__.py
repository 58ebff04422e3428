"""Cells of speech-recognition networks: identity, graphs, encodings and static cost."""

from graph_encoding.cell import Cell
from graph_encoding.common.errors import (
    CellFormatError,
    DeadCellError,
    MissingExtraError,
    NasasrError,
    UserError,
)
from graph_encoding.cost import (
    ReceptiveField,
    macs,
    params,
    peak_activation_bytes,
    receptive_field,
)
from graph_encoding.drawing.draw import draw_svg, draw_text
from graph_encoding.functional_identity import (
    FunctionalForm,
    canonical_form,
    functional_form,
    functional_key,
    is_dead,
)
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.interop.adapters import nasbench101, nasbench201, nasbench_graph
from graph_encoding.interop.graph_file import GraphRow, read_graphs, write_graphs
from graph_encoding.interop.operation_names import operation_of_name
from graph_encoding.interop.to_networkx import to_networkx
from graph_encoding.macro import MACROS, PAPER_MACRO, TIMIT_MICRO_MACRO, Macro
from graph_encoding.ops import NB_ASR_OPS, OPERATIONS, Operation, register_operation
from graph_encoding.published.cost import released_flops, released_params
from graph_encoding.published.graph_hash import PublishedClass, published_class, published_hash
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace, equivalent

__all__ = [
    "MACROS",
    "NB_ASR_OPS",
    "OPERATIONS",
    "PAPER_MACRO",
    "TIMIT_MICRO_MACRO",
    "Cell",
    "CellFormatError",
    "CellGraph",
    "CellSpace",
    "DeadCellError",
    "FunctionalForm",
    "GraphRow",
    "Macro",
    "MissingExtraError",
    "NasasrError",
    "Operation",
    "PublishedClass",
    "ReceptiveField",
    "Semantics",
    "UserError",
    "canonical_form",
    "cell_graph",
    "draw_svg",
    "draw_text",
    "equivalent",
    "functional_form",
    "functional_key",
    "is_dead",
    "macs",
    "nasbench101",
    "nasbench201",
    "nasbench_graph",
    "operation_of_name",
    "params",
    "peak_activation_bytes",
    "published_class",
    "published_hash",
    "read_graphs",
    "receptive_field",
    "register_operation",
    "released_flops",
    "released_params",
    "to_networkx",
    "write_graphs",
]
