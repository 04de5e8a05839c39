# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Options: DIR=folder of the demo, PYTHON=interpreter to build .venv with, ARGS=arguments for pytest,
# JOBS=test files run side by side.

SHELL := /bin/bash
BIN := .venv/bin
DIR ?= demo_output
ARGS ?=
JOBS ?= 2

.PHONY: help demo test lint format venv clean

help:
	@echo "make demo    simulate, train, evaluate, export and augment on toy data, into $(DIR)"
	@echo "make test    run the test suite"
	@echo "make lint    check style and spelling"
	@echo "make format  repair style"
	@echo "make venv    only install into .venv (the others do it when needed)"
	@echo "make clean   remove .venv and the demo's output"

demo: venv
	$(BIN)/ctlearn-gan demo --output "$(DIR)" --overwrite

test: venv
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(ARGS)

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

venv:
	@PYTHON="$(PYTHON)" tools/make_venv.sh

clean:
	rm -rf .venv .venv.lock "$(DIR)"
