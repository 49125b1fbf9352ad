# One command for each thing that is done with this repository. `make help` lists them.
#
# conformance/rigs/requirements.sh says what is needed. Everything else comes from the registries of Rust, Node, Python
# and Go. CARGO_TARGET_DIR moves the builds elsewhere, as always with cargo.

# Asked before there is bash to ask.
HAS_GO := $(shell command -v go)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
LOGS := $(TARGET)/test-logs
NODE := bindings/node
PYTHON := bindings/python
GO := bindings/go

# What incremental builds keep is larger than what they build.
export CARGO_INCREMENTAL ?= 0

.PHONY: help
help: ## This list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Before anything is built, one message names everything that is missing.
.PHONY: tools-demo tools-build tools-test
tools-demo tools-build tools-test: SHELL := /bin/sh
tools-demo tools-build tools-test: .SHELLFLAGS := -c
tools-demo tools-build tools-test: tools-%:
	@conformance/rigs/requirements.sh $*

# ---- build -------------------------------------------------------------------------------------

.PHONY: build
build: tools-build ## Release programs in target/release, the Node addon, the Python package in .venv
	cargo build --release -p serverswap-cli -p serverswap-conformance
	node $(NODE)/build.mjs
	$(PYTHON)/setup.sh
	@echo "built: $(RELEASE)/serverswap, $(RELEASE)/serverswap-deploy, the package in $(NODE) and the one in .venv"

# ---- run ---------------------------------------------------------------------------------------

# What is shipped is built for release; what measures it, in a profile that is built faster.
RIGS := SERVERSWAP_BIN_DIR=$(abspath $(RELEASE)) $(TARGET)/rigs/serverswap-rigs

.PHONY: demo
demo: tools-demo ## Five deploys of a Node server under load, one of them broken on purpose; a page in target/demo shows them
	cargo build --release -p serverswap-cli
	node $(NODE)/build.mjs
	cargo build --profile rigs -p serverswap-rigs
	@$(RIGS) demo --report $(TARGET)/demo

# A runtime directory is below /run, in memory, and so is that of what is measured.
.PHONY: bench
bench: build ## The promised figures, measured
	cargo build --profile rigs -p serverswap-rigs
	@TMPDIR=$${TMPDIR:-/dev/shm} $(RIGS) bench

# ---- test --------------------------------------------------------------------------------------
# Each step writes a log; the last one adds up what the test runners said. Most tests wait for processes, so three lanes
# run side by side when everything that they need is built: what the others print comes when they have ended. Without
# `set -m` they would ignore SIGINT, and so would what they start.

LANE := $(MAKE) --no-print-directory --keep-going BUILT=all
LANE_OF_DRIVERS = $(patsubst %,conformance-%,$(filter-out python,$(DRIVERS)))
LANE_OF_PACKAGES := package-node test-node package-python test-python test-workers test-go conformance-python

