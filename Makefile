# Tradewind. `make up` starts everything, `make test` proves it; both need only Python 3.11+.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
UV_VERSION := 0.13.9

.PHONY: setup up test check gen lock soak bench clean help

help: ## Lists the targets.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Makes .venv with every dependency, pinned by hash.

$(STAMP): requirements.lock pyproject.toml gen/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tradewind needs Python 3.11 or newer; name one with PYTHON=…")'
	@echo "setting up $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@grep -A 100 '^uv==' requirements.lock | awk 'NR==1 || /^ /{print; next} {exit}' > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e gen -e .
	@touch $@

up: setup ## Starts the whole mesh in the foreground; Ctrl-C stops it.
	@exec $(BIN)/mesh up

test: setup ## Runs all tests with coverage.
	@$(BIN)/python -m tests.run

soak: setup ## The same tests with bigger numbers: storms, the full crash matrix, 100,000 orders.
	@TRADEWIND_SOAK=1 $(BIN)/python -m tests.run -s

bench: setup ## What an order costs, beside an empty call, on SQLite and PostgreSQL.
	@$(BIN)/python -m tests.bench.orders

check: setup ## Lint, types, boundaries, contracts, drift of generated files.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mesh.contract.generate --check
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/python -m mesh.contract.breaking
	$(BIN)/lint-imports
	$(BIN)/mypy

gen: setup ## Regenerates gen/ from protos/.
	@$(BIN)/python -m mesh.contract.generate

lock: setup ## Refreshes requirements.lock.
	@$(BIN)/uv pip compile --quiet pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-package tradewind-contracts \
		-o requirements.lock

clean: ## Removes what can be made again (never the mesh's data).
	@rm -rf $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .coverage*
