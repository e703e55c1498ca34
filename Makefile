# Everything that make sets up lives in .venv; what `make run` records lies in .run (demo) or relayproxy-data.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
# Takes a third of pip's time, but knows nothing of what pip is told in its configuration: where that matters, pip does it.
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode
NPM := npm --silent --no-fund --no-audit --ignore-scripts
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

export PIP_ROOT_USER_ACTION := ignore
export PYTHONUTF8 := 1
# Some images forbid bytecode, without which each process that a test starts compiles all modules anew.
export PYTHONDONTWRITEBYTECODE :=

# make run: other addresses than the usual ones.
flags = $(if $(LISTEN),--listen '$(LISTEN)') $(if $(CONSOLE),--console '$(CONSOLE)')

.PHONY: help run test test-bucket programs check bench faults conformance fuzz soak chaos image-check metrics-check names-check node-check pooler-check
.PHONY: viewer-check audit requirements clean

help:
	@echo "make run                          try it: relay, recorder, console, a demo agent and a few simulated calls"
	echo "make run BACKEND=wss://host/path  put it in front of your ConversationRelay server"
	echo "         LISTEN=HOST:PORT CONSOLE=HOST:PORT DATA_DIR=DIR choose other places"
	echo "make test                         every test and check"
	echo "make test-bucket                  what reads recordings, with all of them in a bucket; WHERE=folder: in a folder"
	echo "make check                        lint, format, types, import rules"
	echo "make bench                        compare with nginx, HAProxy and a plain message relay: eight minutes; needs g++,"
	echo "                                  libssl-dev, nginx and haproxy. ONLY='paced storm' ROUNDS=1 for less"
	echo "make faults                       every fault that can be injected here, those that take long or need root included"
	echo "make conformance                  Autobahn's test suite with the relay and without it; needs Python 2.7"
	echo "make fuzz MINUTES=30              a fuzzer on whatever reads bytes of others"
	echo "make soak MINUTES=60              traffic with faults; memory, descriptors and what was stored"
	echo "make chaos MINUTES=10 CALLS=1000  two machines, one PostgreSQL and one bucket, and everything is killed or replaced"
	echo "make image-check                  build the container image and run it, with podman or docker"
	echo "make metrics-check                a real Prometheus on a running system, with the alert rules"
	echo "make pooler-check                 recorder, console and migrations behind a real PgBouncer in transaction mode"
	echo "make names-check                  redaction of names, with Presidio and spaCy, which are installed for it"
	echo "make node-check                   spans of Node servers in the turns of their calls; needs Node.js 20 with npm"
	echo "make viewer-check                 Arize Phoenix, which is installed for it (900 MB), shows calls as sessions"
	echo "make audit                        ask for known vulnerabilities of what is installed"
	echo "make requirements                 pin the newest versions that the .in files and pyproject.toml allow"
	echo "make clean                        remove what make has set up; recorded calls stay"

# exec, so that a signal to make's child is a signal to relayproxy.
run: $(VENV)/.run
ifdef BACKEND
	@exec $(BIN)/relayproxy serve --backend '$(BACKEND)' $(flags) $(if $(DATA_DIR),--data-dir '$(DATA_DIR)')
else
	@exec $(BIN)/relayproxy demo $(flags) --data-dir '$(or $(DATA_DIR),.run)'
endif

# Two more than processors: much of what a test does is to wait for other processes. The checks run beside the tests,
# and what they found is told after them. Files of tests are in memory where there is room for 4 GB of them and programs
# may run there: thousands of databases come and go.
test: programs
	@$(MAKE) --no-print-directory check >$(VENV)/check.log 2>&1 & check=$$!
	memory=
	trap 'kill $$check 2>/dev/null || true; rm -rf "$$memory"' EXIT
	room=$$(df --output=avail /dev/shm 2>/dev/null | tail -1 || true)
	if [ -z "$${TMPDIR:-}" ] && [ "$${room:-0}" -gt 4000000 ]; then
		memory=$$(mktemp -d /dev/shm/relayproxy-tests-XXXXXX)
		chmod 711 "$$memory" # PostgreSQL's account looks for its own files in it
		install -m 700 "$$(type -P true)" "$$memory/true"
		if "$$memory/true" 2>/dev/null; then export TMPDIR="$$memory"; fi
	fi
	failed=0
	$(BIN)/python -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 2)) --maxprocesses 8 --dist loadfile --no-loadscope-reorder || failed=$$?
	wait $$check || { cat $(VENV)/check.log; echo "make check failed, see above" >&2; exit 1; }
	echo "make check: passed"
	exit $$failed

# Tests of processes start their own, which move a call an hour after its end.
test-bucket: programs
	@$(BIN)/python -m pytest -p tests.moved --recordings=$(or $(WHERE),s3) \
		--numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 8 --dist loadfile --no-loadscope-reorder \
		$(or $(TESTS),$(addprefix tests/,store recordings recorder comparison console cli alerts golden))

# PostgreSQL's server and Chromium: the system's, or installed.
programs: $(VENV)/.dev
	@$(BIN)/python -m tests.peers.provision

check: $(VENV)/.dev
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# ONLY='paced storm': these measurements alone; ONLY=console: the console over a million sessions.
bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench $(ONLY) $(if $(ROUNDS),--rounds $(ROUNDS))

# CASES='A6 D21': these alone.
faults: programs
	@$(BIN)/python -m tests.faults $(CASES)

