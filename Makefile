# Everything that one does with Manytone, one target each. `make` alone lists them.
#
# Needs GNU make and Python 3.11, 3.12 or 3.13; the rest is installed into .venv on first use, and again
# only after a change of the lock it comes from.

VENV := .venv
SERVERS_VENV := .venv-servers
PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install --disable-pip-version-check --no-deps

# The first of these that will do makes .venv; PYTHON=… names another.
PYTHONS := python3.11 python3.12 python3.13 python3

E2E ?= tests/e2e

# The settings of service/settings.py come from the environment or from the command line (make serve
# PORT=9000); make hands both on to what it starts, and an empty one means the default there.

# Modules of another Python have no business in .venv.
unexport PYTHONHOME PYTHONPATH

# Told no file, Compose reads docker-compose.yml and, where there is one, docker-compose.override.yml.
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose) \
	$(if $(GPU),$(addprefix -f ,docker-compose.yml $(wildcard docker-compose.override.yml) docker-compose.gpu.yml)) \
	$(if $(MONITORING),--profile monitoring)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-training setup-dev setup-benchmarks setup-servers setup-e2e setup-otel screenshots serve \
	test train evaluate benchmark benchmark-engine benchmark-request benchmark-serving benchmark-scoring \
	benchmark-accuracy which-bundle check format e2e ci-train-serve docker-build up down clean lock FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make serve PORT=9000 WORKERS=2 DEVICE=cpu MODELS_DIR=models HOST=127.0.0.1"
	@echo '  make train DATASET="imdb sst2 amazon" SEED=1 DEVICE=auto RESUME=1 ARGS="--help"'
	@echo '  make train DATA=reviews.csv TEXT=text LABEL=label LANGUAGE=en FROM=models/reviews-en.pt NAME=shop'

setup: $(VENV)/.torch ## install what serving needs into .venv

setup-training: $(VENV)/.training ## install what training needs as well

setup-dev: $(VENV)/.dev ## install what tests and checks need

setup-benchmarks: $(VENV)/.benchmarks ## install what benchmarks need

setup-servers: $(SERVERS_VENV)/.servers ## install the servers that `make benchmark` compares with into .venv-servers

setup-e2e: $(VENV)/.e2e ## install other people's clients and what drives a browser

setup-otel: $(VENV)/.otel ## install OpenTelemetry

serve: setup ## serve the bundles in models/ (HOST, PORT, WORKERS, DEVICE, MODELS_DIR)
	@exec $(PY) -m gunicorn -c service/gunicorn.conf.py service.wsgi:app

# A file's tests stay in one process: they share what is costly to make. More than four processes would load torch
# more often than it pays.
test: setup-dev ## run the tests on up to four cores (ARGS goes to pytest: ARGS="-n 0 --pdb tests/test_fit.py")
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

# Some of these stand in everybody's environment (Ubuntu sets LANGUAGE, WSL sets NAME): only what is written
# behind `make train` counts.
typed = $(if $(filter command,$(origin $(2))),$(1) "$($(2))")

# glibc gives a step's large tensors back to the system and asks for them again at the next one, page by page, each of
# which is cleared first. Told this, it keeps them, even those beyond 32 MB, and takes pages of 2 MB: a teacher learnt
# 22,000 tokens a second on two cores instead of 14,000, in 5 GB instead of 2. Other systems know none of these names.
KEEP_MEMORY = MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4294967296 GLIBC_TUNABLES=glibc.malloc.hugetlb=1

train: setup-training ## make a bundle from public data (DATASET) or your own (DATA, TEXT, LABEL, LANGUAGE)
	$(KEEP_MEMORY) $(PY) -m training $(if $(DATASET),--dataset $(DATASET)) $(call typed,--data,DATA) \
		$(call typed,--text-column,TEXT) $(call typed,--label-column,LABEL) \
		$(call typed,--language,LANGUAGE) $(call typed,--from,FROM) $(call typed,--name,NAME) \
		$(if $(SEED),--seed $(SEED)) $(if $(DEVICE),--device $(DEVICE)) $(if $(RESUME),--resume) $(ARGS)

