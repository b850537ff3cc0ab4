# Quiver. `make` alone lists the targets.
SHELL := /bin/bash
BIN := bin/quiver
GO ?= go
ADDR ?= 127.0.0.1:5433
DATA ?= data

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sed 's|$$(ADDR)|$(ADDR)|; s|$$(DATA)|$(DATA)|'

.PHONY: build
build: ## build bin/quiver
	$(GO) build -o $(BIN) ./cmd/quiver

.PHONY: run
run: build ## start the server on $(ADDR) over $(DATA)
	$(BIN) start --data $(DATA) --listen $(ADDR)

.PHONY: demo
demo: build ## load 10,000 word vectors, search them, leave the server running
	@$(GO) build -o bin/words ./examples/words
	@bin/words --quiver $(BIN) --data $(DATA) --listen $(ADDR)

.PHONY: stop
stop: ## stop the server that make demo left running
	@bin/words --stop --data $(DATA)

.PHONY: deps
deps: ## install what the tests need (apt, npm), if it is missing
	@tools/deps.sh

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, the import rules, assembly as its generators write it
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt would change these"; exit 1; }
	@sums() { cat $$(git ls-files '*_amd64.s') | cksum; }; before=$$(sums); $(GO) generate ./vector/...; \
		test "$$before" = "$$(sums)" || { echo "go generate changed assembly: look at it and commit it"; exit 1; }
	$(GO) vet ./...
	cd tools && $(GO) build -o ../.cache/bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	.cache/bin/staticcheck ./...
	$(GO) test ./internal/lint

.PHONY: test
test: deps lint servers ## everything: units under the race detector, SQL files, wire, clients, crash tests
	$(GO) test -timeout 20m ./vector # all of its sweeps, of which the race detector sees some
	$(GO) test -race -timeout 20m $$($(GO) list ./... | grep -v quiver/test/)
	$(GO) test -timeout 30m -p 1 ./test/...

.PHONY: slt
slt: ## the SQL files, on PostgreSQL and on Quiver
	$(GO) test ./test/slt

.PHONY: servers
servers: ## build the etcd, MinIO and versitygw that tests start
	$(GO) run ./test/servers/build

.PHONY: fuzz-short
fuzz-short: ## each fuzzer for a few seconds
	@tools/fuzz.sh 5s

.PHONY: crash
crash: deps servers ## the full counts: 200 kills on each store, 1,000 power cuts
	QUIVER_CRASH_KILLS=200 $(GO) test -timeout 4h -v -run TestKill ./test/crash
	QUIVER_POWER_CUTS=1000 $(GO) test -timeout 2h -v -run PowerCut ./storage/...

.PHONY: soak
soak: deps servers ## hours of faults: 1,000,000 operations against a model, every fault, 10,000 power cuts, 200 kills
	@tools/soak.sh

.PHONY: recall
recall: ## recall floors: each kind of index, type, distance and quantization on each kind of data
	QUIVER_RECALL=all $(GO) test -timeout 4h -v ./test/recall

.PHONY: memory
memory: ## a table of MEMORY_TABLE MB (1000) on a server with MEMORY_BUDGET MB of memory (256): load, scan, join, sort, index, search, update, compact
	$(GO) run ./test/memory -table $(or $(MEMORY_TABLE),1000) -budget $(or $(MEMORY_BUDGET),256)

.PHONY: bench
bench: deps ## the figures of docs/benchmarks.md, beside their peers in the same run
	$(GO) run ./bench -out docs/benchmarks.md

.PHONY: bench-kernels
bench-kernels: ## the table of docs/kernels.md: each kernel beside the roofline of this machine
	@$(GO) test -p 1 ./vector ./vector/rabitq -run '^$$' -bench 'Roofline|Panels' -benchtime 1x | awk -f tools/kernels.awk

.PHONY: bench-large
bench-large: deps ## ten million generated vectors: an hour, 8 GB of memory
	$(GO) run ./bench -only large -out docs/benchmarks.md

.PHONY: up
up: ## start etcd, MinIO and quiver by docker-compose
	docker-compose up -d --build

.PHONY: down
down: ## stop them; the volumes stay
	docker-compose down

.PHONY: clean
clean: ## remove what was built (never data)
	rm -rf bin .cache
