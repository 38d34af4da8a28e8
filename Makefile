# `make help` lists what there is. Everything is set up in .venv first; the data of `make serve` lies elsewhere.
#
# PYTHON=…  the interpreter to set up with     ARGS=…  more arguments for pytest
# Settings may stand in the environment, in .env or behind the target: make serve ANSELAI_PORT=3300

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
PRODUCT := $(VENV)/.installed
TOOLS := $(VENV)/.installed-dev
CHROMIUM := $(VENV)/chromium/chromium
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal $(ARGS)

.PHONY: help serve test check bench rotation simulate chaos refreshes requests promises audit lock wheel clean

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

serve: $(PRODUCT) ## Sets up and starts AnselAI on http://127.0.0.1:3200. Ctrl-C stops it.
	@exec $(BIN)/anselai serve

test: $(TOOLS) $(CHROMIUM) ## Sets up and runs every test; with DATABASE_URL=… against that server.
	@$(PYTEST)

check: $(TOOLS) $(CHROMIUM) ## The fast gate: format, lint, types, layers, and the tests that are not slow.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo
	$(PYTEST) -m "not slow"

bench: $(TOOLS) bench/.venv/.installed ## Measures AnselAI beside its peers.
	@exec $(BIN)/python -m bench

simulate: $(TOOLS) ## A million slots of a fleet in made-up time; SLOTS=… for another size, SEED=… for the same again.
	@exec $(BIN)/python -m tests.simulation --slots $(or $(SLOTS),1000000) --processes 2 --stories 300 $(if $(SEED),--seed $(SEED))

rotation: $(TOOLS) ## Rotates the key of a million connections while others read and refresh; ROWS=… for another size.
	@exec $(BIN)/python -m bench.rotation --rows $(or $(ROWS),1000000)

chaos: $(TOOLS) ## Kills daemons and the database again and again, and judges what became of every slot.
	@exec $(BIN)/python -m chaos

refreshes: $(TOOLS) ## 100,000 token refreshes that are fought over, by processes that are killed; REFRESHES=… for others.
	@exec $(BIN)/python -m refreshes --refreshes $(or $(REFRESHES),100000)

promises: $(TOOLS) ## Breaks what is promised, one line at a time, and sees a test notice each.
	@exec $(BIN)/python -m promises

requests: $(TOOLS) ## 10,000 made-up requests against every route, from known and unknown; REQUESTS=… for more.
	@REQUESTS=$(or $(REQUESTS),10000) $(BIN)/python -m pytest -q -s tests/integration/http/test_any_request.py tests/integration/test_any_bytes.py

audit: audit/.venv/.installed ## Asks whether a pinned version has a known flaw. Error 1: one has. Error 2: nobody could tell.
	@$(BIN)/python -m audit

lock: $(TOOLS) ## Pins what pyproject.toml asks for; with UPGRADE=1 the newest of it.
	$(LOCK) pyproject.toml --group dev --output-file requirements-dev.lock
	$(LOCK) pyproject.toml --group build --constraint requirements-dev.lock --output-file requirements.lock
	$(LOCK) bench/requirements.in --constraint requirements.lock --output-file bench/requirements.lock
	$(LOCK) audit/requirements.in --output-file audit/requirements.lock

wheel: $(TOOLS) ## Builds the wheel into dist/.
	@$(BIN)/python -m pip --quiet wheel --no-index --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

clean: ## Removes what these targets made, the environments too.
	rm -rf $(VENV) bench/.venv audit/.venv dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# How an environment is made. `$(call …,FOLDER)` keeps one that is whole, and makes anew one that was interrupted.

PYTHONS := $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11 python)
NO_PYTHON := AnselAI needs Python 3.11 or newer, with its venv module (python3-venv on Debian and Ubuntu). \
Install one, or say where it is: make PYTHON=/path/to/python3
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
WHOLE := import importlib.metadata, sys; sys.exit(sys.version_info < (3, 11) or not importlib.metadata.files("pip"))
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
	--python-version 3.11 $(if $(UPGRADE),--upgrade)

define environment
@if $(1)/bin/python -c '$(WHOLE)' 2>/dev/null; then exit 0; fi; \
for python in $(PYTHONS) ""; do \
	if "$$python" -c '$(FITS)' 2>/dev/null; then break; fi; \
done; \
if [ -z "$$python" ]; then echo '$(NO_PYTHON)' >&2; exit 1; fi; \
echo "Making $(1) with $$("$$python" --version)"; \
rm -rf $(1) && "$$python" -m venv $(1)
endef

# `$(call install,FOLDER,LOCK)` names each package as its turn comes; pip's own words are kept for when it fails.
define install
@echo "Installing $(2) into $(1)"; log=$(1)/install.log; \
{ $(1)/bin/python -m pip install --no-input --disable-pip-version-check --require-hashes -r $(2) 2>&1 || echo FAILED; } | \
tee $$log | while read -r word package rest; do \
	case $$word in \
		Collecting) echo "  $$package" ;; \
		Installing) echo "  … unpacking" ;; \
		FAILED) grep -v -e ^Looking -e ^FAILED $$log | tail -n 20 >&2; exit 1 ;; \
	esac; \
done
endef

$(BIN)/python:
	$(call environment,$(VENV))

$(PRODUCT): requirements.lock pyproject.toml $(BIN)/python
	$(call environment,$(VENV))
	$(call install,$(VENV),requirements.lock)
	@$(BIN)/python -m pip --quiet install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): requirements-dev.lock $(PRODUCT)
	$(call install,$(VENV),requirements-dev.lock)
	@touch $@

# Says what to do when it cannot be had. The tests that need it then fail; the others still run.
$(CHROMIUM): tests/browser/get_chromium.py $(TOOLS)
	@$(BIN)/python tests/browser/get_chromium.py || true

bench/.venv/.installed: bench/requirements.lock
	$(call environment,bench/.venv)
	$(call install,bench/.venv,bench/requirements.lock)
	@touch $@

audit/.venv/.installed: audit/requirements.lock $(PRODUCT)
	$(call environment,audit/.venv)
	$(call install,audit/.venv,audit/requirements.lock)
	@touch $@
