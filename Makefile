# Vitrine. `make demo` starts a living shop. CI runs what `.ci/run` says.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready-$(shell cat requirements-dev.txt requirements-bench.txt | cksum | cut -d' ' -f1)
# Number of parallel test processes.
WORKERS ?= 2
# A user without a home of their own keeps the download cache here.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export UV_CACHE_DIR ?= $(CURDIR)/var/cache/uv
export HOME := $(CURDIR)/var/home
endif
export MLFLOW_DISABLE_TELEMETRY := true
# Compiled modules make the second start quick.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo stop-demo clean-demo simulate test test-slow test-durations test-recsys test-spark test-deep check format requirements bench

help: ## show this list
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(READY)

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Vitrine needs Python 3.11 or newer")'
	@echo "• packages (once; about 1 GB)"
	@mkdir -p var "$$HOME"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "$$(grep -oE '^uv==[0-9.]+' requirements-dev.txt)"
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes --requirement requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --requirement requirements-bench.txt \
		2>var/bench.log || echo "• LightFM could not be built (var/bench.log): evaluations do without this peer"
	@rm -f .venv/.ready-*
	@touch $@

demo: $(READY) ## start a demo shop; Ctrl-C stops it. DATASET=complete-journey for real data, empty for your own; DETACH=1 returns the prompt
	@$(BIN)/python -m embedded up $(if $(DETACH),--detach)

stop-demo: $(READY) ## stop a demo that runs in the background
	@$(BIN)/python -m embedded down

clean-demo: $(READY) ## stop the demo and delete its data
	@$(BIN)/python -m embedded clean

simulate: $(READY) ## send simulated shoppers to the running demo; ARGS="--minutes 5 --speed 1" for a day in each minute
	@$(BIN)/python manage.py simulate $(ARGS)

# Together, the first two run every test once: the marker `slow` decides which of them a test belongs to.
test: $(READY) ## the quick tests: all but those of test-slow
	@$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist worksteal $(ARGS)

test-slow: $(READY) ## the tests marked slow: whole installations, benchmarks, chaos, long simulations, browsers, SDKs
	@$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal $(ARGS)

test-durations: ARGS += -p tests.durations
test-durations: test-slow test ## both, and where their seconds went by folder and file

test-recsys: ## the tests of recsys in an environment of its own, without Django, PostgreSQL and Redis
	@test -x var/recsys/bin/python || { $(PYTHON) -m venv var/recsys && var/recsys/bin/python -m pip install --quiet --require-hashes --requirement requirements-recsys.txt; }
	@var/recsys/bin/python -m pytest tests/recsys -n $(WORKERS) --dist worksteal $(ARGS)

test-spark: ## the tests of the extra [spark], which needs Java, in an environment of its own; a skipped test fails
	@command -v java >/dev/null || { echo "tests of [spark] not run, because this machine has not: Java"; exit 1; }
	@test -x var/spark/bin/python || $(PYTHON) -m venv var/spark
	@var/spark/bin/python -m pip install --quiet --require-hashes --requirement requirements-recsys.txt
	@var/spark/bin/python -m pip install --quiet "$$(grep -oE 'pyspark>=[^"]+' pyproject.toml)"
	@var/spark/bin/python -m pytest tests/recsys/sources/test_every_recommender.py tests/recsys/sources/test_spark_als.py \
		-k "spark" -p tests.recsys.no_skips -n $(WORKERS) $(ARGS)

DEEP_READY := var/deep/.ready-$(shell cat requirements-deep.txt | cksum | cut -d' ' -f1)

test-deep: $(DEEP_READY) ## the tests of the extra [deep] in an environment of its own; a skipped test fails
	@var/deep/bin/python -m pytest tests/recsys/sources tests/recsys/data/test_pictures.py \
		tests/recsys/training/test_optional_sources.py -k "sequence_net or sentences or pictures or deep_features" \
		-p tests.recsys.no_skips -n $(WORKERS) $(ARGS)

# With pip, which takes the torch build that this machine is configured for; all other packages are pinned.
$(DEEP_READY):
	@echo "• the extra [deep] (once; about 1.5 GB)"
	@rm -f var/deep/.ready-*
	@test -x var/deep/bin/pip || $(PYTHON) -m venv var/deep
	@var/deep/bin/python -m pip install --quiet --require-hashes --no-deps --requirement requirements-deep.txt
	@var/deep/bin/python -m pip install --quiet "$$(grep -oE 'torch>=[^"]+' pyproject.toml)"
	@touch $@

check: $(READY) ## check format, lint, types, import directions, migrations, deployment settings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	SECRET_KEY=only-for-checks $(BIN)/python manage.py makemigrations --check --dry-run
	HTTPS=1 SECRET_KEY=only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG $(BIN)/python -W ignore manage.py check --deploy --fail-level WARNING

format: $(READY) ## rewrite the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

requirements: $(READY) ## compile pyproject.toml into the requirements files
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile $(COMPILE) --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile $(COMPILE) --group recsys -c requirements-dev.txt -o requirements-recsys.txt
	echo "torch; python_version < '3'" > var/without-torch.txt
	$(BIN)/uv pip compile $(COMPILE) --group deep --override var/without-torch.txt -c requirements-recsys.txt -o requirements-deep.txt
	echo lightfm-next | $(BIN)/uv pip compile $(COMPILE) --no-deps --no-annotate - -o requirements-bench.txt

COMPILE := --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

bench: ## list the benchmarks
	@for file in bench/[a-z]*.py; do name=$$(basename $$file .py | tr _ -); printf 'make bench-%-20s%s\n' "$$name" "$$(sed -n '1s/"""//gp' $$file)"; done

bench-%: $(READY) ## run a benchmark by name with ARGS="…"
	@test -f bench/$(subst -,_,$*).py || { echo "There is no benchmark $*: \`make bench\` lists those there are." >&2; exit 2; }
	@$(BIN)/python -m bench.$(subst -,_,$*) $(ARGS)
