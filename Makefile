# `make` alone prints this list. Everything that CI does is reachable from here.

PYTHON ?= python3
PORT ?= 8000
DATA_DIR ?= meschain-data
WORKERS ?= 1
REDIS_URL ?=
VENV := .venv
BIN := $(VENV)/bin
PAGES := app/src/meschain/pages
LOAD_PROGRAMS := build/bench/load build/bench/limit
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Images for containers like to set it. Then each of the hundreds of processes that tests start compiles all over again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve test check bench pages wheels lock format clean
.DELETE_ON_ERROR:

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-24s %s\n' "$$name" "$$text"; done

serve: $(VENV)/.run $(PAGES)/.built ## Bring up the demo shop's live dashboards (PORT=8000; WORKERS=2 REDIS_URL=redis://…)
	@$(if $(REDIS_URL),MESCHAIN_REDIS_URL='$(REDIS_URL)') exec $(BIN)/meschain serve --port $(PORT) --data-dir $(DATA_DIR) --workers $(WORKERS)

.PHONY: serve-split
serve-split: $(VENV)/.run $(PAGES)/.built ## The same split as in Azure: SignalR service, application and dashboards, each on a port
	@exec $(BIN)/meschain dev --port $(PORT) --data-dir $(DATA_DIR)

test: lint $(PAGES)/.built $(LOAD_PROGRAMS) bench/peers/node_modules/.installed $(VENV)-engine/.installed ## Set everything up and run every test
	@tools/need.sh chromium haproxy mariadb nginx php redis systemd
	cd web && npm test
	$(MAKE) --no-print-directory --jobs=3 --keep-going test-engine-alone test-application test-together

# Side by side, as none keeps a core busy.
.PHONY: test-application test-together
test-application:
	$(BIN)/pytest -q app/tests

test-together:
	$(BIN)/pytest -q compliance bench web/e2e

.PHONY: test-engine-alone
test-engine-alone: $(VENV)-engine/.installed ## Run the engine's tests where only the engine is installed
	@tools/need.sh redis
	$(VENV)-engine/bin/pytest -q engine/tests

check: lint ## The quick loop while working: lint and the unit tests that need no other program
	$(BIN)/pytest -q engine/tests/wire engine/tests/session engine/tests/hub engine/tests/plane app/tests/auth app/tests/services

.PHONY: compliance
compliance: $(VENV)/.dev compliance/node_modules/.installed ## Judge the engine by other people's clients, browsers and servers
	@tools/need.sh chromium
	$(BIN)/pytest compliance

