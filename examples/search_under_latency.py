"""The best cell within a latency limit: forecast all functions, keep those that hold the limit."""

import nasasr as nr

SETTING, LIMIT_S = "timit-micro/cpu-onnx-fp32-t1-b1-1s", 0.23e-3

cells = nr.CellSpace().representatives(nr.Semantics.PAPER).values()  # one cell per function
forecasts = nr.Forecaster.load().forecast(
    cells, level=0.9, targets=["val_per"], curve=False, latency=[SETTING]
)
# The upper end of a 90 % interval: the limit holds with a probability of at least .9.
fast = [one for one in forecasts if one.latency(SETTING).high <= LIMIT_S]
print(f"{len(fast)} of {len(forecasts)} functions hold the limit")
for one in sorted(fast, key=lambda one: one.target("val_per").estimate.mean)[:5]:
    per, latency = one.target("val_per"), one.latency(SETTING)
    print(
        f"{one.cell}  {per.mean:.3f} ({per.low:.3f} to {per.high:.3f})  {latency.mean * 1e3:.3f} ms"
    )
