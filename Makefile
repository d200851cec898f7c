# The two commands of the README are `make demo` and `make test`. Both set up what they need:
# with uv where it is installed, else with Python's own venv and pip.

PYTHON ?= python3
PORT ?= 8000
# Most tests wait for servers and browsers of their own: two for each core keep it busy.
TEST_WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup demo test check fix serve bench bench-quick bench-setup screenshots clean

setup: $(STAMP)

$(STAMP): pyproject.toml uv.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv sync --quiet --locked --extra test --extra check; \
	else \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")' \
		&& $(PYTHON) -m venv $(VENV) \
		&& $(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,check]'; \
	fi
	@touch $@

demo: setup  ## a running server with sample data
	@$(BIN)/plaudit demo --port $(PORT)

test: setup  ## the whole test suite
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist worksteal

check: setup  ## style and types
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

fix: setup  ## put style in order
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

serve: setup  ## a server on ./plaudit-data
	$(BIN)/plaudit init
	$(BIN)/plaudit serve --port $(PORT)

bench-setup: setup
	@if command -v uv >/dev/null 2>&1; then \
		uv sync --quiet --locked --extra test --extra check --extra bench; \
	else \
		$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,check,bench]'; \
	fi

bench: bench-setup  ## measure against nginx and an ordinary server; about 20 minutes
	$(BIN)/python -m benchmarks

bench-quick: bench-setup  ## the same on little data, to see that it runs
	$(BIN)/python -m benchmarks --quick

screenshots: setup  ## every page of the workspace, in screenshots/
	$(BIN)/python tests/browser/gallery.py screenshots

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
