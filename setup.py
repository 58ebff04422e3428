"""The packages of the wheel; pyproject.toml has everything else."""

from setuptools import find_packages, setup

PROJECT = ("graph_encoding", "nasasr", "surrogate", "train_benchmark")

setup(
    packages=[
        *find_packages(include=[f"{name}{below}" for name in PROJECT for below in ("", ".*")]),
        # The folder `configs`, inside the package: by itself its name would be anybody's.
        "surrogate.configs",
    ]
)
