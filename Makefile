# What CI runs is `make check`; nothing here needs more than Python 3.11 and a network.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# The tests start hundreds of processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
# Of pytest's processes. Integration tests have a Kafka and an Elasticsearch in each, and times that a busy machine misses.
UNIT_JOBS ?= logical
INTEGRATION_JOBS ?= 0

.PHONY: install demo test check lint fmt unit integration chaos faults simulate rotate rules bench expected

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "tetrastash needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: install
	@$(BIN)/python -m app.local.demo $(ARGS)

expected: install
	$(BIN)/python -m tests.agents.expected

unit: install
	$(BIN)/pytest -m "not integration" -n $(UNIT_JOBS) --dist worksteal

integration: install
	$(BIN)/pytest -m integration -n $(INTEGRATION_JOBS) --dist loadfile --no-loadscope-reorder

test: unit integration

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

fmt: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: install
	@$(BIN)/python -m tests.faults.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5) $(ARGS)

faults: install
	@$(BIN)/python -m $(if $(PEER),tests.faults.peers $(PEER),tests.faults.matrix) $(ARGS)

rotate: install
	@$(BIN)/python -m tests.rotate.run --seed $(or $(SEED),1) $(if $(PEER),--peer $(PEER)) $(ARGS)

simulate: install
	@$(BIN)/python -m tests.simulate.run --seeds $(or $(SEEDS),1000) $(ARGS)

rules: install
	@$(BIN)/python -m tests.rules.run $(ARGS)

bench: install
	@$(BIN)/python -m bench $(ARGS)
