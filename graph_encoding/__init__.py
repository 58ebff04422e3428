"""Cells of speech-recognition networks: identity, graphs, encodings and static cost."""

from graph_encoding.cell import Cell
from graph_encoding.cost import params
from graph_encoding.errors import CellFormatError, MissingExtraError, NasasrError, UserError
from graph_encoding.functional import FunctionalForm, functional_form, functional_key, is_dead
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.macro import MACROS, PAPER_MACRO, TIMIT_MICRO_MACRO, Macro
from graph_encoding.ops import NB_ASR_OPS, OPERATIONS, Operation, register_operation
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace

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
    "FunctionalForm",
    "Macro",
    "MissingExtraError",
    "NasasrError",
    "Operation",
    "Semantics",
    "UserError",
    "cell_graph",
    "functional_form",
    "functional_key",
    "is_dead",
    "params",
    "register_operation",
]
