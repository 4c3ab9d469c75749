# Remit's commands; `make` alone lists them. They need Go, make, git and a C compiler (for the race
# detector) and get everything else themselves. The versions of the tools are in hack/tools/go.mod.

SHELL := bash
.SHELLFLAGS := -o errexit -o nounset -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := $(CURDIR)/bin

# VERSION is stamped into the binaries and tags the image.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# PACKAGES and TESTFLAGS narrow `make test` down: make test PACKAGES=./internal/engine TESTFLAGS='-run Special'
PACKAGES ?= ./...
TESTFLAGS ?=
# FUZZTIME is how long each fuzz target runs: a number of executions (2000x) or a time (30s).
FUZZTIME ?= 2000x
# MUTATE is a regular expression: which changes `make mutate` tries, by rule, name or file.
MUTATE ?=
# BENCHFLAGS are flags of a bench-… target: make bench-scale BENCHFLAGS='-users 2000 -records 10000'
BENCHFLAGS ?=
# RAPID_SEED is what the property tests' random inputs follow from; 0 is other inputs in every run, as at night.
RAPID_SEED ?= 1
export RAPID_SEED
# DURATION is how long `make soak` takes.
DURATION ?= 30m
# DECISION_PORT is where `make run` serves decisions, on 127.0.0.1.
DECISION_PORT ?= 8443
# PLUGIN_DIR is where `make install-plugin` puts kubectl's plugin.
PLUGIN_DIR ?= $(HOME)/.local/bin
# IMG is the manager's image; BASE what its binary is put on: scratch, or for example a distroless image.
IMG ?= remit:$(VERSION)
BASE ?= scratch
CONTAINER_TOOL ?= docker
# KUBECTL is needed by the targets that change a cluster, and by no other.
KUBECTL ?= kubectl

GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
BENCH := $(BIN)/bench/bench
CODE_PATHS := paths="./api/..." paths="./controllers/..." paths="./internal/..."

##@ General

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## "; print "Usage: make TARGET [VARIABLE=value]" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: clean
clean: ## Remove what the other targets made, tools included. The control plane's cache stays.
	rm -rf bin

##@ Try it

.PHONY: run
run: build ## Run all of it here: a real API server, the manager, the samples. Ctrl-C ends it.
	@go build -buildvcs=false -o $(BIN)/dev-cluster ./hack/dev
	@assets=$$(hack/controlplane/ensure.sh --with-controller-manager); \
	exec $(BIN)/dev-cluster --assets "$$assets" --decision-port $(DECISION_PORT)

##@ Develop

.PHONY: generate
generate: $(BIN)/controller-gen ## Regenerate the Go code that follows from the API types.
	$(BIN)/controller-gen object:headerFile=hack/boilerplate.go.txt paths="./api/..."

.PHONY: manifests
manifests: $(BIN)/controller-gen ## Regenerate the CRDs, the manager's roles and the webhook configuration.
	$(BIN)/controller-gen crd rbac:roleName=manager-role webhook $(CODE_PATHS) \
		output:crd:artifacts:config=config/crd/bases
	$(BIN)/controller-gen rbac:roleName=certificates-role paths="./cmd/manager" output:dir=config/certificates

.PHONY: fmt
fmt: ## Format the Go code.
	gofmt -l -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run the linters, the direction of imports among them.
	$(BIN)/golangci-lint run ./...

.PHONY: test
test: ## Run every test with the race detector, on a real API server (PACKAGES, TESTFLAGS).
	@mkdir -p $(BIN)
	@assets=$$(hack/controlplane/ensure.sh); \
	echo "Testing $(PACKAGES) with the race detector; API server and etcd from $$assets"; \
	KUBEBUILDER_ASSETS=$$assets go test -race -timeout 30m -coverprofile=$(BIN)/cover.out $(TESTFLAGS) $(PACKAGES)

.PHONY: test-cluster
test-cluster: build verify-chart $(BIN)/kustomize ## Try what is installed with the tools that people use, and a rollout under load on a stand-in for a node (Linux; TESTFLAGS).
	@hack/tools/programs.sh
	@assets=$$(hack/controlplane/ensure.sh --with-controller-manager); \
	KUBEBUILDER_ASSETS=$$assets go -C hack/testcluster test -count=1 -timeout 15m $(TESTFLAGS) ./...

