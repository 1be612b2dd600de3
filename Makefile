# Two commands do everything on a fresh machine: `make demo` and `make test`. The others are parts of them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LINT := build/lint/quant_triage
PACKAGES := data prompts rubrics training quantize harness reports
OUT ?= runs/demo
BENCHES ?= engine quantize merge scale

.PHONY: demo test setup system lint types unit format bench docs pictures notebook audit clean

demo: setup
	$(BIN)/quant-triage run --out $(OUT)

test: setup lint unit

setup: system $(VENV)/.installed

# Debian packages that pip cannot bring; installed when missing and root, else named with what they are for.
system:
	@.ci/system-packages

# llama-cpp-python is built from source once (about four minutes on two cores); pip caches the wheel.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --editable '.[train,dev,docs]'
	@touch $@

# mypy and import-linter see nothing through an editable install with package-dir: show them a package of links.
$(LINT): Makefile
	mkdir -p $(LINT)
	for part in $(PACKAGES); do ln -sfn ../../../$$part $(LINT)/$$part; done
	touch $(LINT)/__init__.py $(LINT)/py.typed $(LINT)

lint: $(VENV)/.installed $(LINT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p quant_triage
	$(BIN)/mypy tests docs/site
	PYTHONPATH=build/lint $(BIN)/lint-imports

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: $(VENV)/.installed $(LINT)
	.ci/two-at-once $(BIN)/pytest

# The site, into build/site; warnings are errors. `make docs` once, then open build/site/index.html.
docs: $(VENV)/.installed $(LINT)
	$(BIN)/python docs/site/drawing.py docs/images/architecture.svg
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Every figure of docs/benchmarks.md again, on this machine; minutes to an hour. Peers are compiled once.
bench: setup
	for one in $(BENCHES); do $(BIN)/quant-triage bench $$one --write docs/benchmarks.md || exit; done

# The README's two pictures of a report, from a finished run; look at them before committing.
pictures: setup
	$(BIN)/python docs/images/take.py $(OUT)/report.html

# Run demo.ipynb afresh and save what it shows: minutes on two quiet cores.
notebook: setup
	rm -rf runs/notebook
	PYTHONWARNINGS="ignore:IProgress not found" $(BIN)/python -m papermill --no-progress-bar demo.ipynb demo.ipynb

# What is installed against the published advisories; says so where no advisory service can be reached.
audit: setup
	$(BIN)/python .ci/audit

clean:
	rm -rf build dist *.egg-info runs
