# Everything works in .venv inside the checkout; all that is needed before is Python >= 3.11.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CELL ?= 10_100_1000
FORMAT ?= table
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock
PACKAGES := graph_encoding surrogate train_benchmark

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Say what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: predict
predict: $(VENV)/.core ## Forecast a cell: make predict CELL=10_100_1000 [FORMAT=json]
	@$(BIN)/nasasr predict $(CELL) --format $(FORMAT)

.PHONY: test
test: $(VENV)/.full ## Run all tests but the slow ones.
	$(BIN)/python -m pytest -m "not slow"

.PHONY: demo
demo: $(VENV)/.full ## The whole way on synthetic speech, in a few minutes.
	$(BIN)/nasasr demo configs/campaign/demo.toml --out runs/demo --workers $(WORKERS)

.PHONY: check
check: lint types coverage ## Everything that CI runs.

.PHONY: lint
lint: $(VENV)/.full ## ruff: rules and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/.full ## mypy --strict on the three packages.
	$(BIN)/mypy

.PHONY: coverage
coverage: $(VENV)/.full ## Tests, doctests, import rules and README commands, with branch coverage.
	$(BIN)/python -m pytest -m "not slow" --cov --cov-report=term:skip-covered

.PHONY: slow
slow: $(VENV)/.full ## The statistical and long tests.
	$(BIN)/python -m pytest -m slow

.PHONY: lock
lock: $(VENV)/.full ## Resolve requirements.lock again.
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --upgrade --quiet --no-header --no-annotate \
		--python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.lock

.PHONY: clean
clean: ## Remove the environment and all caches.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info build

# An environment of another machine or Python does not start: it is made again.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "nasasr needs Python >= 3.11; name one with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.core: pyproject.toml requirements.lock | $(VENV)/.python
	@echo "installing what a forecast needs" >&2
	@$(PIP) -e .
	@touch $@

$(VENV)/.full: pyproject.toml requirements.lock | $(VENV)/.python
	@echo "installing everything (torch among it: some 5 GB)" >&2
	@$(PIP) -e '.[all,dev]'
	@touch $@ $(VENV)/.core
