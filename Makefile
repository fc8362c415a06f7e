# Everything a newcomer needs: `make run` and `make test`. Both build .venv first.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESSERA_HOME ?= data
WORKERS ?= 3
USERS ?= 30000
ROUNDS ?= 3
PORT ?= 8080

# Imports of large libraries cost seconds when their bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run up test test-long check lint format bench profile docs lock hooks clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## */\t/' | expand -t 12

run: $(READY)  ## from the inbox (the sample, if it is empty) to published segments
	@$(BIN)/python dags/run_once.py --home "$(TESSERA_HOME)"

up: $(READY)  ## Airflow with its scheduler and pages on 127.0.0.1
	@$(BIN)/python dags/up.py --home "$(TESSERA_HOME)" --port $(PORT)

test: $(READY)  ## the whole test suite
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long"

test-long: $(READY)  ## what takes too long for every change
	@$(BIN)/pytest -m long

check: lint test  ## lint and test

lint: $(READY)  ## every linter
	@$(BIN)/pytest tests/project/test_linters.py

format: $(READY)  ## let the formatters write
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix -q dbt_project/models dbt_project/tests

bench: $(VENV)/.benchmark  ## time a run for USERS users beside three peers, ROUNDS times
	@$(BIN)/python tests/benchmarks/bench.py --users $(USERS) --rounds $(ROUNDS)

profile: $(READY)  ## the slowest models of a run for USERS users, and their plans
	@$(BIN)/python tests/benchmarks/slowest.py --users $(USERS)

docs: $(READY)  ## dbt docs as one page, in published/docs of the home
	@$(BIN)/tessera docs --home "$(TESSERA_HOME)"

lock: $(READY)  ## resolve the locks again, without any address in them
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --upgrade -q -o requirements.lock
	@$(BIN)/uv pip compile --group benchmark --constraint requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --upgrade -q -o benchmark.lock

hooks: $(READY)  ## run the linters before each commit
	@$(BIN)/prek install

clean:  ## the environment and caches; never data
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# What only the peers of the benchmark need.
$(VENV)/.benchmark: $(READY) benchmark.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --require-hashes \
		--compile-bytecode -r benchmark.lock
	@touch $@

# A Python between 3.11 and 3.13, a uv pinned by hash, then the lock, hashes checked.
$(READY): requirements.lock bootstrap.lock pyproject.toml
	@python=; for name in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if $$name -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			2>/dev/null; then python=$$name; break; fi; done; \
	if [ -z "$$python" ]; then \
		echo 'Tessera needs Python 3.11, 3.12 or 3.13 with its venv module' >&2; exit 2; fi; \
	if [ -L "$(VENV)" ]; then \
		echo '$(VENV) is a link: build it where it leads, or remove the link' >&2; exit 2; fi; \
	echo "building $(VENV) with $$($$python --version)" >&2; \
	$$python -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
		--require-hashes -r bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync -q --require-hashes \
		--compile-bytecode bootstrap.lock requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps \
		--no-build-isolation --editable .
	@touch $(READY)
