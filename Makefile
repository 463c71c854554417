# The only place that spells commands. `make demo` and `make test` are all that a fresh machine needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-check test check slurm browser bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FIRST := $(VENV)/first-run
AXE := $(VENV)/axe/package/axe.min.js
# Snakemake finds `evfi`, and snakefmt finds `shfmt`, by name.
export PATH := $(CURDIR)/$(BIN):$(PATH)
FAMILIES ?=
CORES ?= all
PYTEST_FLAGS ?=
CONFIG := $(if $(FAMILIES),--config families=$(FAMILIES))

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(STAMP) ## make .venv and install the project with exact pins

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed: install Python 3.11 or newer, or give PYTHON=/path"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11: give PYTHON=/path/to/a/newer/one"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,readers]'
	@echo "make: a first small run, so that no later one waits for loops to be compiled"
	@$(BIN)/python scripts/run_snakemake.py --cores 2 --configfile config/smoke.yaml --config results_dir=$(FIRST) -- \
		$(FIRST)/evaluation/baselines/evaluation.json $(FIRST)/timelens/synthesis/weights.safetensors >$(FIRST).log 2>&1 \
		&& $(BIN)/evfi sweep-thresholds $(FIRST)/samples/test.parquet $(FIRST)/thresholds \
		--options '{"threshold_sweep": {"contrasts": [0.1], "max_targets": 1}}' >>$(FIRST).log 2>&1 || { cat $(FIRST).log; exit 2; }
	@rm -rf $(FIRST)
	@touch $@

demo: setup ## data, training, measurement and report of the embedded demo
	@$(BIN)/python scripts/run_snakemake.py --cores $(CORES) $(CONFIG)

demo-check: setup ## assert the figures of a finished `make demo`
	@$(BIN)/python -m pytest -m demo tests/demo_figures

test: setup ## the tests (without slow, bench, gpu, slurm, browser)
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

check: setup ## format, lint, types, layers, workflow lint, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

slurm: setup ## the smoke run on a real Slurm cluster on this machine (root: installs Debian's packages)
	@scripts/slurm_cluster install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[slurm]'
	@$(BIN)/python -m pytest -m slurm $(PYTEST_FLAGS) tests/workflow/test_slurm.py

# A tool for the browser tests, under a licence of its own: fetched, never shipped.
$(AXE):
	@mkdir -p $(VENV)/axe
	@cd $(VENV)/axe && npm pack --silent axe-core@4.14.1 >/dev/null && tar -xzf axe-core-4.14.1.tgz

browser: setup ## the report and `evfi view` in a real Chromium (skipped with the reason where there is none)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@$(MAKE) --no-print-directory $(AXE) || echo "make: npm could not fetch axe-core; its tests will be skipped"
	@EVFI_AXE=$(CURDIR)/$(AXE) $(BIN)/python -m pytest -m browser -rs $(PYTEST_FLAGS) tests/reports/test_browser.py tests/viewing/test_browser.py

bench: setup ## speed ratios (median of interleaved pairs in one run)
	@for script in scripts/bench_*.py; do $(BIN)/python $$script; done

clean: ## remove results and the virtual environment
	rm -rf $(VENV) results .snakemake