# What is built for the tests is linted by the same pass: clippy compiles as rustc does.
.PHONY: test
test: export RUSTC_WORKSPACE_WRAPPER := clippy-driver
test: export CLIPPY_ARGS := -Dwarnings__CLIPPY_HACKERY__
test: tools-test ## Everything that CI does
	@rm -rf $(LOGS) && mkdir -p $(LOGS)
	@$(MAKE) --no-print-directory check-format build-tests lint-shipped
	@set -m; \
		$(LANE) $(LANE_OF_DRIVERS) > $(LOGS)/drivers.txt 2>&1 & drivers=$$!; \
		$(LANE) $(LANE_OF_PACKAGES) > $(LOGS)/packages.txt 2>&1 & packages=$$!; \
		trap 'kill -- -$$drivers -$$packages 2>/dev/null || true' EXIT; \
		status=0; $(LANE) test-rust || status=$$?; \
		wait $$drivers || status=$$?; cat $(LOGS)/drivers.txt; \
		wait $$packages || status=$$?; cat $(LOGS)/packages.txt; \
		exit $$status
	@$(MAKE) --no-print-directory check-matrix
	@cat $(LOGS)/*.log | awk -f conformance/sum-tests.awk

.PHONY: package-node package-python
# What other runtimes need. One test packs the package with the programs that are tested; `make test-dist` with those that are released.
package-node: tools-test
	cd $(NODE) && npm ci --no-audit --no-fund && node test/outside/install.mjs

# The wheel is made of the debug build, as everything that is tested; `make test-dist` tests what is released.
package-python: $(if $(BUILT),tools-test,build-tests)
	$(PYTHON)/setup.sh --conformance

# The programs are debug builds with the feature `points`, which no shipped program has.
.PHONY: faults
faults: tools-test ## Kills and stops everybody at every point of a handover, under load; many deploys
	cargo build --workspace --bins --examples --all-features
	@$(TARGET)/debug/serverswap-rigs faults --full

# The other build is made from a worktree of its own, which goes when it is built.
UPGRADE := $(abspath $(TARGET))/upgrade

.PHONY: upgrade
upgrade: tools-test ## Deploys with the build of FROM=REVISION and with this one in turn, under load
	@git rev-parse --quiet --verify '$(FROM)^{commit}' >/dev/null || { echo "error: FROM names no revision: '$(FROM)'" >&2; echo "hint: make upgrade FROM=HEAD~1" >&2; exit 1; }
	cargo build --workspace --bins --examples --all-features
	@tree=$$(mktemp -d); trap 'git worktree remove --force "$$tree"' EXIT; \
		git worktree add --quiet --detach "$$tree" '$(FROM)'; \
		cargo build --locked --manifest-path "$$tree/Cargo.toml" --target-dir $(UPGRADE) -p serverswap-cli -p serverswap-example-rust --bins
	@$(TARGET)/debug/serverswap-rigs upgrade --from $(UPGRADE)/debug

# The servers are installed once, from their registries.
SERVERS := $(TARGET)/servers

.PHONY: servers
servers: tools-build ## Well-known servers, by themselves and swapped, under load
	cargo build --release -p serverswap-cli
	cargo build --profile rigs -p serverswap-rigs
	@conformance/rigs/servers/real/install.sh $(SERVERS)
	@$(RIGS) servers --installed $(SERVERS)
	SERVERSWAP_BIN_DIR=$(abspath $(RELEASE)) SERVERSWAP_SERVERS=$(abspath $(SERVERS)) cargo test -p serverswap-rigs --all-features --test e2e -- --ignored frameworks::

.PHONY: containers
containers: tools-build ## Containers without a network swap a port, under load (root)
	cargo build --release -p serverswap-cli
	cargo build --profile rigs -p serverswap-rigs
	node $(NODE)/build.mjs
	packaging/container/build
	@$(RIGS) containers --program $(TARGET)/container/bin/serverswap

# Two minutes. What it measures are the clients of a deploy.
.PHONY: streams
streams: tools-test package-python ## What clients of websockets and long answers see of a deploy, in Node, Python and Go
	cargo build --release -p serverswap-cli
	node $(NODE)/build.mjs
	cd $(NODE) && node test/outside/install.mjs
	cd conformance/rigs/streams/go && go build -o $(abspath $(TARGET))/streams-go .
	@SERVERSWAP_BIN_DIR=$(abspath $(RELEASE)) node conformance/rigs/streams/run.cjs \
		node="node conformance/rigs/streams/server.cjs" aiohttp=".venv/bin/python conformance/rigs/streams/server.py" go=$(abspath $(TARGET))/streams-go

# The pages of a good server, of one that fails its second start and says what looks like HTML, of one without the library, and of the demo.
# The pictures are in target/report-browser, to be looked at.
BROWSER := $(abspath $(TARGET))/report-browser

.PHONY: report-browser
report-browser: tools-test ## The pages of rehearse and demo in headless Chromium (Debian's package chromium)
	@command -v $${CHROMIUM:-chromium} >/dev/null || { echo "error: there is no chromium" >&2; echo "hint: apt-get install chromium, or CHROMIUM=/path/to/it" >&2; exit 1; }
	cargo build --workspace --bins --examples --all-features
	node $(NODE)/build.mjs $(TARGET)/debug/libserverswap_node.so
	rm -rf $(BROWSER) && mkdir -p $(BROWSER) && cp conformance/rigs/report-browser/* $(BROWSER)
	cd $(BROWSER) && npm ci --no-audit --no-fund
	$(BROWSER)/pages $(TARGET)/debug $(BROWSER)
	@cd $(BROWSER) && node check.mjs pictures */*.html

.PHONY: systemd
systemd: tools-build ## The unit of packaging/systemd in a real systemd, under load (root, debootstrap)
	cargo build --release -p serverswap-cli
	cargo build --profile rigs -p serverswap-rigs
	@RIGS='$(RIGS)' conformance/rigs/systemd/run $(TARGET)/release

# ---- packages ----------------------------------------------------------------------------------
# Each target of Rust takes about five minutes, most of them for linking as a whole.

.PHONY: dist
dist: tools-build ## Everything that is released, in target/dist (TARGETS="x86_64-unknown-linux-gnu …")
	@packaging/dist $(TARGETS)

.PHONY: test-dist
test-dist: tools-build ## Installs each package of target/dist into an empty root, and gives the demo there (root, debootstrap; PACKAGES="deb npm …")
	cargo build --profile rigs -p serverswap-rigs
	@conformance/rigs/packages/run $(TARGET)/dist $(TARGET)/rigs/serverswap-rigs $(PACKAGES)

