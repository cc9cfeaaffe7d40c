# Tapline. `make demo` shows it, `make test` tests it; both install what is missing (Debian, as root).

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
# A number of inputs, not a time: at the end of a time, go test may fail with "context deadline exceeded" though nothing was found.
FUZZTIME ?= 10000x

COMMANDS := controller/tapline plugin/tapline-mirror api/tapctl testenv/tapline-lab

# Programs that are needed beside Go, and the packages that have them: for the demo, and for everything else.
DEMO_TOOLS    := git ovs-vswitchd ovsdb-server ovs-vsctl tcpdump ip ping
DEMO_PACKAGES := git openvswitch-switch openvswitch-common tcpdump iproute2 iputils-ping
TOOLS         := gcc ovs-pki tshark protoc python3 ansible-playbook libvirtd virsh qemu-system-x86_64 mount hostname dpkg-deb etcd etcdctl
PACKAGES      := gcc libc6-dev tshark openvswitch-pki protobuf-compiler python3 ansible-core \
                 libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 mount hostname \
                 etcd-server etcd-client

# What checks the page and shows it to the tests.
PAGE_TOOLS    := chromium node npm
PAGE_PACKAGES := chromium fonts-dejavu-core nodejs npm

# The kernel that the virtual machines of the tests boot.
GUEST_KERNEL   := linux-image-cloud-amd64
KERNEL_DIR     := /var/cache/tapline-lab
KERNEL_MODULES := virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net

# The same kernel with Open vSwitch's datapath, for the machines of testenv/vm.
DATAPATH_DIR     := $(KERNEL_DIR)/datapath
DATAPATH_MODULES := openvswitch vport-gre vport-vxlan vport-geneve veth bridge tun dummy

# Debian suites whose Open vSwitch and OVN are unpacked beside the system for tests: the one that make test needs,
# and all. RELEASES are what make test-releases runs the hosts of its labs on: one release, or several in turn.
TEST_SUITE   := trixie
ALL_SUITES   := bullseye bookworm trixie sid
RELEASES     ?= 2.15 3.1 3.5 4.0 2.15,4.0 4.0,2.15 3.5,system
RELEASE_TESTS := TestShared/(Mirror|Isolation|Busy|Loop|Counters|OwnCounters|Drift)$$|TestOptions$$|TestOnce$$|TestRestart$$|TestFollow$$
# What they run besides on the userspace datapath.
LIVE_TESTS    := TestRemoteCollectors$$|TestCapture$$
# Releases with OVN of their own, on which TestOVN runs too.
OVN_RELEASES  := 3.1 3.5 4.0

.PHONY: all
all: build

# $(call install,TOOLS,PACKAGES) installs the packages if one of the tools is missing.
define install
	@for tool in $(1); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then \
		echo "installing what is missing:$$missing"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(2); \
	fi
endef

.PHONY: deps-demo
deps-demo:
	$(call install,$(DEMO_TOOLS),$(DEMO_PACKAGES))

.PHONY: deps
deps: deps-demo
	$(call install,$(TOOLS),$(PACKAGES))
	$(call install,$(PAGE_TOOLS),$(PAGE_PACKAGES))
	@if [ ! -e $(KERNEL_DIR)/vmlinuz ]; then testenv/kernel.sh $(GUEST_KERNEL) $(KERNEL_DIR) $(KERNEL_MODULES); fi
	@if [ ! -e $(DATAPATH_DIR)/vmlinuz ]; then testenv/kernel.sh $(GUEST_KERNEL) $(DATAPATH_DIR) $(DATAPATH_MODULES); fi
	testenv/releases.sh $(KERNEL_DIR) $(TEST_SUITE)

.PHONY: releases
releases: deps
	testenv/releases.sh $(KERNEL_DIR) $(ALL_SUITES)

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./,$(COMMANDS))
	@chmod go-w $(addprefix bin/,$(notdir $(COMMANDS))) # A plugin that others may write is refused.

.PHONY: demo
demo: deps-demo build
	testenv/demo.sh

# What must hold of the sources: they build, are formatted, pass the checkers, and what is generated is fresh.
.PHONY: check
check: deps
	$(GO) build ./...
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	@$(MAKE) --no-print-directory check-width
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	@$(MAKE) --no-print-directory vulncheck
	@$(MAKE) --no-print-directory check-page
	$(MAKE) --no-print-directory generate-check

# The page needs no build. Its types and its pure parts are checked by tools from npm, of pinned versions, in an ignored folder.
.PHONY: check-page
check-page:
	@command -v npm >/dev/null && command -v node >/dev/null || { echo "the page was not checked: node or npm is missing"; exit 0; }; \
	cd api/web && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --silent; } && \
	node node_modules/typescript/bin/tsc -p . && node node_modules/prettier/bin/prettier.cjs --check --log-level warn static test && node --test test/ >node_modules/test.log || { cat node_modules/test.log; exit 1; }

