"""The components of a curve model: mean curves, the process around them, and its calibration."""