.PHONY: lint check-format lint-shipped
lint: check-format lint-shipped ## Format check and clippy, with every feature and as what is shipped
	cargo clippy --workspace --all-targets --all-features -- -D warnings

check-format: tools-test
	cargo fmt --all --check

# Without the features that are for tests only.
lint-shipped: tools-test
	env -u RUSTC_WORKSPACE_WRAPPER -u CLIPPY_ARGS cargo clippy -p serverswap-cli -p serverswap -p serverswap-protocol -p serverswap-node -p serverswap-python -- -D warnings

# The addon and the programs are built before the tests: those from end to end start them. The addon is a
# debug build here, which shares everything with the other tests; `make build` makes the other one.
.PHONY: build-tests
build-tests: tools-test
	cargo build --workspace --all-targets --all-features
	node $(NODE)/build.mjs $(TARGET)/debug/libserverswap_node.so
	$(if $(HAS_GO),cd conformance/drivers/go && go build -o $(abspath $(driver-go)) .)

# More run at once than there are cores.
THREADS := 4

.PHONY: test-rust
test-rust: $(if $(BUILT),,build-tests)
	@mkdir -p $(LOGS)
	RUST_TEST_THREADS=$(THREADS) conformance/rigs/test-rust.py $(WITH_PACKAGES:%=--skip %) 2>&1 | tee $(LOGS)/rust.log

# The tests of Rust that start servers with packages of npm and PyPI, and with the Python package.
WITH_PACKAGES := workers:: drops:: frameworks::

.PHONY: test-workers
test-workers: $(if $(BUILT),,build-tests package-node package-python)
	@mkdir -p $(LOGS)
	RUST_TEST_THREADS=$(THREADS) cargo test --workspace --all-features --test e2e -- $(WITH_PACKAGES) 2>&1 | tee $(LOGS)/workers.log

.PHONY: test-node
test-node: $(if $(BUILT),,package-node)
	@mkdir -p $(LOGS)
	cd $(NODE) && { npm run check && SERVERSWAP_BIN_DIR=$(abspath $(TARGET))/debug npm test; } 2>&1 | tee $(abspath $(LOGS))/node.log

.PHONY: test-python
test-python: $(if $(BUILT),,package-python)
	@mkdir -p $(LOGS)
	SERVERSWAP_BIN_DIR=$(abspath $(TARGET))/debug $(PYTHON)/test.sh 2>&1 | tee $(LOGS)/python.log