# Lines of Go are at most 100 columns wide, a tab being 4; generated files and go:generate are exempt. In the C locale awk counts bytes, so
# the continuation bytes of UTF-8 are taken out first.
.PHONY: check-width
check-width:
	@git ls-files '*.go' ':!*.pb.go' | LC_ALL=C xargs awk ' \
		{ line = $$0; gsub(/\t/, "    ", line); gsub(/[\200-\277]/, "", line) } \
		length(line) > 100 && line !~ /^\/\/go:generate/ { print FILENAME ":" FNR ": " length(line) " columns, at most 100 fit"; wide++ } \
		END { exit wide > 0 }'

# Known vulnerabilities in what we call. Where the database cannot be reached, nothing is said of them.
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: vulncheck
vulncheck:
	@getent hosts vuln.go.dev >/dev/null || { echo "vulnerabilities were not checked: no way to vuln.go.dev"; exit 0; }; \
	code=0; out=$$($(GO) run $(GOVULNCHECK) ./... 2>&1) || code=$$?; \
	case $$code-$$out in \
	0-*) echo "no known vulnerability is called" ;; \
	*"exit status 3"*|3-*) printf '%s\n' "$$out"; exit 1 ;; \
	*) echo "vulnerabilities were not checked: $$(printf '%s\n' "$$out" | grep -v '^exit status' | tail -1)" ;; \
	esac

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

# The longest package begins first, and all others are compiled and run beside it.
.PHONY: test
test: deps check
	TAPLINE_REQUIRE_ETCD=1 TAPLINE_REQUIRE_BROWSER=1 $(GO) test -race -count=1 -p 2 -timeout 30m ./testenv/e2e ./...

# What "make test" runs a part of: tests of the whole product on the kernel's datapath, in a virtual machine, one after another,
# then those of the data path with the daemons of other releases.
KERNEL_RELEASES ?= 2.15 3.5 4.0 3.5,system
.PHONY: test-kernel
test-kernel: releases
	$(GO) run ./testenv/vm/run -suite -timeout 2h
	$(GO) run ./testenv/vm/run -v -run '^TestKernelWithoutGRE$$' -without ip_gre,vport_gre -timeout 10m
	@set -e; for release in $(KERNEL_RELEASES); do \
		echo "== Open vSwitch $$release on the kernel's datapath"; \
		$(GO) run ./testenv/vm/run -v -ovs $$release -run '$(RELEASE_TESTS)|TestTAPDevices$$' -timeout 1h; \
	done

# The tests of the data path and of repair on other releases of Open vSwitch, and on mixed pairs.
.PHONY: test-releases
test-releases: releases
	@set -e; for release in $(RELEASES); do \
		echo "== Open vSwitch $$release"; \
		TAPLINE_LAB_OVS=$$release $(GO) test -count=1 -timeout 30m -run '$(RELEASE_TESTS)|$(LIVE_TESTS)' ./testenv/e2e; \
	done; \
	for release in $(OVN_RELEASES); do \
		echo "== OVN beside Open vSwitch $$release"; \
		TAPLINE_LAB_OVS=$$release $(GO) test -count=1 -timeout 10m -run 'TestOVN$$' ./testenv/e2e; \
	done

# Kills everything at random moments while intent changes; SOAK_SEED and SOAK_OPS choose what and how long.
SOAK_OPS ?= 300
.PHONY: soak
soak: deps
	SOAK_OPS=$(SOAK_OPS) $(GO) test -race -count=1 -timeout 60m -run '^TestSoak$$' -v ./testenv/e2e
	SOAK_OPS=$$(($(SOAK_OPS) / 10)) $(GO) test -race -count=1 -timeout 60m -run '^TestReplicasSoak$$' -v ./testenv/e2e

# Each fuzz target for a short while.
.PHONY: fuzz
fuzz:
	@set -e; for file in $$(git ls-files '*_test.go' | xargs grep -l '^func Fuzz'); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "$$file $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$file); \
		done; \
	done

# Folders with benchmarks of Go.
BENCHMARKED = $(sort $(addprefix ./,$(dir $(shell git ls-files '*_test.go' | xargs grep -l '^func Benchmark'))))

# Measured beside what would be used instead, on real switches; see BENCHMARKS.md. OVN is measured if it is installed
# (packages ovn-central and ovn-host).
.PHONY: bench
bench: deps build
	$(GO) run ./testenv/bench

