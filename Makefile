# On a fresh Debian 12 with Swift, `make run` and `make test` are the only two commands anyone needs.

BUILD_PACKAGES := libmnl-dev libnftnl-dev libldns-dev zlib1g-dev libdeflate-dev libssl-dev libcurl4-openssl-dev lld \
  binutils
LAB_PACKAGES := iproute2 util-linux dnsmasq-base busybox isc-dhcp-client udhcpc dhcpcd-base bind9-dnsutils curl
TEST_PACKAGES := $(LAB_PACKAGES) qemu-system-x86 nftables nmap conntrack iputils-ping procps systemd ncat python3 \
  kea-dhcp4-server unbound e2fsprogs git openssh-server openssh-client
BENCH_PACKAGES := $(TEST_PACKAGES) libnftables1 knot-resolver kea-admin strace libgit2-dev

# The kernel that the tests boot in QEMU.
TEST_KERNEL := linux-image-cloud-amd64

BENCHMARKS := dns firewall dhcp store

SWIFT_RELEASE := -c release --static-swift-stdlib
# Installs what is missing, and lets no package start a service of its own. One call for each list of packages.
install = @scripts/install-packages $(1)

.PHONY: all build run lab test soak bench $(BENCHMARKS:%=bench-%) format lint docs clean
all: build

build:
	$(call install,$(BUILD_PACKAGES))
	swift build $(SWIFT_RELEASE) --product lares

run: build
	$(call install,$(LAB_PACKAGES))
	swift build $(SWIFT_RELEASE) --product lares-lab
	.build/release/lares-lab run

lab: build
	$(call install,$(LAB_PACKAGES))
	swift build $(SWIFT_RELEASE) --product lares-lab
	.build/release/lares-lab shell

test:
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	scripts/unpack-kernel $(TEST_KERNEL) .build/kernel
	$(MAKE) services
	swift build --build-tests
	swift test --skip-build

# The same tests with the counts that a release is measured by, resumable; scripts/soak says how.
soak:
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	scripts/unpack-kernel $(TEST_KERNEL) .build/kernel
	$(MAKE) services
	swift build --build-tests
	scripts/soak

# Each benchmark runs the best peers beside us in the same run, and ends with lines `ratio NAME …`.
bench: $(BENCHMARKS:%=bench-%)

# Measures whole programs, so it is a script.
bench-dhcp:
	$(call install,$(BUILD_PACKAGES) $(BENCH_PACKAGES))
	swift build $(SWIFT_RELEASE) --product address-server
	SERVER=.build/release/address-server Benchmarks/dhcp/bench-dhcp

$(filter-out bench-dhcp,$(BENCHMARKS:%=bench-%)): bench-%:
	$(call install,$(BUILD_PACKAGES) $(BENCH_PACKAGES))
	swift build $(SWIFT_RELEASE) --product $@
	.build/release/$@

format:
	swift format --in-place --recursive Package.swift Sources Tests Benchmarks

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Benchmarks

# docs/ has pages that come from the code; the tests compare them.
docs:
	LARES_UPDATE_DOCS=1 swift test --filter "ReferencePageTests|MistakesPageTests|RunTimeMistakesTests|StorePageTests"

clean:
	rm -rf .build

include services.mk
include fuzz.mk
