# One command for each thing that is done with this repository. `make help` lists them.
#
# Needed: cargo, node, npm and python3. Everything else comes from their registries. CARGO_TARGET_DIR moves
# the builds elsewhere, as always with cargo.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
LOGS := $(TARGET)/test-logs
NODE := bindings/node
PYTHON := bindings/python

.PHONY: help
help: ## This list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: tools
tools:
	@for tool in cargo node npm python3; do command -v $$tool >/dev/null || { echo "error: $$tool is not on this machine" >&2; echo "hint: serverswap is built and tested with Rust (https://rustup.rs), Node (https://nodejs.org) and Python 3" >&2; exit 1; }; done

# ---- build -------------------------------------------------------------------------------------

.PHONY: build
build: tools ## Release programs in target/release, the Node addon, the Python package in .venv
	cargo build --release --workspace
	node $(NODE)/build.mjs
	$(PYTHON)/setup.sh
	@echo "built: $(RELEASE)/serverswap, $(RELEASE)/serverswap-deploy, the package in $(NODE) and the one in .venv"

# ---- run ---------------------------------------------------------------------------------------

.PHONY: demo
demo: build ## Five deploys of a Node server under load, one of them broken on purpose
	@$(RELEASE)/serverswap-conformance demo

.PHONY: bench
bench: build ## The promised figures, measured
	@$(RELEASE)/serverswap-conformance bench

# ---- test --------------------------------------------------------------------------------------
# Each step writes a log; the last one adds up what the test runners said.

.PHONY: test
test: tools ## Everything that CI does
	@rm -rf $(LOGS) && mkdir -p $(LOGS)
	@$(MAKE) --no-print-directory lint test-rust test-node test-python
	@cat $(LOGS)/*.log | awk -f conformance/sum-tests.awk

.PHONY: lint
lint: tools ## Format check and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings

# The addon and the programs are built first: the end-to-end tests start them. The addon is a
# debug build here, which shares everything with the other tests; `make build` makes the other one.
.PHONY: test-rust
test-rust: tools
	@mkdir -p $(LOGS)
	cargo build --workspace --all-targets --all-features
	node $(NODE)/build.mjs --debug
	cargo test --workspace --all-features 2>&1 | tee $(LOGS)/rust.log

.PHONY: test-node
test-node: tools
	@mkdir -p $(LOGS)
	cd $(NODE) && npm ci --no-audit --no-fund
	cd $(NODE) && { npm run check && npm test; } 2>&1 | tee $(abspath $(LOGS))/node.log

# The wheel carries the release programs, so they are built here too; the tests drive the debug ones.
.PHONY: test-python
test-python: tools
	@mkdir -p $(LOGS)
	$(PYTHON)/setup.sh
	SERVERSWAP_BIN_DIR=$(abspath $(TARGET))/debug $(PYTHON)/test.sh 2>&1 | tee $(LOGS)/python.log

# ---- the rest ----------------------------------------------------------------------------------

.PHONY: fmt
fmt: tools ## Formats the Rust code
	cargo fmt --all

.PHONY: clean
clean: ## Removes everything that was built
	cargo clean
	rm -rf $(NODE)/node_modules $(NODE)/*.node .venv $(PYTHON)/dist $(PYTHON)/data
