# Wayleave. `make` lists the targets. Each is idempotent and says what it installs; sudo is asked for, never assumed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TOOLS := tests/tools
# One set of features for every test build, so that each dependency is compiled once.
TEST_FEATURES := wayleave-core/ts
NPM := npm --prefix ui
# Where cargo puts things, and the programs that the suites run.
BUILT := $(or $(CARGO_TARGET_DIR),target)
PROGRAMS := $(BUILT)/debug
QGIS_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/wayleave/qgis
UI_SOURCES := $(shell find ui/src ui/*.html ui/*.ts ui/*.js -type f 2>/dev/null)

.PHONY: help
help: ## this list
	@$(TOOLS)/prerequisites.sh || true
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: prerequisites packages-build packages-test packages-root cargo-deny
prerequisites:
	@$(TOOLS)/prerequisites.sh

packages-build: prerequisites
	@$(TOOLS)/packages.sh build

packages-test: prerequisites
	@$(TOOLS)/packages.sh build test

packages-root: prerequisites
	@$(TOOLS)/packages.sh root

cargo-deny: prerequisites
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo install cargo-deny (once, a few minutes)"; \
	  cargo install --quiet --locked cargo-deny --version '~0.20'; }

# --- the page ---------------------------------------------------------------------------------------------------------
ui/node_modules/.package-lock.json: ui/package-lock.json
	$(NPM) ci --no-audit --no-fund
	@touch $@

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	$(NPM) run build
	@touch $@

.PHONY: ui
ui: prerequisites ui/dist/index.html

# --- looking ----------------------------------------------------------------------------------------------------------
.PHONY: check
check: packages-test cargo-deny ui ## format, lints, licences, generated types, configuration
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
	cargo deny --log-level error check bans licenses sources
	cargo test --quiet --workspace --features $(TEST_FEATURES) --test core -- bindings
	$(NPM) run check
	@linked="$$(cargo tree --quiet -p wayleave -p wayleave-desktop -e normal --prefix none)"; \
	cli="$$(cargo tree --quiet -p wayleave -e normal --prefix none)"; \
	if grep '^tauri' <<<"$$cli"; then echo "error: the command line must not link tauri" >&2; exit 1; fi; \
	if grep '^wayleave-sandbox' <<<"$$linked"; then echo "error: the sandbox must not be in what is shipped" >&2; exit 1; fi
	python3 $(TOOLS)/lint_config.py --self-test
	@git ls-files '*.sh' '.ci/run' | while read -r script; do bash -n "$$script"; done

.PHONY: bindings
bindings: prerequisites ## write the page's types from core::api again
	UPDATE_BINDINGS=1 cargo test --quiet --workspace --features $(TEST_FEATURES) --test core -- bindings

.PHONY: icons
icons: packages-test ## draw the icons' sizes from their SVG sources
	$(TOOLS)/icons.sh

.PHONY: audit
audit: cargo-deny ## known vulnerabilities of what is linked (needs the network)
	cargo deny check advisories

# --- trying -----------------------------------------------------------------------------------------------------------
.PHONY: demo
demo: packages-build ui ## a play platform on this computer and the window on it, with a throw-away vault
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then \
	  cargo build --workspace --features $(TEST_FEATURES) --bins && exec $(TOOLS)/demo.sh $(PROGRAMS); \
	else \
	  echo "No display here: the same journey under Xvfb, step by step."; $(MAKE) demo-unseen; fi

.PHONY: demo-unseen
demo-unseen: packages-test programs
	cargo test --workspace --features $(TEST_FEATURES),e2e --test e2e -- --exact journey::journey --nocapture
	@rm -rf target/demo; mkdir -p target/demo; cp target/screens/*.png target/demo/; echo "Pictures of each step: target/demo/"

# --- testing ----------------------------------------------------------------------------------------------------------
.PHONY: test
test: packages-test ## every test but the big downloads; begins with `make check`
	@$(TOOLS)/run.py check test-ui test-rust e2e

.PHONY: test-ui
test-ui: ui
	$(NPM) run test

.PHONY: test-rust
test-rust: ui
	cargo test --workspace --features $(TEST_FEATURES) --no-fail-fast

# What the suites start beside the program under test, as `make test-rust` builds it, so that nothing is compiled twice. The window without feature `e2e` gets a name of its own, because
# the e2e suite builds the drivable one in its place.
.PHONY: programs
programs: ui
	cargo build --quiet --workspace --features $(TEST_FEATURES) --bins --tests
	cp $(PROGRAMS)/wayleave-desktop $(PROGRAMS)/wayleave-desktop-shipped

.PHONY: e2e
e2e: packages-test programs ## the real window under Xvfb: the journeys, by pointer and by keyboard
	cargo test --workspace --features $(TEST_FEATURES),e2e --test e2e -- --skip screens::

.PHONY: screens
screens: packages-test programs ## a picture of every page and state beside its drawing, in target/screens
	cargo test --workspace --features $(TEST_FEATURES),e2e --test e2e -- --exact screens::screens

.PHONY: test-tools
test-tools: packages-test ## real QGIS 3.22 and 3.40 (600 MB, kept in ~/.cache/wayleave)
	@$(TOOLS)/run.py test-qgis

.PHONY: test-qgis
test-qgis: packages-test programs
	tests/e2e/qgis/fetch.sh "$(QGIS_CACHE)"
	tests/e2e/qgis/suite.py $(PROGRAMS) "$(QGIS_CACHE)"

# --- the hub in small -------------------------------------------------------------------------------------------------
# Keycloak, oauth2-proxy and MinIO, real, on loopback (tests/stack/README.md). Debian's Python: its boto3 is the suites' S3 client.
STACK := /usr/bin/python3 tests/stack/stack.py

.PHONY: stack stack-down test-stack stack-suites
stack: packages-test ## a true hub in small on loopback: Keycloak, oauth2-proxy, MinIO (1 GB in ~/.cache/wayleave/stack)
	@$(TOOLS)/packages.sh stack
	cargo build --quiet --workspace --features $(TEST_FEATURES) --bin wayleave-sandbox
	$(STACK) up $(PROGRAMS)

stack-down: ## stop it, and what an interrupted run of the suites left
	$(STACK) down
	WAYLEAVE_STACK_RUN=run-2 $(STACK) down

test-stack: packages-test ## sign-in, keys and S3 judged by the true hub in small
	@$(TOOLS)/run.py stack-suites

stack-suites: stack ui
	cargo build --quiet --workspace --features $(TEST_FEATURES),e2e --bins
	cargo test --quiet --workspace --features $(TEST_FEATURES),e2e --test platforms --no-run
	FEATURES=$(TEST_FEATURES),e2e tests/stack/run.sh $(PROGRAMS)

# --- packaging --------------------------------------------------------------------------------------------------------
.PHONY: package
package: packages-build ui ## .deb and .rpm in target/release/bundle: window, command line, man pages, completions
	cargo build --release -p wayleave
	$(TOOLS)/stage.sh $(BUILT)/release/wayleave target/package
	rm -rf $(BUILT)/release/bundle
	npx --prefix ui tauri build --bundles deb,rpm

.PHONY: test-package
test-package: packages-test packages-root package ## the packages on a bare Debian 12: install, use, upgrade, remove (needs root)
	cargo build --quiet --workspace --features $(TEST_FEATURES),e2e --bins --tests
	$(TOOLS)/later.sh $(BUILT)/release/bundle target/package-test
	tests/e2e/package/suite.py target/package-test/old target/package-test/new $(PROGRAMS)

.PHONY: bench
bench: packages-test package ## speed and memory of what is shipped, beside a peer (release build)
	cargo bench --quiet -p wayleave --bench bench

.PHONY: report
report: ## every report of the suites as one table
	@$(TOOLS)/report.py

.PHONY: clean
clean: ## take away what was built (the tools' caches stay)
	rm -rf target ui/dist ui/node_modules gen