# Formats and vets all four modules. CI has Go: there nothing is left out.
.PHONY: test-go
ifneq ($(HAS_GO),)
test-go:
	@mkdir -p $(LOGS)
	@unformatted=$$(gofmt -l $(GO) examples/go conformance/drivers/go); test -z "$$unformatted" || { echo "error: not formatted: $$unformatted" >&2; echo "hint: gofmt -w $(GO) examples/go conformance/drivers/go" >&2; exit 1; }
	@for module in $(GO) $(wildcard examples/go/*/) conformance/drivers/go; do (cd $$module && go vet ./...); done
	cd $(GO) && SERVERSWAP_BIN_DIR=$(abspath $(TARGET))/debug go test -count=1 -race -v ./... 2>&1 | tee $(abspath $(LOGS))/go.log
else
test-go:
	@echo "There is no go on this machine: the client in Go, its examples and its driver are not tested."
	@test -z "$(CI)" || { echo "error: CI leaves nothing out" >&2; echo "hint: install Go 1.21 or newer" >&2; exit 1; }
endif

# ---- conformance -------------------------------------------------------------------------------
# The drivers of this repository, each at its level. Their reports make the table in the README.

SUITE := $(TARGET)/debug/serverswap-conformance
REPORTS := $(LOGS)/conformance
DRIVERS := rust node python $(if $(HAS_GO),go) pure-python plain-node
# Waits that end in a failure last longer than usual: a machine may have other things to do.
RUN_OPTIONS := --slow 4

driver-rust := $(TARGET)/debug/serverswap-conformance-driver
driver-node := node conformance/drivers/node/driver.cjs
driver-python := .venv/bin/python conformance/drivers/python/driver.py
driver-go := $(TARGET)/debug/serverswap-conformance-driver-go
driver-pure-python := python3 conformance/drivers/pure-python/driver.py
driver-plain-node := node conformance/drivers/plain-node/driver.mjs
level-plain-node := 1

.PHONY: conformance
conformance: $(DRIVERS:%=conformance-%) ## Every driver at its level, and whether the table in the README is fresh
	@$(MAKE) --no-print-directory check-matrix

.PHONY: check-matrix
check-matrix:
ifneq ($(HAS_GO),)
	@$(SUITE) matrix --check --readme README.md $(DRIVERS:%=$(REPORTS)/%)
else
	@echo "There is no go on this machine: its row of the table in the README is not checked."
	@grep -v '^| serverswap-go ' README.md > $(LOGS)/README.md
	@$(SUITE) matrix --check --readme $(LOGS)/README.md $(DRIVERS:%=$(REPORTS)/%)
endif

.PHONY: conformance-full
conformance-full: ## The same five times in other orders, and every pair of drivers under load
	@$(MAKE) --no-print-directory conformance RUN_OPTIONS="$(RUN_OPTIONS) --repeat 5 --shuffle"
	@$(TARGET)/debug/serverswap-rigs interop $(DRIVERS)

.PHONY: matrix
matrix: $(DRIVERS:%=conformance-%) ## Writes the table of the drivers into the README
	@test -n "$(HAS_GO)" || { echo "error: the table has a row for Go, and go is not on this machine" >&2; exit 1; }
	@$(SUITE) matrix --readme README.md $(DRIVERS:%=$(REPORTS)/%)

.PHONY: $(DRIVERS:%=conformance-%)
$(DRIVERS:%=conformance-%): conformance-%: $(if $(BUILT),,build-tests)
	@mkdir -p $(REPORTS)
	@rm -rf $(REPORTS)/$*
	@$(SUITE) run --level $(or $(level-$*),3) --report $(REPORTS)/$* $(RUN_OPTIONS) -- $(driver-$*) | tee $(LOGS)/conformance-$*.log
	@$(SUITE) check-trace $(REPORTS)/$*

conformance-python: $(if $(BUILT),,package-python)

# ---- proof -------------------------------------------------------------------------------------
# What takes too long for every test. The tools are installed beside the builds when they are missing.

TOOLS := $(abspath $(TARGET))/tools
FUZZ := conformance/fuzz
FUZZED := $(abspath $(TARGET))/fuzz
SECONDS := 60

$(TOOLS)/bin/cargo-%:
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install --root $(TOOLS) --locked cargo-$*

.PHONY: fuzz
fuzz: tools-test $(TOOLS)/bin/cargo-fuzz ## Framing, messages, addresses, state file and arbiter, SECONDS=60 each
	@python3 $(FUZZ)/seeds.py spec $(FUZZED)/seeds
	@$(MAKE) --no-print-directory $(patsubst $(FUZZ)/targets/%.rs,fuzz-%,$(wildcard $(FUZZ)/targets/*.rs))

# Nothing that is fuzzed has `unsafe`, so no sanitizer is needed, and none of nightly.
fuzz-%: $(TOOLS)/bin/cargo-fuzz
	@mkdir -p $(FUZZED)/corpus/$* $(FUZZED)/seeds/$* $(FUZZED)/found
	PATH=$(TOOLS)/bin:$$PATH cargo fuzz run --fuzz-dir $(FUZZ) --target-dir $(FUZZED)/build --sanitizer none $* \
		$(FUZZED)/corpus/$* $(FUZZ)/corpus/$* $(FUZZED)/seeds/$* -- \
		-max_total_time=$(SECONDS) -max_len=4096 -len_control=0 -artifact_prefix=$(FUZZED)/found/$*- -print_final_stats=1

.PHONY: audit
audit: tools-test $(TOOLS)/bin/cargo-deny ## Licences, sources and known faults of what is depended on
	$(TOOLS)/bin/cargo-deny --all-features check --allow duplicate licenses bans sources
	@if $(TOOLS)/bin/cargo-deny --log-level off fetch db; then $(TOOLS)/bin/cargo-deny --all-features check --disable-fetch advisories; \
		else echo "advisories not checked: their database (https://github.com/RustSec/advisory-db) cannot be reached from here"; fi

# ---- documents ---------------------------------------------------------------------------------

$(TOOLS)/bin/mdbook:
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install --root $(TOOLS) --locked --no-default-features --features search mdbook@0.5.4

.PHONY: docs
docs: tools-build $(TOOLS)/bin/mdbook ## A site of the documents in target/docs/site, with every link followed
	@python3 packaging/docs/build.py $(TOOLS)/bin/mdbook $(TARGET)/docs

# ---- the rest ----------------------------------------------------------------------------------

.PHONY: fmt
fmt: tools-test ## Formats the Rust code
	cargo fmt --all

.PHONY: clean
clean: ## Removes everything that was built
	cargo clean
	rm -rf $(NODE)/node_modules $(NODE)/test/outside/node_modules $(NODE)/*.node .venv $(PYTHON)/dist $(PYTHON)/data
