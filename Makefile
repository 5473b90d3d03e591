# Two commands need nothing but git, make and Python: `make demo` and `make test`.
# Everything is installed from requirements/*.lock, by uv, into .venv.

SHELL := /bin/bash
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
BIN := .venv/bin
DEMO := outputs/demo
SIMULATORS ?= aloha gym-hil gymnasium metaworld pusht
export LEROBOT_SIM_HOME ?= $(CURDIR)/.tools/data

.PHONY: demo env test test-faults test-simulators check format bench results lock clean help

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: .venv/.base ## demonstrations, training and score of PushT, in $(DEMO)
	$(BIN)/lerobot-sim run push-t --output-dir $(DEMO)

env: .venv/.dev ## .venv with all that tests and benchmarks need

test: .venv/.dev ## all tests, those of the light simulators too (SIMULATORS="" for none of them)
	@test -z "$(SIMULATORS)" || $(BIN)/lerobot-sim setup $(SIMULATORS) --no-smoke-run
	LEROBOT_SIM_REQUIRE="$(SIMULATORS)" $(BIN)/python -m pytest -n auto

test-faults: .venv/.dev ## the long version of the tests that kill a recording, several minutes
	LEROBOT_SIM_FAULTS=long $(BIN)/python -m pytest tests/datasets/test_kill.py tests/datasets/test_full_disk.py

test-simulators: .venv/.dev ## set simulators up and test them: NAME=metaworld (several in quotes)
	$(BIN)/python scripts/ci_simulators.py $(NAME)

check: .venv/.dev ## lint, format, types, floors, file sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_sizes.py

format: .venv/.dev ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev ## every script in benchmarks/, about a minute each (FULL=--full for more); not those of results
	@for script in $(filter-out benchmarks/harness.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script $(FULL) || exit 1; done

# In the order of their names, for act_lift.py trains the policy that others score.
results: .venv/.dev ## every script in benchmarks/results/, hours; what is finished is kept, the same command goes on
	@for script in $(sort $(wildcard benchmarks/results/[a-z]*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: $(UV) ## solve requirements/*.lock anew
	$(UV) pip compile pyproject.toml --extra all --extra dev --universal --python-version 3.12 --generate-hashes --no-header -q --upgrade -o requirements/dev.lock
	$(UV) pip compile pyproject.toml -c requirements/dev.lock --universal --python-version 3.12 --generate-hashes --no-header -q --upgrade -o requirements/base.lock

clean: ## remove .venv, tools and caches; outputs stay
	rm -rf .venv .tools .pytest_cache .ruff_cache .import_linter_cache

.tools/uv/bin/uv:
	python3 -m pip install --quiet --disable-pip-version-check --target .tools/uv 'uv>=0.8,<1'

.venv/bin/python: | $(UV)
	$(UV) venv --quiet --python "$$(cat .python-version)" .venv

# What is there already is never removed: the base lock holds the same versions as the whole one.
.venv/.base: requirements/base.lock pyproject.toml | .venv/bin/python
	$(UV) pip install --quiet --python .venv --require-hashes -r requirements/base.lock
	$(UV) pip install --quiet --python .venv --no-deps -e .
	@touch $@

.venv/.dev: requirements/dev.lock pyproject.toml | .venv/bin/python
	$(UV) pip install --quiet --python .venv --require-hashes -r requirements/dev.lock
	$(UV) pip install --quiet --python .venv --no-deps -e . -e packages/lerobot_env_sim
	@touch $@
