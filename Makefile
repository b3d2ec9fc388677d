# make demo: set up, segment a case with the bundled weights, score it.
# make test: lint, types and every quick test, in minutes.   make test-all: slow, browser and container tests too.
# make docs: the documentation's site, in site/.
# make campaign-demo: train, tune, pack and score tiny networks on phantoms, every stage of the method.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# The first that runs; another: make PYTHON=/path/to/python3.12
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
              "$$name" -c pass 2>/dev/null && echo "$$name" && break; done)
CLIENTS_PYTHON ?= python3.11
VENV   ?= .venv
CASE   ?=
OUT    ?= demo
# Which torch: by default what your pip index calls 2.13.0 (on PyPI: the CUDA build, several GB).
# Other wheels: make install TORCH_ARGS="--index-url <the CPU or CUDA index that pytorch.org names for your machine>"
TORCH      ?= torch==2.13.0
TORCH_ARGS ?=
# What builds the images of the container tests
DOCKER_BUILD ?= docker build
# How many processes run the quick tests
WORKERS ?= 2
BIN := $(VENV)/bin

.PHONY: demo campaign-demo test test-all lint docs bench install clients lock clean

demo: install
	$(BIN)/bratseg demo -o "$(OUT)" $(if $(CASE),--case "$(CASE)")

# pretraining, fine-tuning, packing and scoring on phantoms, in minutes; killed, it goes on where it was
campaign-demo: install
	$(BIN)/bratseg campaign-demo -o campaign-demo

# one thread each, so that the processes do not wait for one another; one process per file keeps its fixtures made once
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not browser and not container" \
	    --numprocesses $(WORKERS) --dist loadfile --durations 10

# after `make test`, what it left out; where a container engine answers, the programs of other harnesses are needed too
test-all: test docs $(shell docker info >/dev/null 2>&1 && echo clients)
	$(BIN)/python -m pytest -m "slow or browser or container" --durations 10 --docker-build "$(DOCKER_BUILD)"

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# opens from a folder, without a network; a dead link or an unknown name stops it
docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: install
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml locks/dev.txt locks/radiomics.txt locks/install
	@locks/check-machine "$(PYTHON)"
	$(PYTHON) -m venv "$(VENV)"
	locks/install "$(BIN)/python" dev "$(TORCH)" $(TORCH_ARGS)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch "$@"

# what builds the site and runs the notebook, in the same environment
$(VENV)/.docs-installed: $(VENV)/.installed locks/docs.txt
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r locks/docs.txt
	touch "$@"

clients: $(VENV)-clients/.installed

# MLCube 0.0.9 imports distutils, which Python 3.12 no longer has; without it, its tests skip
$(VENV)-clients/.installed: locks/clients.txt
	@if ! $(CLIENTS_PYTHON) -c "import ensurepip, venv" 2>/dev/null; then \
	    echo "$(CLIENTS_PYTHON): not found, the tests with MLCube are skipped. Name a Python 3.11: CLIENTS_PYTHON=..." >&2; \
	else \
	    $(CLIENTS_PYTHON) -m venv "$(VENV)-clients"; \
	    "$(VENV)-clients/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r $<; \
	    touch "$@"; \
	fi

lock:
	locks/update

clean:
	rm -rf "$(VENV)" "$(VENV)-clients" demo campaign-demo site
