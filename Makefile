# Flowcast. Plain `make` says what there is.
.DEFAULT_GOAL := help
SHELL := bash
export CARGO_TERM_COLOR ?= auto

# cargo-nextest where it is installed.
RUN_TESTS := $(shell command -v cargo-nextest >/dev/null && echo "cargo nextest run" || echo "cargo test")

# The long tests look at the clock: one at a time, and what they measured is printed.
RUN_FAULTS := $(shell command -v cargo-nextest >/dev/null \
	&& echo "cargo nextest run --cargo-profile faults --no-capture" || echo "cargo test --profile faults")

.PHONY: help demo test fmt lint doc unit faults bench ready

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

demo: ready ## One campaign of 10,000 from list to report, with real services, on this machine
	@cargo build --quiet --bin flowcast
	@cargo run --quiet --bin flowcast -- demo $(DEMO)

test: ready ## Everything: format, lints, documentation, unit, integration and whole-process tests
	@scripts/test

fmt: ## Check the format
	cargo fmt --all --check

lint: ## Check lints and spelling; with cargo-deny installed also licenses, sources and who may use which library
	cargo clippy --workspace --all-targets --features cli/faults --quiet -- -D warnings
	scripts/spelling
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "not checked: licenses and sources (cargo install cargo-deny)"; fi

doc: ## Check the documentation of the code
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

unit: ## Only the tests that need no services
	$(RUN_TESTS) --workspace --lib --bins

faults: ## The long tests, about three quarters of an hour: exact rates, stops, kills, outages, docs/DEPLOY.md walked with Docker
	@scripts/bootstrap faults
	cargo build --profile faults -p cli --bins --tests --features cli/faults
	cargo run --quiet --bin devstack -- run -- $(RUN_FAULTS) -p cli --features faults --test faults

bench: ready ## Speed and memory, with the machine's ceilings beside them
	cargo build --release --bin flowcast
	cargo run --release --quiet -p benches --bin bench $(BENCH)

ready:
	@scripts/bootstrap
