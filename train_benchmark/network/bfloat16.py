"""Whether torch can compute an LSTM in bfloat16 on this processor or GPU."""

from functools import cache

import torch

_SIZE = 8


@cache
def computes_bfloat16_lstm(device_type: str) -> bool:
    """Whether torch can train an LSTM in bfloat16 on this machine.

    On processors without bfloat16 units, convolutions and dense layers have slower kernels, but
    an LSTM has none: its first step fails. torch has no reliable query for each kernel, so this
    computes one small LSTM, forward and backward. It draws no random number.

    Args:
        device_type: "cpu" or "cuda".
    """
    gates = 4 * _SIZE
    shapes = [(gates, _SIZE), (gates, _SIZE), (gates,), (gates,)]
    weights = [torch.zeros(shape, device=device_type, requires_grad=True) for shape in shapes]
    state = torch.zeros(1, 1, _SIZE, device=device_type)
    features_BTC = torch.zeros(1, 2, _SIZE, device=device_type)
    try:
        with torch.autocast(device_type, torch.bfloat16):
            output_BTC, _, _ = torch.lstm(
                features_BTC,
                (state, state),
                weights,
                has_biases=True,
                num_layers=1,
                dropout=0.0,
                train=True,
                bidirectional=False,
                batch_first=True,
            )
        output_BTC.float().sum().backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        return False
    return True