# The main figures of this folder and of commit BASE, in turn in one run, with confidence intervals: what to run before a
# change of what is hot. ROUNDS of each; BENCH are flags of testenv/bench.
ROUNDS ?= 6
.PHONY: bench-compare
bench-compare: deps
	GO='$(GO)' testenv/bench/compare.sh '$(BASE)' $(ROUNDS) -- $(BENCH)

# The protocol libraries alone.
.PHONY: bench-code
bench-code: deps
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Everything that is measured, small and few times, so that none of it rots; times are not judged.
.PHONY: bench-quick
bench-quick: deps build
	$(GO) run ./testenv/bench -quick
	$(GO) test -run '^$$' -bench . -benchtime 1x $(BENCHMARKED)

# Man pages and completions are made by the programs themselves.
.PHONY: docs
docs: build
	@rm -rf bin/docs && mkdir -p bin/docs/man bin/docs/completion
	bin/tapline man bin/docs/man && bin/tapctl man bin/docs/man
	@rm -f bin/docs/man/*-completion*
	@for p in tapline tapctl; do for shell in bash zsh fish; do bin/$$p completion $$shell > bin/docs/completion/$$p.$$shell || exit 1; done; done

# Where Wireshark of this system looks for programs that capture.
EXTCAP_DIR ?= $(firstword $(wildcard /usr/lib/*/wireshark/extcap) /usr/lib/$(shell gcc -print-multiarch 2>/dev/null)/wireshark/extcap)

.PHONY: install
install: build docs
	install -D -t $(DESTDIR)/usr/bin bin/tapline bin/tapctl
	install -D -t $(DESTDIR)/usr/lib/tapline bin/tapline-mirror
	ln -sf ../lib/tapline/tapline-mirror $(DESTDIR)/usr/bin/tapline-mirror
	ln -sf tapctl $(DESTDIR)/usr/bin/climc
	install -d $(DESTDIR)$(EXTCAP_DIR)
	ln -sf /usr/bin/tapctl $(DESTDIR)$(EXTCAP_DIR)/tapctl-extcap
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man1 bin/docs/man/*.1
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man8 bin/docs/man/*.8
	@for p in tapline tapctl; do \
		install -D -m 644 bin/docs/completion/$$p.bash $(DESTDIR)/usr/share/bash-completion/completions/$$p && \
		install -D -m 644 bin/docs/completion/$$p.zsh $(DESTDIR)/usr/share/zsh/vendor-completions/_$$p && \
		install -D -m 644 bin/docs/completion/$$p.fish $(DESTDIR)/usr/share/fish/vendor_completions.d/$$p.fish || exit 1; \
	done
	install -D -m 644 -t $(DESTDIR)/usr/lib/systemd/system controller/package/tapline.service
	install -D -m 644 controller/package/sysusers.conf $(DESTDIR)/usr/lib/sysusers.d/tapline.conf
	@[ -e $(DESTDIR)/etc/tapline/tapline.yaml ] || install -D -m 640 -t $(DESTDIR)/etc/tapline controller/package/tapline.yaml
	install -D -m 644 -t $(DESTDIR)/usr/share/tapline controller/package/grafana-dashboard.json controller/package/alerts.yaml
	@[ -n "$(DESTDIR)" ] || getent passwd tapline >/dev/null || \
		useradd --system --user-group --home-dir /var/lib/tapline --no-create-home --shell /usr/sbin/nologin tapline
	@[ -n "$(DESTDIR)" ] || chgrp tapline /etc/tapline/tapline.yaml
	GO='$(GO)' controller/package/licenses $(DESTDIR)/usr/share/doc/tapline/licenses
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/tapline README.md ARCHITECTURE.md BENCHMARKS.md NOTICE LICENSE
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/tapline/api/docs api/docs/*.md
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/tapline/api/examples api/examples/*

# A Debian package of what install puts in place. A version that is no tag sorts before the first one.
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
DEB_ARCH    := $(shell $(GO) env GOARCH)
DEB_VERSION := $(shell echo '$(VERSION)' | sed -e 's/^v\([0-9]\)/\1/' -e 't' -e "s/^/0~git$$(git log -1 --format=%cd --date=format:%Y%m%d%H%M 2>/dev/null)./" -e 's/-/./g')

.PHONY: deb
deb:
	@rm -rf bin/stage bin/tapline_*.deb
	@$(MAKE) --no-print-directory install DESTDIR=bin/stage
	DEB_ARCH=$(DEB_ARCH) DEB_VERSION=$(DEB_VERSION) $(GO) run $(NFPM) package -f controller/package/nfpm.yaml -p deb -t bin/tapline_$(DEB_ARCH).deb

.PHONY: clean
clean:
	rm -rf bin
