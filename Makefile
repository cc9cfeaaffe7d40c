# Tapline. `make demo` shows it, `make test` tests it; both install what is missing (Debian, as root).

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -X main.version=$(VERSION)
# A number of inputs, not a time: at the end of a time, go test may fail with "context deadline exceeded" though nothing was found.
FUZZTIME ?= 40000x

COMMANDS := controller/tapline plugin/tapline-mirror api/tapctl testenv/tapline-lab

# Programs that are needed beside Go, and the packages that have them.
TOOLS    := gcc git ovs-vswitchd ovsdb-server ovs-vsctl ovs-pki tcpdump ip ping protoc
PACKAGES := gcc libc6-dev git openvswitch-switch openvswitch-common openvswitch-pki tcpdump iproute2 iputils-ping protobuf-compiler

.PHONY: all
all: build

.PHONY: deps
deps:
	@for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then \
		echo "installing what is missing:$$missing"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES); \
	fi

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./,$(COMMANDS))

.PHONY: demo
demo: deps build
	testenv/demo.sh

# What must hold of the sources: they build, are formatted, pass the checkers, and what is generated is fresh.
.PHONY: check
check: deps
	$(GO) build ./...
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(MAKE) --no-print-directory generate-check

.PHONY: generate
generate: deps
	$(GO) build -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
	$(GO) generate ./...

# The header of generated protobuf code names the version of protoc, which is the installed one's.
.PHONY: generate-check
generate-check:
	@before=$$(mktemp -d) && cp plugin/mirrorpb/*.pb.go $$before && $(MAKE) --no-print-directory generate && \
	for f in plugin/mirrorpb/*.pb.go; do \
		diff -I '^//.*protoc' $$before/$$(basename $$f) $$f || { echo "$$f is stale: run make generate"; exit 1; }; \
	done; rm -rf $$before

.PHONY: test
test: deps check
	$(GO) test -race -count=1 -p 2 -timeout 15m ./...

# Each fuzz target for a short while.
.PHONY: fuzz
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
		done; \
	done

# Measured beside what would be used instead, on real switches; see BENCHMARKS.md. OVN is measured if it is installed
# (packages ovn-central and ovn-host).
.PHONY: bench
bench: deps build
	$(GO) run ./testenv/bench

# The protocol libraries alone.
.PHONY: bench-code
bench-code: deps
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Everything that is measured, small and few times, so that none of it rots; times are not judged.
.PHONY: bench-quick
bench-quick: deps build
	$(GO) run ./testenv/bench -quick
	$(GO) test -run '^$$' -bench . -benchtime 1x ./...

.PHONY: install
install: build
	install -D -t $(DESTDIR)/usr/bin bin/tapline bin/tapctl
	install -D -t $(DESTDIR)/usr/lib/tapline bin/tapline-mirror
	ln -sf ../lib/tapline/tapline-mirror $(DESTDIR)/usr/bin/tapline-mirror
	ln -sf tapctl $(DESTDIR)/usr/bin/climc

.PHONY: clean
clean:
	rm -rf bin
