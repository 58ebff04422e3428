"""Graphs for networkx."""

from typing import TYPE_CHECKING

from graph_encoding.common.errors import MissingExtraError
from graph_encoding.graph import CellGraph
from graph_encoding.ops import SIZES

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(graph: CellGraph) -> "nx.DiGraph":
    """The graph as a `networkx.DiGraph`.

    Nodes are numbered as in the graph and carry `op` (name), `kind` and the sizes of the
    operation: `kernel`, `dilation`, `group_scale`, `stride`, `expansion`. Edges carry
    `multiplicity`; the graph carries `key` and `features`, a dict of numbers by name.

    Raises:
        MissingExtraError: if networkx is not installed.
    """
    try:
        import networkx as nx
    except ModuleNotFoundError as e:
        raise MissingExtraError("networkx", "gnn") from e
    result = nx.DiGraph(key=graph.key, features=dict(graph.features))
    for node, op in enumerate(graph.ops):
        sizes = {name: getattr(op, name) for name in SIZES}
        result.add_node(node, op=op.name, kind=op.kind, **sizes)
    for source, target, multiplicity in graph.edges:
        result.add_edge(source, target, multiplicity=multiplicity)
    return result
