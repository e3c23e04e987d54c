# `make` alone prints this list. Everything that CI does is reachable from here.

PYTHON ?= python3
PORT ?= 8000
DATA_DIR ?= meschain-data
VENV := .venv
BIN := $(VENV)/bin
PAGES := app/src/meschain/pages
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help serve test check bench pages wheels lock format clean
.DELETE_ON_ERROR:

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-24s %s\n' "$$name" "$$text"; done

serve: $(VENV)/.run $(PAGES)/.built ## Bring up the demo shop's live dashboards (PORT=8000)
	@exec $(BIN)/meschain serve --port $(PORT) --data-dir $(DATA_DIR)

test: lint $(PAGES)/.built ## Set everything up and run every test
	@tools/need.sh chromium mariadb nginx
	cd web && npm test
	$(MAKE) --no-print-directory test-engine-alone
	$(BIN)/pytest

.PHONY: test-engine-alone
test-engine-alone: $(VENV)-engine/.installed ## Run the engine's tests where only the engine is installed
	$(VENV)-engine/bin/pytest engine/tests

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
	cd compliance && npm run check

bench: $(VENV)/.dev $(PAGES)/.built ## Measure connect and message times with 1,000 connections
	$(BIN)/python bench/connections.py

.PHONY: soak
soak: $(VENV)/.dev ## Prove that 10,000 connects over each transport leave nothing behind (some minutes)
	$(BIN)/python bench/soak_connects.py

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Search every parser and the session for inputs that break them (20 minutes, writes engine/fuzz/results)
	$(BIN)/python -m engine.fuzz.run --seconds 1200 --results engine/fuzz/results/latest.json

pages: $(PAGES)/.built ## Build the browser pages

wheels: $(VENV)/.dev $(PAGES)/.built ## Build both wheels into dist/; meschain's carries the pages
	$(BIN)/python -m build --wheel --no-isolation --outdir dist engine
	$(BIN)/python -m build --wheel --no-isolation --outdir dist app

format: $(VENV)/.dev web/node_modules/.installed compliance/node_modules/.installed ## Format Python, TypeScript and JavaScript
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd web && npm run format
	cd compliance && npm run format

lock: ## Renew requirements/*.txt from the *.in files (needs uv on the PATH)
	cd requirements && for name in run dev engine; do \
	  uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-header --no-annotate $$name.in -o $$name.txt; done

clean: ## Remove what was built or installed here (the demo shop in meschain-data stays)
	rm -rf $(VENV) $(VENV)-engine web/node_modules compliance/node_modules $(PAGES) dist build .mypy_cache .ruff_cache .pytest_cache

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

WEB_SOURCES := $(shell find web/contracts web/client web/dashboards -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
$(PAGES)/.built: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build --silent
	@touch $@
