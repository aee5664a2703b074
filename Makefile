# One virtual environment, made on demand. BACKEND chooses what Keras runs on.
BACKEND ?= tensorflow
PYTHON ?= python3
BACKENDS := tensorflow jax torch
WORKERS ?= 2
# The benchmarks that run on every backend, with one thread and with two; and with one alone.
CLAIMS := dropout batch_normalization folding optimizer_update training_step gradient_monitor
SINGLE_CLAIMS := backward_memory gradient_monitor_compile gradient_monitor_growth training_state \
	learning_rate find_learning_rate preflight diagnose hyper_mlp search_proposals search_memory

ifeq ($(filter $(BACKEND),$(BACKENDS)),)
$(error `BACKEND` must be one of $(BACKENDS). Received: BACKEND=$(BACKEND))
endif

VENV := .venv
RUN := $(VENV)/bin/python
OLDEST_KERAS := $(shell sed -n 's/^ *keras>=//p' setup.cfg)
# The interpreter's own pip serves the environment, so that no ensurepip is needed.
INSTALL := $(PYTHON) -m pip --python $(RUN) install --quiet --disable-pip-version-check

export KERAS_BACKEND := $(BACKEND)
export TF_CPP_MIN_LOG_LEVEL ?= 2
# The models here are small: one PyTorch thread outruns several that wait for each other.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-gate test-long test-all test-oldest mutants lint check bench bench-backend clean

help:
	@echo "make demo         train on the digits with every component     (BACKEND=$(BACKEND))"
	@echo "make test         run the short form of the tests              (BACKEND=$(BACKEND))"
	@echo "make test-gate    run examples, Keras's own tests, a browser's (BACKEND=$(BACKEND))"
	@echo "make test-long    every test, all combinations, 100 kills      (BACKEND=$(BACKEND))"
	@echo "make test-all     run test and test-gate on $(BACKENDS)"
	@echo "make test-oldest  run contracts and files on Keras $(OLDEST_KERAS), the oldest supported"
	@echo "make mutants      see whether the tests notice mistakes made on purpose, some 30 minutes"
	@echo "make lint         run ruff and mypy"
	@echo "make check        lint, then test"
	@echo "make bench        measure ours against its peers on $(BACKENDS), some 130 minutes"
	@echo "make clean        remove what the other targets made"
	@echo "BACKEND is one of: $(BACKENDS)"

demo: $(VENV)/examples-$(BACKEND)
	$(RUN) examples/01_quickstart.py

# Many tests compile the same program. Benchmarks, which time compilers, run without this.
TESTS := test test-gate test-long test-oldest mutants
$(TESTS): export JAX_COMPILATION_CACHE_DIR ?= $(abspath $(VENV))/jax-programs
$(TESTS): export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0

# Who has nothing left to do takes tests from the other. Which tests are in the short form and in
# the others: tests/conftest.py.
PYTEST := $(RUN) -m pytest -n $(WORKERS) --dist worksteal

test: $(VENV)/test-$(BACKEND)
	$(PYTEST)

test-gate: $(VENV)/test-$(BACKEND)
	$(PYTEST) --gate -m gate

test-long: $(VENV)/test-$(BACKEND)
	$(PYTEST) --long

test-all:
	for backend in $(BACKENDS); do $(MAKE) test test-gate BACKEND=$$backend || exit; done

test-oldest: $(VENV)/test-$(BACKEND) $(VENV)/keras-$(OLDEST_KERAS)
	PYTHONPATH=$(VENV)/keras-$(OLDEST_KERAS) $(PYTEST) --oldest

mutants:
	for backend in $(BACKENDS); do \
		$(MAKE) $(VENV)/test-$$backend BACKEND=$$backend || exit; \
	done
	$(RUN) -m tests.mutants --workers $(WORKERS)

lint: $(VENV)/dev-$(BACKEND)
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

check: lint test

bench:
	for backend in $(BACKENDS); do $(MAKE) bench-backend BACKEND=$$backend || exit; done
	$(RUN) benchmarks/batch_normalization_accuracy.py

bench-backend: $(VENV)/test-$(BACKEND)
	for claim in $(SINGLE_CLAIMS); do $(RUN) benchmarks/$$claim.py || exit; done
	for threads in 1 2; do for claim in $(CLAIMS); do \
		THREADS=$$threads $(RUN) benchmarks/$$claim.py || exit; \
	done || exit; done

clean:
	rm -rf $(VENV) build runs *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(RUN):
	$(PYTHON) -m venv --without-pip $(VENV)

# A file per extra and backend marks what is installed; changed metadata installs again.
$(VENV)/%-$(BACKEND): setup.cfg pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) --constraint constraints.txt --editable ".[$*,$(BACKEND)]"
	touch $@

$(VENV)/keras-$(OLDEST_KERAS): setup.cfg | $(RUN)
	rm -rf $@
	$(INSTALL) --no-deps --target $@ keras==$(OLDEST_KERAS)
	touch $@