evaluate: which-bundle setup-training ## measure a bundle on a data set (BUNDLE, DATASET, ARGS)
	$(PY) -m training evaluate "$(BUNDLE)" --dataset $(DATASET) $(ARGS)

benchmark: setup-benchmarks setup-servers ## speed: the networks against a transformer's, the service against other servers (an hour or two)
	$(MAKE) benchmark-engine ARGS=
	$(MAKE) benchmark-request ARGS=
	$(MAKE) benchmark-serving

benchmark-engine: setup-benchmarks ## speed of the networks alone (ARGS)
	$(PY) -m benchmarks.engine $(ARGS)

benchmark-request: setup-benchmarks ## where the time of one request goes (ARGS)
	$(PY) -m benchmarks.request $(ARGS)

benchmark-scoring: setup-benchmarks ## rows a second of `score`, its memory, and a stop half-way (ARGS)
	$(PY) -m benchmarks.scoring $(ARGS)

# A peer that is not installed is left out: `make setup-servers` first. wrk comes from the system.
benchmark-serving: setup-benchmarks ## speed of the service (ARGS="--quick", "--cost", "--soak 10", "--help")
	$(PY) -m benchmarks.serving $(ARGS)

benchmark-accuracy: setup-benchmarks ## accuracy and speed against TF-IDF, NB-SVM, fastText … (DATASET, ARGS)
	$(PY) -m benchmarks.accuracy $(if $(DATASET),--dataset $(DATASET)) $(ARGS)

which-bundle:
	@test -n "$(BUNDLE)" -a -n "$(DATASET)" || { \
		echo 'Say which: make evaluate BUNDLE=models/reviews-en.pt DATASET=imdb' >&2; exit 2; }

check: setup-dev ## lint, formatting and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: setup-dev ## format the code and mend what ruff can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

screenshots: setup-e2e ## take the README's pictures of the page; needs Chromium and a running `make serve`
	$(PY) scripts/screenshots.py http://127.0.0.1:$(or $(PORT),8000) docs/images

e2e: setup-dev setup-e2e ## train for real, build the image, ask it over HTTP (minutes; needs Docker)
	$(PY) -m pytest -s $(E2E)

ci-train-serve: setup-dev ## train on real data, then serve it (DATASET_MIRROR)
	$(PY) -m pytest tests/e2e/test_train_to_serve.py

docker-build: ## build the image (GPU=1 for CUDA)
	$(COMPOSE) build

up: ## build and start the container in the background (PORT, GPU=1, MONITORING=1)
	$(COMPOSE) up --build --detach

down: ## stop and remove the container (and MONITORING=1)
	$(COMPOSE) down

clean: ## remove .venv and caches; models, data and runs stay
	rm -rf $(VENV) $(SERVERS_VENV) .mypy_cache .pytest_cache .ruff_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The environment -------------------------------------------------------------------------------------------
# Each step leaves a stamp in .venv once it is complete: an interrupted one is taken up the next time, and the
# stamps go when .venv goes.

# Without an interpreter (never made, or its Python was removed) .venv is made anew.
ifeq ($(wildcard $(PY)),)
$(VENV)/.made: FORCE
endif

SUITABLE = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

$(VENV)/.made:
	@if $(PY) -c '$(SUITABLE)' 2>/dev/null && $(PY) -m pip --version >/dev/null 2>&1; then \
		touch $@; exit; \
	fi; \
	for python in $(or $(PYTHON),$(PYTHONS)); do \
		if "$$python" -c '$(SUITABLE)' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version) ..."; \
			"$$python" -m venv --clear $(VENV) && touch $@; exit; \
		fi; \
	done; \
	{ echo "No suitable Python among: $(or $(PYTHON),$(PYTHONS))"; \
	  echo "Manytone needs Python 3.11, 3.12 or 3.13 that can make virtual environments. Install one, or"; \
	  echo "name it: make setup PYTHON=/path/to/python3.11. Debian and Ubuntu keep the modules venv and"; \
	  echo "ensurepip in a package of their own, e.g. python3.11-venv."; } >&2; \
	exit 1

$(VENV)/.service: $(VENV)/.made requirements/service.txt
	@echo "Installing the service's packages (requirements/service.txt) ..."
	@$(PIP_INSTALL) --quiet -r requirements/service.txt
	@touch $@

