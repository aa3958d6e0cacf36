# Flowcast. `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
export CARGO_TERM_COLOR ?= auto

# cargo-nextest if it is installed.
RUN_TESTS := $(shell command -v cargo-nextest >/dev/null && echo "cargo nextest run" || echo "cargo test")

# The long tests measure time, so they run one at a time and print their figures.
RUN_FAULTS := $(shell command -v cargo-nextest >/dev/null \
	&& echo "cargo nextest run --cargo-profile faults --no-capture" || echo "cargo test --profile faults")

.PHONY: help demo test fmt lint doc unit faults ha upgrade bench supply-chain ready

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

demo: ready ## Run one campaign of 10,000 recipients with real services, then serve the web console (DEMO=--exit: end)
	@cargo build --quiet --bin flowcast
	@cargo run --quiet --bin flowcast -- demo $(DEMO)

test: ready ## Run all checks and tests: format, lints, documentation, unit, integration and whole-process tests
	@scripts/test

fmt: ## Check the format
	cargo fmt --all --check

lint: ## Check lints and spelling; with cargo-deny also licenses, sources and which crate may use which library
	cargo clippy --workspace --all-targets --features cli/faults --quiet -- -D warnings
	scripts/spelling
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "not checked: licenses and sources (cargo install cargo-deny)"; fi

doc: ## Build the documentation of the code, and fail on warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

unit: ## Run the tests that need no services
	$(RUN_TESTS) --workspace --lib --bins

faults: ## Run the long tests, over an hour: exact rates, stops, kills, outages, and docs/DEPLOY.md with Docker
	@scripts/bootstrap faults
	cargo build --profile faults -p cli --bins --tests --features cli/faults
	cargo run --quiet --bin devstack -- run -- $(RUN_FAULTS) -p cli --features faults --test faults

ha: ## Run those of the long tests in which a node of RabbitMQ, PostgreSQL or PgBouncer fails, one after the other
	@scripts/bootstrap faults
	cargo build --profile faults -p cli --bins --tests --features cli/faults
	for tests in failover:: promotion:: cluster:: pooler::; do \
	  cargo run --quiet --bin devstack -- run -- $(RUN_FAULTS) -p cli --features faults --test faults $$tests || exit 1; \
	done

upgrade: ## Run the build of an earlier commit (PREVIOUS=COMMIT; default: the last release) beside this one under load, 4 minutes
	@scripts/bootstrap faults
	cargo build --profile faults -p cli --bins --tests --features cli/faults
	previous=$$(scripts/previous-build $(PREVIOUS)) && FLOWCAST_PREVIOUS=$$previous \
	    cargo run --quiet --bin devstack -- run -- $(RUN_FAULTS) -p cli --features faults --test faults upgrade::

bench: ready ## Measure speed and memory, and the machine's ceilings
	cargo build --release --bin flowcast
	cargo run --release --quiet -p benches --bin bench $(BENCH)

supply-chain: ## Check the dependencies against known advisories, and write the SBOM of the program (needs cargo-deny and cargo-cyclonedx)
	@scripts/supply-chain

ready:
	@scripts/bootstrap
