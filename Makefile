PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
RUNNABLE := .venv/.runnable
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: install demo page docs test test-long test-services test-browser bench bench-runs science crash fuzz bit-flips rooms schemas lint clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@echo 'installing into .venv what runs and tests need, which takes minutes'
	$(PYTHON) -m venv .venv
	$(INSTALL) '.[dev]'
	touch $(RUNNABLE) $@

# What users need: half of the files.
$(RUNNABLE): pyproject.toml constraints.txt
	@echo 'installing into .venv what runs need, which takes minutes'
	$(PYTHON) -m venv .venv
	$(INSTALL) '.[demo]'
	touch $@

demo: $(RUNNABLE)
	$(BIN)/idgbr demo

# The site of docs/, into out/docs. A dead link or a key without a description fails.
docs: install
	$(BIN)/mkdocs build

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One more test at once than cores, for many of them wait.
test: lint
	$(BIN)/pytest --numprocesses $$($(BIN)/python -c 'import os; print(min(os.cpu_count() + 1, 4))') --dist worksteal

# What takes long: crash trials, whole maps cut in several ways, faults of the disk and the clock, an outage of the
# storage, a submitted job, ranks of Ray Train, every task of `make science` on small images.
test-long: install
	$(BIN)/pytest -m long --numprocesses 2 --dist worksteal

test-services: install
	tests/services/run

# Installs Chromium, if it is not there and this is root, and the npm packages that the page needs.
test-browser: install
	tests/browser/run

bench: install
	$(INSTALL) '.[bench]'
	$(BIN)/python tests/benchmarks/mosaic.py

bench-runs: install
	$(INSTALL) '.[bench]'
	$(BIN)/python tests/benchmarks/utilisation.py
	$(BIN)/python tests/benchmarks/scaling.py
	$(BIN)/python tests/benchmarks/driver.py

# Needs IDGBR_DATA. PRESET is auto, gpu or cpu; MINUTES makes it stop after so many, and the same command goes on.
PRESET ?= auto
MINUTES ?= 0

science: install
	PYTHONPATH=tests/benchmarks $(BIN)/python -m science --preset $(PRESET) --minutes $(MINUTES)

# Kills processes of runs and compares the maps. MINUTES makes it stop after so many, and the same command goes on.
TRIALS ?= 200
SEED ?= 1

crash: install
	PYTHONPATH=tests/benchmarks:tests/helpers $(BIN)/python -m crash --trials $(TRIALS) --seed $(SEED) --minutes $(MINUTES) \
		--json out/crash-$(SEED).json

# Hostile inputs of every kind: region files, items, API answers, command lines, labelled and model folders, zones.
INPUTS ?= 1500

fuzz: install
	PYTHONPATH=tests/benchmarks:tests/helpers OMP_NUM_THREADS=1 $(BIN)/python -m fuzz --inputs $(INPUTS) --seed $(SEED) \
		--keep out/fuzz-$(SEED)

bit-flips: install
	PYTHONPATH=tests/benchmarks:tests/helpers $(BIN)/python tests/benchmarks/bit_flips.py --seed $(SEED)

# Builds the page of a served cube; what it builds is committed, so that an install needs no Node.js.
page:
	cd pipeline/serve/page && npm ci --silent --ignore-scripts --no-audit --no-fund && node build.js

# Writes what --json prints, as JSON Schema. A change of it is told in CHANGELOG.md.
schemas: install
	PYTHONPATH=docs/site $(BIN)/python docs/site/results.py

# Writes the picture of the rooms into CONTRIBUTING.md and prints their sizes.
rooms: install
	$(BIN)/python tests/helpers/rooms.py

clean:
	rm -rf .venv .venv-services build *.egg-info
