"""What `optunahub.load_local_module` loads: cells of speech recognisers as a problem."""

from surrogate.plugins.optunahub import CellsProblem as Problem

__all__ = ["Problem"]
