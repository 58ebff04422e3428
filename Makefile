# Everything works in .venv inside the checkout; all that is needed before is Python >= 3.11.

# The first that runs and is new enough: a name on the path may be an old one, or a shim of none.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3 python3.14 python3.13 python3.12; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && command -v $$name && break; done)
CELL ?= 01_111_2111
FORMAT ?= table
WORKERS ?= 2
FUZZ_SECONDS ?= 600

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock
CORE := $(VENV)/.core-stamp
FULL := $(VENV)/.full-stamp
MADE := $(VENV)/.made-in

# An environment copied from another machine or folder does not work, nor does one whose Python
# is gone: without its stamps it is made again. This stands here because make looks at stamps
# before it would run a rule that removes them. One that was never made here is left alone.
OURS := $(VENV)/.made-by-make
STALE := $(shell test ! -e $(MADE) || { test "$$(cat $(MADE))" = "$(CURDIR)" && \
	$(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null; } || mv -f $(MADE) $(OURS))
ifeq ($(wildcard $(MADE)),)
$(shell rm -f $(CORE) $(FULL))
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Say what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: predict
predict: $(CORE) ## Forecast a cell: make predict CELL=01_111_2111 [FORMAT=json]
	@$(BIN)/nasasr predict $(CELL) --format $(FORMAT)

# One process per core, with one thread each. The tests of a file run in one process, which makes
# their shared fixtures once. Files start in the order of their names: by their number of tests, which
# is the default, those of few long tests would come last. `TEST_ARGS="-n 0"` takes one process.
CHOSEN := -m "not slow"
.PHONY: test
test: $(FULL) ## Tests, doctests, import rules and README commands, without the slow ones.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(CHOSEN) -n auto --dist loadfile \
		--no-loadscope-reorder $(TEST_ARGS)

.PHONY: slow
slow: CHOSEN := -m slow
slow: test ## The statistical and long tests alone.

.PHONY: demo
demo: $(FULL) ## The whole way on synthetic speech, in some two minutes.
	$(BIN)/nasasr demo --out runs/demo --workers $(WORKERS)

# The name of the folder becomes the artifact's. A stopped fit resumes where it was.
.PHONY: artifact
artifact: $(FULL) ## Fit the shipped artifact again, after a change of labels or predictors: 16 minutes of two cores.
	OMP_NUM_THREADS=1 $(BIN)/nasasr fit timit-micro --out runs/artifact/timit-micro --workers $(WORKERS)
	rm -rf surrogate/pretrained/timit-micro
	mv runs/artifact/timit-micro surrogate/pretrained/timit-micro

.PHONY: check
check: CHOSEN :=
check: TEST_ARGS := --cov --cov-report=term:skip-covered
check: lint layers types docs test ## What CI runs after `make predict`: lint, layers, types, site, and all tests with branch coverage.

.PHONY: lint
lint: $(FULL) ## ruff: rules and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: layers
layers: $(FULL) ## import-linter: which module may import which, as pyproject.toml says.
	$(BIN)/lint-imports --no-cache --no-logo

.PHONY: types
types: $(FULL) ## mypy --strict on the three packages.
	$(BIN)/mypy

# mkdocs would speak of its own future at every build. With --quiet it does not count warnings, and
# --strict would let broken links pass.
.PHONY: docs
docs: $(FULL) ## Build the site of docs/ into site/, without a network; a broken link is an error.
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

.PHONY: outputs
outputs: $(CORE) ## Renew the outputs of commands that pages show, after a change on purpose.
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.page_outputs

.PHONY: golden
golden: $(CORE) ## Write the forecasts that the shipped artifact must make, after a change on purpose.
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.golden.renew

# What the tests of each tool of `surrogate.plugins` are installed with. Some pin versions of their own
# or overwrite modules of ours, and torch alone has some GB: each tool has an environment of its own.
TOOL_ENVIRONMENTS := .venv-plugins
TOOLS ?= ax botorch carps configspace evoxbench neps optuna_sampler optunahub pymoo sklearn syne_tune
NEEDS_ax := .[ax]
NEEDS_botorch := .[botorch]
NEEDS_carps := . carps smac optuna
NEEDS_configspace := .[smac]
NEEDS_evoxbench := . evoxbench pymoo
NEEDS_neps := . neural-pipeline-search
NEEDS_optuna_sampler := .[optuna]
NEEDS_optunahub := .[optunahub] optuna-dashboard cmaes
NEEDS_pymoo := .[pymoo]
NEEDS_sklearn := .[sklearn]
NEEDS_syne_tune := . syne-tune huggingface_hub
.PHONY: plugins
plugins: $(MADE) $(TOOLS:%=plugin-%) ## The tests of each tool in an environment of its own: make plugins [TOOLS="pymoo neps"]

plugin-%: $(MADE)
	$(BIN)/python -m venv $(TOOL_ENVIRONMENTS)/$*
	$(TOOL_ENVIRONMENTS)/$*/bin/python -m pip install --quiet --disable-pip-version-check \
		$(patsubst %,'%',$(NEEDS_$*)) pytest hypothesis
	OMP_NUM_THREADS=1 $(TOOL_ENVIRONMENTS)/$*/bin/python -m pytest -q -p no:cacheprovider \
		tests/unit/surrogate/plugins/test_$*.py tests/unit/surrogate/plugins/test_page_examples.py

.PHONY: fuzz
fuzz: $(FULL) ## Changed input to every reader, FUZZ_SECONDS to each: make fuzz [FUZZ_SECONDS=600]
	NASASR_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest tests/fuzz -s -q

.PHONY: wheel-check
wheel-check: $(MADE) ## Build the wheel and run commands from it alone, in an empty environment.
	PYTHON=$(CURDIR)/$(BIN)/python .ci/wheel-check

.PHONY: lock
# The environment may be one that the old lock file no longer allows to install: take it bare.
# `--universal` keeps the file good for other systems and newer Pythons than the one at hand.
lock: $(MADE) ## Resolve requirements.lock again, to the newest versions allowed.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --fork-strategy fewest \
		--python-version 3.11 --upgrade --no-annotate --quiet \
		--custom-compile-command "make lock" -o requirements.lock

.PHONY: clean
clean: ## Remove the environment and all caches.
	rm -rf $(VENV) $(TOOL_ENVIRONMENTS) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info build

$(MADE):
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || \
		{ echo "nasasr needs Python >= 3.11, found '$(PYTHON)'; name one: make PYTHON=python3.12" >&2; exit 2; }
	@test ! -e $(VENV) || test -e $(OURS) || \
		{ echo "$(CURDIR)/$(VENV) was not made by make: move or remove it" >&2; exit 2; }
	@echo "making $(VENV)" >&2
	@mkdir -p $(VENV) && touch $(OURS)
	@find $(VENV) -mindepth 1 -maxdepth 1 ! -path $(OURS) -exec rm -rf {} +
	@"$(PYTHON)" -m venv $(VENV)
	@echo "$(CURDIR)" > $@

# A stamp is touched only after pip has succeeded.
$(CORE): pyproject.toml requirements.lock | $(MADE)
	@echo "installing what a forecast needs (some 120 MB to download)" >&2
	@$(PIP) -e .
	@touch $@

$(FULL): pyproject.toml requirements.lock | $(MADE)
	@echo "installing everything (torch among it: some 5 GB)" >&2
	@$(PIP) -e '.[all,browser,dev]'
	@touch $@ $(CORE)
