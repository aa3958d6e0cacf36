# Flowcast. Plain `make` says what there is.
.DEFAULT_GOAL := help
SHELL := bash
export CARGO_TERM_COLOR ?= auto

# One RabbitMQ and one Postgres for all tests of a run; cargo-nextest where it is installed.
RUN_TESTS := $(shell command -v cargo-nextest >/dev/null && echo "cargo nextest run" || echo "cargo test")

.PHONY: help demo test fmt lint doc unit bench ready

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

demo: ready ## One campaign of 10,000 from list to report, with real services, on this machine
	@cargo build --quiet --bin flowcast
	@cargo run --quiet --bin flowcast -- demo $(DEMO)

test: ready fmt lint doc ## Everything: format, lints, documentation, unit, integration and whole-process tests
	cargo build --workspace --all-targets
	cargo run --quiet --bin devstack -- run -- $(RUN_TESTS) --workspace

fmt: ## Check the format
	cargo fmt --all --check

lint: ## Check the lints
	cargo clippy --workspace --all-targets --quiet -- -D warnings

doc: ## Check the documentation of the code
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

unit: ## Only the tests that need no services
	$(RUN_TESTS) --workspace --lib --bins

bench: ready ## Speed and memory, with the machine's ceilings beside them
	cargo build --release --bin flowcast
	cargo run --release --quiet -p benches --bin bench $(BENCH)

ready:
	@scripts/bootstrap
