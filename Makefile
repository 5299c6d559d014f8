# make demo    the main job on the embedded digits, in a virtual environment of its own
# make test    all tests and the examples in the docstrings     (LAYERWISE_DATA=FOLDER: where data sets already lie)
# make check   ruff, pyright, import-linter
# make docs    the site with guides and reference, in site/; a warning is an error
# make bench   every command in benchmarks/, one after the other
# make clean   removes the virtual environment and all that was built; runs/ stays
#
# Another Python for the environment: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

# Constrains what is installed and, by the environment, what builds it. Relative: pip splits these at spaces.
PINS := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1

.DELETE_ON_ERROR:
.PHONY: demo test check docs bench clean

demo: $(INSTALLED)
	@rm -rf runs/demo
	$(BIN)/layerwise train digits --labels 100 --out runs/demo

# Idle threads of numba and torch wait asleep: spinning, they take the cores from each other on a busy machine.
test: export OMP_WAIT_POLICY = passive
test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --maxprocesses 4

check: export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1
check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

docs: $(INSTALLED)
	$(BIN)/python -m sphinx -q -W --keep-going -c docs/site -d build/doctrees . site

bench: $(INSTALLED)
	@set -e; for command in benchmarks/*.py; do echo "== $$command"; $(BIN)/python "$$command"; done

clean:
	rm -rf .venv build dist site docs/reference .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find . -name '.?*' -prune -o -name __pycache__ -prune -exec rm -rf {} +

# An environment of the same Python is brought up to date; any other, or a broken one, is made anew.
# torch comes first and by its exact pin: asked for as a range, it would bring the newest build and gigabytes with it.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "layerwise needs Python 3.11 or newer, and there is no '$(PYTHON)' here: name one with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "layerwise needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1): name another with PYTHON=/path/to/python" >&2; exit 1; }
	@{ [ "$$($(BIN)/python -VV)" = "$$($(PYTHON) -VV)" ] && $(BIN)/python -m pip --version; } >/dev/null 2>&1 \
	    || { echo "Making the virtual environment .venv with $$($(PYTHON) -V) ..."; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing torch (once, a few minutes on a slow line) ..."
	@$(PINS) $(BIN)/python -m pip install -qq "$$(grep '^torch==' constraints.txt)"
	@echo "Installing layerwise and what it needs ..."
	@$(PINS) $(BIN)/python -m pip install -qq --editable '.[data,docs,onnx,remote,test]'
	@touch $@
