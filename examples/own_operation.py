"""An operation of your own: registered once, it is in cells, costs, drawings and forecasts."""

import nasasr as nr
from graph_encoding import Operation, register_operation

register_operation(Operation("conv13", "conv", kernel=13))

cell = nr.Cell.parse("conv13:0_111_2111")
print(nr.draw_text(cell))
(forecast,) = nr.Forecaster.load().forecast([cell])
per = forecast.target("val_per")
print(f"{forecast.params:,} parameters, {forecast.macs:,} multiply-accumulates per second")
print(f"{forecast.support}: {per.mean:.3f} ({per.low:.3f} to {per.high:.3f})")
print(forecast.note or "all operations and the size are in the training set")