# Which build of torch, and from where, is the script's to decide.
$(VENV)/.torch: $(VENV)/.service pyproject.toml scripts/install_torch.py
	@$(PY) scripts/install_torch.py
	@touch $@

ifneq ($(TORCH_BUILD)$(TORCH_INDEX)$(TORCH_SPEC),)
$(VENV)/.torch: FORCE
endif

$(VENV)/.training: requirements/training.txt | $(VENV)/.torch
	@echo "Installing what training needs (requirements/training.txt; about 170 MB) ..."
	@$(PIP_INSTALL) -r requirements/training.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/.torch
	@echo "Installing what tests and checks need (requirements/dev.txt; about 210 MB) ..."
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/.otel: requirements/otel.txt | $(VENV)/.torch
	@echo "Installing OpenTelemetry (requirements/otel.txt) ..."
	@$(PIP_INSTALL) --quiet -r requirements/otel.txt
	@touch $@

$(VENV)/.benchmarks: requirements/benchmarks.txt | $(VENV)/.torch
	@echo "Installing what benchmarks need (requirements/benchmarks.txt; about 130 MB) ..."
	@$(PIP_INSTALL) -r requirements/benchmarks.txt
	@touch $@

# A .venv of their own: one of them pins what .venv has in another version.
$(SERVERS_VENV)/.servers: requirements/servers.txt scripts/install_torch.py $(VENV)/.torch
	@echo "Installing other servers (requirements/servers.txt, and torch once more) ..."
	@$(PY) -m venv --clear $(SERVERS_VENV)
	@$(SERVERS_VENV)/bin/python -m pip install --disable-pip-version-check --no-deps --quiet \
		-r requirements/servers.txt
	@$(SERVERS_VENV)/bin/python scripts/install_torch.py
	@touch $@

$(VENV)/.e2e: requirements/e2e.txt | $(VENV)/.dev
	@echo "Installing other people's clients and what drives a browser (requirements/e2e.txt; about 150 MB) ..."
	@$(PIP_INSTALL) -r requirements/e2e.txt
	@touch $@

# --- The locks -------------------------------------------------------------------------------------------------
# One resolution for all platforms and Pythons (dev.txt); the smaller locks are cut out of it, and benchmarks.txt
# and e2e.txt are in line with it, servers.txt with service.txt alone. torch is in none: see
# scripts/install_torch.py. Afterwards every pin must have a wheel everywhere.

COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(PY) -m uv pip compile --quiet pyproject.toml --universal \
	--python-version 3.11 --fork-strategy fewest --annotation-style line --no-emit-index-url --no-emit-package torch
PLATFORMS := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin

lock: setup-dev ## bring requirements/*.txt in line with pyproject.toml (UPGRADE=1: newest releases)
	$(COMPILE) --extra training --extra otel --group dev $(if $(UPGRADE),--upgrade) -o requirements/dev.txt >/dev/null
	$(COMPILE) --extra training --group benchmarks $(if $(UPGRADE),--upgrade) -c requirements/dev.txt \
		-o requirements/benchmarks.txt >/dev/null
	$(COMPILE) --group e2e $(if $(UPGRADE),--upgrade) -c requirements/dev.txt \
		-o requirements/e2e.txt >/dev/null
	$(COMPILE) --extra training -c requirements/dev.txt -o requirements/training.txt >/dev/null
	$(COMPILE) -c requirements/dev.txt -o requirements/service.txt >/dev/null
	$(COMPILE) --extra otel -c requirements/dev.txt -o requirements/otel.txt >/dev/null
	$(COMPILE) --group servers $(if $(UPGRADE),--upgrade) -c requirements/service.txt \
		-o requirements/servers.txt >/dev/null
	@for python in 3.11 3.12 3.13; do for platform in $(PLATFORMS); do \
		echo "Looking for wheels for Python $$python on $$platform ..."; \
		for locks in "dev benchmarks e2e" servers; do \
			$(PY) -m uv pip compile --quiet $$(printf 'requirements/%s.txt ' $$locks) --no-deps --only-binary :all: \
				--python-version $$python --python-platform $$platform >/dev/null || exit 1; \
		done; \
	done; done
