# Every command of the README. `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup demo build test bench lint fmt doc tidy clean

help: ## print this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install what is missing on this machine (idempotent), build RocksDB once
	@scripts/setup

build: ## build the release binaries: quanchengd, quancheng, quancheng-load
	@scripts/setup --run
	cargo build --release --locked --bin quanchengd --bin quancheng --bin quancheng-load

demo: build ## run the whole story on a network of four validators and print what it measured
	@scripts/demo

test: ## every check of the project, exactly as in continuous integration
	@scripts/setup --ci
	@scripts/check

bench: build ## the figures of docs/performance.md: criterion benches, then a network under load
	@scripts/bench

lint: ## formatting, clippy with warnings denied, house rules
	@scripts/setup
	@scripts/check fmt clippy tidy

fmt: ## format all Rust code
	cargo fmt --all

doc: ## the API documentation, with warnings denied
	@scripts/setup --run
	@scripts/check doc

tidy: ## the house rules alone
	@scripts/check tidy

clean: ## remove what was built in this clone (the cache of tools and RocksDB stays)
	cargo clean
	rm -f .rocksdb
