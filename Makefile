# Everything sets itself up in .venv from constraints.txt; nothing else on the machine is touched.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
OUT ?= quickstart
FUZZ_SECONDS ?= 60

.PHONY: quickstart quickstart-train test test-slow test-oldest test-endurance fuzz lint browser docs docs-serve clean

$(VENV)/base.stamp: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/test.stamp: $(VENV)/base.stamp
	$(PIP) -e '.[test]'
	touch $@

# Torch comes only after the part that does without it.
$(VENV)/learn.stamp: $(VENV)/base.stamp
	$(PIP) -e '.[train,evaluate]'
	touch $@

$(VENV)/docs.stamp: $(VENV)/base.stamp
	$(PIP) -e '.[docs]'
	touch $@

# Generate and look at it; then train on it and see whether it helped.
quickstart: $(VENV)/base.stamp
	$(BIN)/bt-augment generate data/en/qa.json --route en:pt:en --route en:pt --out $(OUT)/ --overwrite --quiet
	$(BIN)/bt-augment inspect $(OUT)/ --rejected --sample 2
	$(BIN)/bt-augment inspect $(OUT)/ --sample 3
	$(MAKE) --no-print-directory quickstart-train

quickstart-train: $(VENV)/learn.stamp
	$(BIN)/bt-augment run recipes/quickstart.yaml --set data.pairs=$(OUT) --out $(OUT)-experiment/

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/*.py
	$(BIN)/lint-imports --no-logo

# The documentation site, into site/; a broken link or anchor is an error.
docs: $(VENV)/docs.stamp
	$(BIN)/python docs/build_site.py

docs-serve: $(VENV)/docs.stamp
	$(BIN)/python docs/build_site.py --serve

browser:
	.ci/chromium

test: lint browser
	$(BIN)/python -m pytest -m "not slow and not endurance" -n 2 --dist loadfile

test-slow: $(VENV)/test.stamp browser
	$(BIN)/python -m pytest -m slow

# With strace and libfaketime all of it. Others judge by other draws:
# The oldest versions that setup.cfg allows, which use what newer ones call deprecated; torch is the
# pinned one, test tools are the newest.
OLDEST := .venv-oldest/bin
.venv-oldest/floors.txt: setup.cfg
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch uv
	$(OLDEST)/uv pip install --quiet --python $(OLDEST)/python --resolution lowest-direct \
	    -r setup.cfg --extra all torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(OLDEST)/uv pip freeze --python $(OLDEST)/python > .venv-oldest/these.txt
	$(OLDEST)/uv pip install --quiet --python $(OLDEST)/python -r setup.cfg --extra test \
	    -c .venv-oldest/these.txt -e .
	mv .venv-oldest/these.txt $@

test-oldest: .venv-oldest/floors.txt
	$(OLDEST)/python -m pytest -W ignore::DeprecationWarning -m "not slow and not endurance" -n 2 --dist loadfile $(OLDEST_TESTS)

# make test-endurance ENDURANCE="--seed 7 --kills 300"
test-endurance: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/endurance -m endurance $(ENDURANCE)

# make fuzz FUZZ_SECONDS=600 FUZZ="--target recipe --seed 7"; atheris has wheels for Linux alone.
$(VENV)/fuzz.stamp: $(VENV)/test.stamp
	-$(PIP) atheris
	touch $@

fuzz: $(VENV)/fuzz.stamp
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(FUZZ_SECONDS) $(FUZZ)

clean:
	rm -rf $(VENV) $(OUT) $(OUT)-experiment build site *.egg-info .mypy_cache .ruff_cache .pytest_cache