.PHONY: lint
lint: $(VENV)/.dev web/node_modules/.installed compliance/node_modules/.installed ## Format, lint, types, import contracts, generated files fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python web/contracts/generate.py --check
	$(BIN)/python tools/write_reference.py --check
	cd web && npm run check
	cd compliance && npm run check && npx prettier --config .prettierrc.json --check ../bench/peers/*.mjs ../bench/peers/package.json

bench: $(VENV)/.dev $(PAGES)/.built $(LOAD_PROGRAMS) bench/peers/node_modules/.installed ## Measure ours, the plain C limit and the peers, five rounds each (some 45 minutes)
	@tools/need.sh chromium mariadb
	$(BIN)/python bench/registry.py
	$(BIN)/python bench/sign_on.py
	$(BIN)/python bench/run.py
	$(BIN)/python bench/rest.py
	$(BIN)/python bench/connections.py
	PYTHONPATH=. $(BIN)/python bench/changes.py

.PHONY: bench-quick
bench-quick: $(VENV)/.dev $(LOAD_PROGRAMS) bench/peers/node_modules/.installed ## The same in one short round (less than 4 minutes, writes bench/results/quick.json)
	$(BIN)/python bench/run.py --quick

.PHONY: soak
soak: $(VENV)/.dev $(PAGES)/.built $(LOAD_PROGRAMS) bench/peers/node_modules/.installed ## The long proofs: connections, webhooks, kills, old pages, changing sides (two hours)
	@tools/need.sh chromium haproxy mariadb redis
	$(BIN)/python bench/soak_connects.py
	$(BIN)/python bench/soak_fleet.py
	$(BIN)/python bench/soak_webhooks.py
	PYTHONPATH=. $(BIN)/python bench/soak_kills.py
	PYTHONPATH=. $(BIN)/python bench/soak_legacy.py
	PYTHONPATH=. $(BIN)/python bench/soak_rollout.py
	PYTHONPATH=. $(BIN)/python bench/soak_guard.py

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Search every parser and the session for inputs that break them (20 minutes, writes engine/fuzz/results)
	$(BIN)/python -m engine.fuzz.run --seconds 1200 --results engine/fuzz/results/latest.json

pages: $(PAGES)/.built ## Build the browser pages

wheels: $(VENV)/.dev $(PAGES)/.built ## Build both wheels into dist/; meschain's carries the pages
	$(BIN)/python -m build --wheel --no-isolation --outdir dist engine
	$(BIN)/python -m build --wheel --no-isolation --outdir dist app

.PHONY: functions
functions: $(VENV)/.dev $(PAGES)/.built ## Put the Azure Functions app together in dist/functions, ready to be published
	rm -rf dist/functions-wheels
	$(BIN)/python -m build --wheel --no-isolation --outdir dist/functions-wheels engine
	$(BIN)/python -m build --wheel --no-isolation --outdir dist/functions-wheels app
	$(BIN)/python deploy/functions/package.py dist/functions-wheels dist/functions
.PHONY: extension
extension: $(VENV)/bin/python ## Build the OpenCart extension, for 4.x and for 3.0.4, into dist/
	$(BIN)/python tools/build_extension.py

format: $(VENV)/.dev web/node_modules/.installed compliance/node_modules/.installed ## Format Python, TypeScript and JavaScript
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd web && npm run format
	cd compliance && npm run format && npx prettier --config .prettierrc.json --write ../bench/peers/*.mjs ../bench/peers/package.json

lock: ## Renew requirements/*.txt from the *.in files (needs uv on the PATH)
	cd requirements && for name in run dev engine; do \
	  uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-header --no-annotate $$name.in -o $$name.txt; done
	cd requirements && uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate -c dev.txt functions.in -o ../deploy/functions/requirements.txt

clean: ## Remove what was built or installed here (the demo shop in meschain-data stays)
	rm -rf $(VENV) $(VENV)-engine web/node_modules compliance/node_modules bench/peers/node_modules $(PAGES) dist build .mypy_cache .ruff_cache .pytest_cache

# --- what the above stand on ---

$(VENV)/bin/python:
	@tools/need.sh python
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt engine/pyproject.toml app/pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable engine --editable app
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)-engine/.installed: requirements/engine.txt engine/pyproject.toml
	@tools/need.sh python
	$(PYTHON) -m venv $(VENV)-engine
	$(VENV)-engine/bin/pip install --quiet --require-hashes -r requirements/engine.txt
	$(VENV)-engine/bin/pip install --quiet --no-build-isolation --no-deps --editable engine
	@touch $@

web/node_modules/.installed: web/package-lock.json web/package.json web/client/package.json web/dashboards/package.json web/contracts/package.json
	@tools/need.sh node
	cd web && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

compliance/node_modules/.installed: compliance/package-lock.json compliance/package.json $(wildcard compliance/clients/*/package.json)
	@tools/need.sh node
	cd compliance && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

bench/peers/node_modules/.installed: bench/peers/package-lock.json bench/peers/package.json
	@tools/need.sh node
	cd bench/peers && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

LOAD_FLAGS := -O2 -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE
build/bench/load: $(addprefix bench/load/,generate.c follow.c connection.c options.c frames.c histogram.c processes.c)
build/bench/limit: $(addprefix bench/load/,limit.c sha1.c)
$(LOAD_PROGRAMS): $(wildcard bench/load/*.h)
	@tools/need.sh cc
	@mkdir -p $(@D)
	cc $(LOAD_FLAGS) -o $@ $(filter %.c,$^) -lm

WEB_SOURCES := $(shell find web/contracts web/client web/legacy-shim web/dashboards -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
$(PAGES)/.built: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build --silent
	@touch $@
