"""Graphs for torch-geometric: the one module of this package that needs torch."""

from collections.abc import Sequence
from typing import Any

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.encodings.stacked_graphs import GREATEST
from graph_encoding.graph import CellGraph
from graph_encoding.node_features import describe_further, describe_operation


def to_pyg(graph: CellGraph) -> Any:
    """The graph as a `torch_geometric.data.Data`.

    Returns:
        A `torch_geometric.data.Data` with `x` (v, len(NODE_COLUMNS + FURTHER_COLUMNS)) float32,
        `edge_index` (2, e) int64 in the graph's own order, `edge_attr` (e, 1) float32
        multiplicities (the greatest float32 where one is larger), `features` (1, f) float32 in
        the order of `feature_names`, and `key`.

    Raises:
        MissingExtraError: if torch-geometric is not installed.
    """
    torch, data = _import_pyg()
    edges = torch.tensor([edge[:2] for edge in graph.edges], dtype=torch.int64).reshape(-1, 2)
    weights = torch.tensor([[float(min(edge[2], GREATEST))] for edge in graph.edges]).reshape(-1, 1)
    return data.Data(
        x=torch.tensor([[*describe_operation(op), *describe_further(op)] for op in graph.ops]),
        edge_index=edges.T.contiguous(),
        edge_attr=weights,
        features=torch.tensor([[value for _, value in graph.features]], dtype=torch.float32),
        key=graph.key,
    )


def to_pyg_batch(graphs: Sequence[CellGraph]) -> Any:
    """Several graphs, with the same features, as one `torch_geometric.data.Batch`, in order.

    Raises:
        UserError: if the graphs have different features.
        MissingExtraError: if torch-geometric is not installed.
    """
    names = {graph.feature_names for graph in graphs}
    if len(names) > 1:
        raise UserError(
            "graphs of a batch must have the same features, but they have "
            f"{' and '.join(str(list(found)) for found in sorted(names)[:2])}; leave features out"
        )
    _, data = _import_pyg()
    return data.Batch.from_data_list([to_pyg(graph) for graph in graphs])


def _import_pyg() -> tuple[Any, Any]:
    try:
        import torch
        from torch_geometric import data
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "torch_geometric", "gnn") from e
    return torch, data
