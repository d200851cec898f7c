# The two commands of the README are `make demo` and `make test`. Both set up what they need, in
# the versions of uv.lock and checked by their hashes: with uv where it is installed, else with
# Python's own venv and pip, which read the same from requirements/. `make … UV=` never uses uv.

PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null)
PORT ?= 8000
# Some tests wait for servers and browsers of their own: a third process fills what two leave of two cores.
TEST_WORKERS ?= $(shell expr 3 \* $$(getconf _NPROCESSORS_ONLN) / 2)
# What the first process compiled is kept for hundreds of others, whatever is set outside.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
BENCH_STAMP := $(VENV)/.ready-bench
DEV := --group build --extra test --extra check
BENCH := $(DEV) --extra bench
PIP_FLAGS := --quiet --no-compile --disable-pip-version-check --no-input
EXPORT = $(UV) export --quiet --locked --no-header --no-annotate --no-emit-project \
	--format requirements-txt

.PHONY: setup demo test test-citus check fix lock texts serve bench bench-quick bench-setup screenshots pictures clean

setup: $(STAMP)

# The last step of both ways installs Plaudit itself, built by what was installed before it.
$(STAMP): pyproject.toml uv.lock requirements/dev.txt
ifneq ($(UV),)
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --locked --no-install-project $(DEV)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e .
endif
	@touch $@

lock:  ## uv.lock and what is made of it, after a change of pyproject.toml; needs uv
	$(UV) lock $(LOCK_FLAGS)
	$(EXPORT) $(DEV) >requirements/dev.txt
	$(EXPORT) $(BENCH) >requirements/bench.txt

demo: setup  ## a running server with sample data
	@$(BIN)/plaudit demo --port $(PORT)

test: setup  ## the whole test suite
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist worksteal

# PLAUDIT_TEST_CITUS names the coordinator; see docs/beyond-one-machine.md.
test-citus: setup  ## the tests of the store, of tasks, the queue and webhooks on a Citus cluster
	PLAUDIT_TEST_ENGINES=citus $(BIN)/python -m pytest -q --citus-record \
		-k citus tests/store tests/tasks tests/labeling tests/webhooks tests/sharding

check: setup  ## style and types
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

fix: setup  ## put style in order
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

texts: setup  ## the catalogues of the pages' texts, in step with the code
	$(BIN)/python -m tests.support.texts.catalogue_files

serve: setup  ## a server on ./plaudit-data
	$(BIN)/plaudit init
	$(BIN)/plaudit serve --port $(PORT)

bench-setup: $(BENCH_STAMP)

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
ifneq ($(UV),)
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --locked --inexact --no-install-project $(BENCH)
else
	@$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/bench.txt
endif
	@touch $@

bench: bench-setup  ## measure against nginx and an ordinary server; about 20 minutes
	$(BIN)/python -m benchmarks

bench-quick: bench-setup  ## the same on little data, to see that it runs
	$(BIN)/python -m benchmarks --quick

screenshots: setup  ## every page of the workspace, in screenshots/
	$(BIN)/python -m tests.support.pages.page_gallery screenshots

pictures: setup  ## the pictures of pages in README.md and docs/, in docs/images/
	$(BIN)/python -m tests.support.pages.document_pictures docs/images

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