# PYTHON27=/path/to/python2.7: another than the one on the path, or of pyenv.
conformance: $(VENV)/.dev
	@$(BIN)/python -m tests.conformance $(if $(REPORTS),--reports '$(REPORTS)')

fuzz: $(VENV)/.fuzz
	@$(BIN)/python -m tests.fuzz $(if $(MINUTES),--minutes $(MINUTES)) $(TARGETS)

soak: $(VENV)/.dev
	@$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES))

# PACE: seconds between two things that a caller says.
chaos: programs
	@$(BIN)/python -m tests.soak.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(CALLS),--calls $(CALLS)) \
		$(if $(PACE),--pace $(PACE)) $(if $(SEED),--seed $(SEED))

# ENGINE='podman --runtime runc' and the like choose another engine than the first that works.
image-check: programs
	@$(BIN)/python -m pytest -s tests/docker/check_*.py

metrics-check: $(VENV)/.dev
	@$(BIN)/python -m tests.peers.provision prometheus
	$(BIN)/python -m pytest tests/telemetry/check_prometheus.py

pooler-check: programs
	@$(BIN)/python -m tests.peers.provision pgbouncer
	$(BIN)/python -m pytest tests/system/check_pgbouncer.py

viewer-check: $(VENV)/.phoenix programs
	@$(BIN)/python -m pytest tests/telemetry/check_phoenix.py

node-check: $(VENV)/.node
	@$(BIN)/python -m pytest tests/system/check_node_backends.py

# Beside the environment and not in it: its tests are those of an installation without the extra.
names-check: $(VENV)/.names
	@PYTHONPATH=$(VENV)/names $(BIN)/python -m pytest -s tests/recorder/check_names.py

# Exit code 1: vulnerabilities are known. 2: nobody could be asked.
audit: $(VENV)/.audit
	@$(BIN)/python -m tests.audit

requirements: $(VENV)/.dev
	@$(COMPILE) --upgrade pyproject.toml -o requirements/run.txt
	$(COMPILE) --upgrade requirements/build.in -c requirements/run.txt -o requirements/build.txt
	$(COMPILE) --upgrade requirements/dev.in -c requirements/run.txt -c requirements/build.txt -o requirements/dev.txt
	$(COMPILE) --upgrade requirements/audit.in -c requirements/run.txt -c requirements/build.txt -c requirements/dev.txt -o requirements/audit.txt
	$(COMPILE) --upgrade --extra names pyproject.toml -c requirements/run.txt -c requirements/dev.txt -o requirements/names.txt
	$(COMPILE) --upgrade --no-deps requirements/postgresql.in -o requirements/postgresql.txt
	$(COMPILE) --upgrade requirements/phoenix.in -o requirements/phoenix.txt
	$(COMPILE) --upgrade --no-deps requirements/fuzz.in -o requirements/fuzz.txt
	$(NPM) update --prefix requirements/node --package-lock-only --omit-lockfile-registry-resolved
	$(BIN)/python -c 'import json, pathlib
	lock = pathlib.Path("requirements/node/package-lock.json")
	found = json.loads(lock.read_text("utf-8"))
	for package in found["packages"].values(): package.pop("funding", None)
	lock.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")'

clean:
	rm -rf $(VENV) .run .fuzz .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each says that a step is done, so that a second run costs nothing.

# A distribution's Python first: it is built with profiles of its use, those that are compiled at home mostly are not and
# take a fourth more processor time.
$(VENV)/.python:
	@for python in $(PYTHON) /usr/bin/python3.{11,12,13,14} python3.{11,12,13,14} python3; do
		if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			echo "setting up $(VENV) with $$("$$python" --version)"
			"$$python" -m venv $(VENV)
			touch $@
			exit 0
		fi
	done
	echo "relayproxy needs Python 3.11 or newer with its venv module, and none is found." >&2
	echo "Debian, Ubuntu: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3.11 …" >&2
	exit 1

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml relayproxy/__init__.py | $(VENV)/.python
	@echo "installing what relayproxy needs"
	$(PIP) --require-hashes -r requirements/run.txt
	$(PIP) --require-hashes -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing what its tests need"
	sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.txt >$(VENV)/uv.txt
	$(PIP) --require-hashes -r $(VENV)/uv.txt
	$(UV) --require-hashes -r requirements/dev.txt 2>/dev/null || $(PIP) --require-hashes -r requirements/dev.txt
	touch $@

$(VENV)/.audit: requirements/audit.txt $(VENV)/.dev
	@echo "installing what the audit needs"
	$(PIP) --require-hashes -r requirements/audit.txt
	touch $@

# In an environment of its own: what it needs is no business of relayproxy's.
$(VENV)/.phoenix: requirements/phoenix.txt $(VENV)/.dev
	@echo "installing Arize Phoenix"
	$(BIN)/python -m venv $(VENV)/phoenix
	$(VENV)/phoenix/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/phoenix.txt
	touch $@

$(VENV)/.node: requirements/node/package-lock.json $(VENV)/.dev
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is expected" >&2; exit 1; }
	echo "installing what Node servers need"
	mkdir -p $(VENV)/node
	cp requirements/node/*.json $(VENV)/node/
	$(NPM) ci --prefix $(VENV)/node
	touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	@echo "installing the fuzzer"
	$(PIP) --require-hashes -r requirements/fuzz.txt
	touch $@

$(VENV)/.names: requirements/names.txt $(VENV)/.dev
	@echo "installing what finds names"
	rm -rf $(VENV)/names
	$(PIP) --require-hashes --target $(VENV)/names -r requirements/names.txt
	touch $@
