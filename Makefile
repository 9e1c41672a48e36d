# `make help` lists what there is. Everything runs with nothing installed but Go.

.DEFAULT_GOAL := help
GO ?= go

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: format vet lint proto-lint fresh test ## Everything that CI holds a change to, but the browser's presence

.PHONY: format
format: ## Fail where gofmt would change a file
	@out=$$(gofmt -l $$(git ls-files '*.go' | grep -v '^gen/')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## staticcheck, in the version of .ci/tools
	$(GO) -C .ci/tools/staticcheck build -o "$(CURDIR)/bin/staticcheck" honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

.PHONY: lint-all
lint-all: ## golangci-lint, in the version of .ci/tools (building it takes minutes)
	$(GO) -C .ci/tools/golangci-lint build -o "$(CURDIR)/bin/golangci-lint" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run ./...

.PHONY: proto-lint
proto-lint: ## buf lint
	$(GO) tool buf lint

.PHONY: generate
generate: ## Generate gen/ from proto/
	$(GO) tool buf generate

.PHONY: fresh
fresh: generate ## Fail where generated code is not what the sources say
	@git diff --exit-code --stat -- gen && test -z "$$(git status --porcelain -- gen)"

.PHONY: test
test: ## All tests, with the race detector
	$(GO) test -race -shuffle=on ./...

.PHONY: client
client: ## Test the script for pages, and fail where client/dist is not what the sources say; install what Go tests build docs/frameworks.md and clients from OpenAPI documents with (needs Node.js)
	cd client && npm ci --silent --no-audit --no-fund && npm test --silent && npm run --silent types && npm run --silent check
	cd client/test/recipes && npm ci --silent --no-audit --no-fund
	cd client/test/generators && npm ci --silent --no-audit --no-fund

.PHONY: conformance
conformance: ## The official protobuf conformance suite (its runner comes from CONFORMANCE_RUNNER, or from npm)
	.ci/conformance

.PHONY: fuzz
fuzz: ## Every fuzz target for ten seconds
	.ci/fuzz 10s

.PHONY: microbench
microbench: ## All Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench
bench: ## Compare with peers, about 45 minutes (bench/README.md); SCENARIO=shared-5000 ROUNDS=3 is one of them
	$(GO) build -o bin/grpcsse ./cmd/grpcsse
	$(GO) -C bench build -o "$(CURDIR)/bin/bench" ./cmd/bench
	bin/bench -grpcsse bin/grpcsse -scenario '$(or $(SCENARIO),all)' -only '$(ONLY)' -rounds '$(or $(ROUNDS),0)' -warmup '$(or $(WARMUP),0)' \
		-results bin/bench.json -plot bin/bench.svg

.PHONY: faults
faults: ## Break what is around the program, with a ledger of every event; FAULTS='-streams 5000' is a larger variant
	$(GO) -C bench test -count=1 -timeout 10m -parallel 4 -v ./faults $(FAULTS)

.PHONY: chaos
chaos: ## Break bridges and NATS servers of a cluster, with a ledger of every event; CHAOS='-chaos.for=1h' takes longer
	$(GO) -C bridge/cluster/natstest test -count=1 -timeout 24h -run TestChaos -v ./chaos $(CHAOS)

.PHONY: figures
figures: ## Measure several replicas over NATS, about 5 minutes; FIGURES='-only takeover,open' is some of it
	$(GO) -C bridge/cluster/natstest run ./figures $(FIGURES)

.PHONY: tidy
tidy: ## go mod tidy, for the modules that build on this one too
	$(GO) mod tidy
	$(GO) -C bench mod tidy
	$(GO) -C bridge/cluster/natstest mod tidy
	$(GO) -C deploy mod tidy

.PHONY: deployment
deployment: ## Test what is in deploy/ (proxies, promtool and dpkg-deb are used where they are installed)
	$(GO) -C deploy vet ./...
	$(GO) -C deploy test -count=1 -parallel 8 ./...

.PHONY: release
release: ## Build the files of a release from a commit with a tag, into dist/; RELEASE_FLAGS=-snapshot needs no tag
	$(GO) -C deploy run ./cmd/release -out "$(CURDIR)/dist" $(RELEASE_FLAGS)
