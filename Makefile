# Everything a newcomer needs: `make demo`, `make test`. The rest: `make help`.
#
# All of it happens in .venv beside this file, so clones do not meet, and no step needs more than
# make, Python 3.11 or newer and, the first time, a package index.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# A caller's Python paths would put other code before ours.
unexport PYTHONPATH PYTHONHOME

VENV := .venv
IN := $(VENV)/bin
# Stamps carry the path of this clone: a copied or moved .venv is made anew, since its scripts and
# its link to the code would still point at the place it came from.
HERE := $(shell pwd | cksum | cut -d ' ' -f 1)
CREATED := $(VENV)/.created-$(HERE)
RUNTIME := $(VENV)/.runtime-$(HERE)
DEVELOPMENT := $(VENV)/.development-$(HERE)
VERIFIERS := tests/npm/node_modules/.package-lock.json

INSTALL := $(IN)/python -m pip install --quiet --disable-pip-version-check --no-input
# Hashes vouch for what comes from outside; our own code is linked, with nothing fetched for it.
INSTALL_LOCKED := $(INSTALL) --require-hashes --requirement
INSTALL_SELF := $(INSTALL) --no-deps --no-build-isolation --no-index --editable .

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(RUNTIME) ## Play three countries on this machine; ARGS=--once ends after the last step
	@$(IN)/symbolon demo $(ARGS)

.PHONY: test
test: lint $(VERIFIERS) ## Run every check and every test; ARGS goes to pytest
	@echo "== Tests"
	@$(IN)/python -m pytest $(ARGS)

.PHONY: lint
lint: $(DEVELOPMENT) ## Run the checks that start no program: style, types, who may import whom
	@echo "== Style"
	@$(IN)/ruff check
	@$(IN)/ruff format --check
	@echo "== Types"
	@$(IN)/mypy
	@echo "== Imports"
	@$(IN)/lint-imports

.PHONY: bench
bench: $(DEVELOPMENT) ## Measure sealed queries beside bare echoes on this machine
	@$(IN)/python -m tests.benchmarks $(ARGS)

.PHONY: proto
proto: $(DEVELOPMENT) ## Write node/wire/_pb from protos/ (tests/test_protos.py repeats this call)
	@$(IN)/buf format --write protos
	@$(IN)/python -m grpc_tools.protoc -Inode/wire/_pb=protos/symbolon/v1 \
		--python_out=. --pyi_out=. --grpc_python_out=. node/wire/_pb/node.proto
	@echo "Written: node/wire/_pb"

.PHONY: baseline
baseline: $(DEVELOPMENT) ## At a release: make protos/ as it is what later versions may not break
	@$(IN)/buf build protos --exclude-source-info --output protos/image.binpb
	@echo "Written: protos/image.binpb"

# uv, because it locks for every platform at once; the files it writes name no index.
LOCK := uv pip compile pyproject.toml --no-config --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --quiet --group build

.PHONY: lock
lock: ## Resolve pyproject.toml anew into requirements*.txt (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: python -m pip install uv" >&2; exit 1; }
	@env -u UV_INDEX -u UV_DEFAULT_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
		sh -c '$(LOCK) $(ARGS) --output-file requirements.txt && \
		$(LOCK) $(ARGS) --extra dev --constraint requirements.txt --output-file requirements-dev.txt'
	@echo "Written: requirements.txt requirements-dev.txt"

.PHONY: clean
clean: ## Remove all that was made here: .venv, caches
	@rm -rf $(VENV) tests/npm/node_modules dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.hypothesis .schemathesis
	@find node tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(CREATED):
	@for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
		if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
			>/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Symbolon needs Python 3.11 or newer with its venv module, and found none." >&2; \
		echo "On Debian 12 or Ubuntu 24.04 or newer: apt install python3 python3-venv" >&2; \
		echo "If it is somewhere else: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)"; \
	rm -rf $(VENV) && $$found -m venv $(VENV)
	@touch $@

$(RUNTIME): requirements.txt pyproject.toml | $(CREATED)
	@echo "Installing what a node needs into $(VENV) (once; about half a minute)"
	@$(INSTALL_LOCKED) requirements.txt
	@$(INSTALL_SELF)
	@touch $@

$(DEVELOPMENT): requirements-dev.txt pyproject.toml | $(CREATED)
	@echo "Installing what the checks and tests need into $(VENV) (once; about a minute)"
	@$(INSTALL_LOCKED) requirements-dev.txt
	@$(INSTALL_SELF)
	@touch $@

# Verifiers by others, which the tests hand our documents to; the lock vouches for each by hash.
$(VERIFIERS): tests/npm/package-lock.json | $(DEVELOPMENT)
	@PATH="$(abspath $(IN)):$$PATH" npm ci --prefix tests/npm --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