.PHONY: test-adapters
test-adapters: build-kubectl-remit hack/adapters/node_modules ## Feed filters to the libraries that read them (needs Node.js 20 and npm).
	npm --prefix hack/adapters test

hack/adapters/node_modules: hack/adapters/package.json hack/adapters/package-lock.json
	cd hack/adapters && npm ci --no-audit --no-fund && touch node_modules

.PHONY: fuzz
fuzz: ## Run the fuzz targets of expressions, objects, manifests and requests (FUZZTIME each).
	@for target in expr:FuzzFastAgainstCEL expr:FuzzBounds engine:FuzzCompile engine:FuzzDecide manifests:FuzzParse server:FuzzEvaluation server/wire:FuzzParseJSON server/wire:FuzzParse server/wire:FuzzAppendDecision \
		importer:FuzzDirectus importer:FuzzInvenTree importer:FuzzERPNext importer:FuzzERPNextNeverWider importer:FuzzCin7; do \
		echo "Fuzzing $${target#*:} in internal/$${target%%:*}, $(FUZZTIME)"; \
		go test "./internal/$${target%%:*}" -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(FUZZTIME); \
	done

.PHONY: mutate
mutate: ## Change the meaning of the code in hundreds of places, one at a time: a test has to notice each (MUTATE).
	go run ./internal/engine/enginetest/mutate -only '$(MUTATE)'

.PHONY: verify
verify: $(BIN)/controller-gen $(BIN)/kustomize $(BIN)/golangci-lint ## Check that everything generated is current, modules tidy, code formatted and linted.
	@MAKE='$(MAKE)' hack/verify.sh

.PHONY: bench
bench: ## Run the benchmarks (PACKAGES, TESTFLAGS).
	@assets=$$(hack/controlplane/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go test -run '^$$' -bench . -benchmem $(TESTFLAGS) $(PACKAGES)

##@ Benchmarks beside others (docs/benchmarks.md; results in bin/bench, BENCHFLAGS for their flags)

.PHONY: bench-peers
bench-peers: bench-program ## Decisions beside cedar-go, OPA, casbin and Kubernetes' RBAC, in one process.
	$(BENCH) peers $(BENCHFLAGS)

.PHONY: bench-short
bench-short: bench-program ## Less of it, in seconds: fails when an engine disagrees or an unconditional decision allocates.
	$(BENCH) peers -short $(BENCHFLAGS)

.PHONY: bench-server
bench-server: bench-program build ## The decision server beside a bare handler, Cerbos and OpenFGA.
	@$(MAKE) --no-print-directory $(BIN)/bench/openfga || echo "OpenFGA cannot be built here and is left out"
	@$(MAKE) --no-print-directory $(BIN)/bench/cerbos || echo "Cerbos cannot be installed here and is left out"
	@assets=$$(hack/controlplane/ensure.sh); KUBEBUILDER_ASSETS=$$assets $(BENCH) server $(BENCHFLAGS)

.PHONY: bench-scale
bench-scale: bench-program build-manager ## The manager with 100,000 users on a real API server: up to an hour.
	@assets=$$(hack/controlplane/ensure.sh); KUBEBUILDER_ASSETS=$$assets $(BENCH) scale $(BENCHFLAGS)

.PHONY: soak
soak: bench-program build-manager ## Hostile and ordinary requests together for DURATION, against a manager in 512 MiB.
	@assets=$$(hack/controlplane/ensure.sh); KUBEBUILDER_ASSETS=$$assets $(BENCH) soak -duration $(DURATION) $(BENCHFLAGS)

.PHONY: bench-report
bench-report: bench-program ## Write the results into docs/benchmarks.md.
	$(BENCH) report

.PHONY: bench-program
bench-program:
	@mkdir -p $(BIN)/bench
	@go -C hack/bench build -buildvcs=false -o $(BENCH) .

$(BIN)/bench/openfga: hack/bench/openfga/go.mod hack/bench/openfga/go.sum
	@echo "Building OpenFGA (some minutes, once)"
	@CGO_ENABLED=0 go -C hack/bench/openfga build -buildvcs=false -o $@ github.com/openfga/openfga/cmd/openfga && touch $@

# Cerbos publishes its server as a package for npm.
$(BIN)/bench/cerbos: hack/bench/cerbos.version
	@echo "Installing Cerbos"
	@rm -rf $@
	@npm install --silent --no-audit --no-fund --prefix $@ "cerbos@$$(cat $<)" && touch $@

##@ Build

.PHONY: build
build: build-manager build-kubectl-remit ## Build bin/manager and bin/kubectl-remit.

.PHONY: build-manager
build-manager:
	@$(GO_BUILD) -o $(BIN)/manager ./cmd/manager

.PHONY: build-kubectl-remit
build-kubectl-remit:
	@$(GO_BUILD) -o $(BIN)/kubectl-remit ./cmd/kubectl-remit

.PHONY: dist
dist: ## Build kubectl-remit for Linux, macOS and Windows into bin/release, with checksums and a manifest for krew.
	@VERSION=$(VERSION) hack/dist.sh

.PHONY: docker-build
docker-build: ## Build the manager's image (IMG, BASE, CONTAINER_TOOL).
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) --build-arg BASE=$(BASE) -t $(IMG) .

