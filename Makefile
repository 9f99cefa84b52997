# Everything a person or a CI job types. The only things needed beforehand: make, and Python 3.11
# with its venv module. `make help` lists the targets.

VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
SOURCES := tinyiree passes targets samples tests tools setup.py
# Golden files are the emitter's output, byte for byte: never reformatted.
C_FILES = $(shell find tinyiree targets samples tests -name '*.[ch]' ! -path '*/golden/*' 2>/dev/null)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# What decides whether the installed environment is still the right one.
REQUIREMENTS := pyproject.toml setup.py constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format typecheck clean

help: ## Say what each target does.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

demo: $(VENV)/.samples-installed ## Install into .venv, then train-to-firmware on an emulated chip.
	@$(BIN)/tinyiree demo

# The tests run even when lint fails, so that one run shows all there is to mend.
test: $(VENV)/.dev-installed ## Lint, types and every test: what CI runs.
	@lint=0; $(MAKE) --no-print-directory lint || lint=$$?; \
	$(BIN)/python -m pytest -n $(JOBS) || exit $$?; \
	if [ $$lint -ne 0 ]; then echo "make test: lint failed, see above the test output" >&2; fi; \
	exit $$lint

# Each check runs even when an earlier one failed; the status is the sum of them.
lint: $(VENV)/.dev-installed ## ruff, clang-format and mypy --strict; changes nothing.
	@status=0; \
	$(BIN)/ruff check --output-format concise $(wildcard $(SOURCES)) || status=1; \
	$(BIN)/ruff format --check $(wildcard $(SOURCES)) || status=1; \
	for file in $(C_FILES); do \
	  $(BIN)/clang-format --dry-run -Werror "$$file" 2>/dev/null || { \
	    echo "$$file: not in the format of .clang-format: run make format"; status=1; }; \
	done; \
	$(BIN)/python tools/typecheck.py || status=1; \
	exit $$status

typecheck: $(VENV)/.dev-installed ## mypy --strict on tinyiree, passes and targets.
	@$(BIN)/python tools/typecheck.py

format: $(VENV)/.dev-installed ## Rewrite Python and C files in the project's format.
	$(BIN)/ruff check --fix $(wildcard $(SOURCES))
	$(BIN)/ruff format $(wildcard $(SOURCES))
	$(if $(C_FILES),$(BIN)/clang-format -i $(C_FILES))

clean: ## Remove what was built, but keep the environment.
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The first interpreter that really is 3.11: a version manager's shim may exist and still not run.
$(VENV)/bin/python:
	@for python in "$$PYTHON" python3.11 python3 python; do \
	  [ -n "$$python" ] || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "make: $$python has no venv module: install it" \
	      "(Debian, Ubuntu: apt install python3.11-venv) and run make again." >&2; exit 1; }; \
	  echo "make: creating $(VENV) with $$("$$python" --version)"; \
	  exec "$$python" -m venv "$(VENV)"; \
	done; \
	echo "make: tinyiree needs Python 3.11, and neither python3.11, python3 nor python is that" \
	  "version: install it (Debian 12: apt install python3.11 python3.11-venv; elsewhere:" \
	  "python.org, pyenv or uv), or name it: make PYTHON=/path/to/python3.11 demo" >&2; exit 1

$(VENV)/.samples-installed: $(REQUIREMENTS) | $(VENV)/bin/python
	@echo "make: installing tinyiree into $(VENV) (a few minutes the first time)"
	@$(INSTALL) -e '.[samples]'
	@touch $@

# The development extra holds the samples extra, so both stamps are set.
$(VENV)/.dev-installed: $(REQUIREMENTS) | $(VENV)/bin/python
	@echo "make: installing tinyiree and the development tools into $(VENV)"
	@$(INSTALL) -e '.[dev]'
	@# For the data files in its wheel alone: its own requirements do not go with ours.
	@$(INSTALL) --no-deps aeon==1.6.0
	@touch $(VENV)/.samples-installed $@
