"""Graphs for networkx."""

from typing import TYPE_CHECKING

from graph_encoding.common.errors import MissingExtraError
from graph_encoding.graph import CellGraph

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(graph: CellGraph) -> "nx.DiGraph":
    """The graph as a `networkx.DiGraph`.

    Nodes are numbered as in the graph and carry `op` (name), `kind`, `kernel`, `dilation` and
    `group_scale`; edges carry `multiplicity`; the graph carries `key`.

    Raises:
        MissingExtraError: if networkx is not installed.
    """
    try:
        import networkx as nx
    except ModuleNotFoundError as e:
        raise MissingExtraError("networkx", "gnn") from e
    result = nx.DiGraph(key=graph.key)
    for node, op in enumerate(graph.ops):
        result.add_node(
            node,
            op=op.name,
            kind=op.kind,
            kernel=op.kernel,
            dilation=op.dilation,
            group_scale=op.group_scale,
        )
    for source, target, multiplicity in graph.edges:
        result.add_edge(source, target, multiplicity=multiplicity)
    return result