.PHONY: build-installer
build-installer: manifests $(BIN)/kustomize ## Write dist/install.yaml, everything that a cluster needs in one file, and the Helm chart.
	@$(BIN)/kustomize build config/default > dist/install.yaml
	@go run -buildvcs=false ./hack/chart

.PHONY: verify-chart
verify-chart: $(BIN)/helm ## Lint the Helm chart and render it in each of its shapes.
	hack/verify-chart.sh $(BIN)/helm

.PHONY: install-plugin
install-plugin: build-kubectl-remit ## Put `kubectl remit` and its completion into PLUGIN_DIR, which has to be on the PATH.
	@mkdir -p $(PLUGIN_DIR)
	install -m 0755 $(BIN)/kubectl-remit hack/kubectl_complete-remit $(PLUGIN_DIR)

##@ Cluster (the one that KUBECTL talks to)

.PHONY: install
install: $(BIN)/kustomize ## Install the CRDs.
	$(BIN)/kustomize build config/crd | $(KUBECTL) apply --server-side -f -

.PHONY: uninstall
uninstall: $(BIN)/kustomize ## Remove the CRDs and with them every object of theirs.
	$(BIN)/kustomize build config/crd | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: deploy
deploy: $(BIN)/kustomize ## Install CRDs, rights, webhooks and the manager (IMG).
	hack/render.sh $(BIN)/kustomize $(IMG) | $(KUBECTL) apply --server-side -f -

.PHONY: undeploy
undeploy: $(BIN)/kustomize ## Remove what deploy installed.
	hack/render.sh $(BIN)/kustomize $(IMG) | $(KUBECTL) delete --ignore-not-found -f -

##@ Tools (built into bin/ when a target needs them)

# tool builds package $(1) of hack/tools. VCS stamps are off: controller-gen would write them into the CRDs.
tool = go -C hack/tools build -buildvcs=false -o $@ $(1) && touch $@

$(BIN)/controller-gen: hack/tools/go.mod hack/tools/go.sum
	@echo "Building controller-gen"
	@$(call tool,sigs.k8s.io/controller-tools/cmd/controller-gen)

$(BIN)/kustomize: hack/tools/go.mod hack/tools/go.sum
	@echo "Building kustomize"
	@$(call tool,sigs.k8s.io/kustomize/kustomize/v5)

$(BIN)/golangci-lint: hack/tools/go.mod hack/tools/go.sum
	@echo "Building golangci-lint (some minutes, once)"
	@$(call tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

$(BIN)/helm: hack/helm/go.mod hack/helm/go.sum
	@echo "Building helm (some minutes, once)"
	@go -C hack/helm build -buildvcs=false -o $@ helm.sh/helm/v4/cmd/helm && touch $@
