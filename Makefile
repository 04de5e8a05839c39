# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Options: DIR=folder of the demo, PYTHON=interpreter to build environments with, ARGS=arguments for
# pytest, JOBS=test files run side by side.

SHELL := /bin/bash
BIN := .venv/bin
DIR ?= demo_output
ARGS ?=
JOBS ?= 2

.PHONY: help demo test test-oldest test-backends lint format venv clean

help:
	@echo "make demo           simulate, train, evaluate, export and augment on toy data, into $(DIR)"
	@echo "make test           run the test suite"
	@echo "make test-oldest    run it with the oldest versions that pyproject.toml allows"
	@echo "make test-backends  generate with TensorFlow, JAX and PyTorch, and compare"
	@echo "make lint           check style and spelling"
	@echo "make format         repair style"
	@echo "make venv           only install into .venv (the others do it when needed)"
	@echo "make clean          remove the environments and the demo's output"

demo: venv
	$(BIN)/ctlearn-gan demo --output "$(DIR)" --overwrite

test: venv
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(ARGS)

test-oldest: venv-oldest
	.venv-oldest/bin/pytest -q -n $(JOBS) --dist loadfile $(ARGS)

# Each backend in an environment of its own: only TensorFlow's holds TensorFlow and CTLearn. The others
# compare their images with its.
test-backends: venv venv-jax venv-torch
	@set -e; export BACKEND_IMAGES=$$(mktemp -d); trap 'rm -rf "$$BACKEND_IMAGES"' EXIT; \
	for backend in tensorflow:.venv jax:.venv-jax torch:.venv-torch; do \
		echo "$${backend%%:*}:"; \
		KERAS_BACKEND=$${backend%%:*} "$${backend##*:}/bin/pytest" -q tests/test_backends.py tests/test_components.py $(ARGS); \
	done

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

venv:
	@PYTHON="$(PYTHON)" tools/make_venv.sh

venv-%:
	@PYTHON="$(PYTHON)" tools/make_venv.sh $*

clean:
	rm -rf .venv .venv.lock .venv-* "$(DIR)"
