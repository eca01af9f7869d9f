# The bare-metal guests. `services` leaves them in .build/services, ready for a monitor.
# Needs ld.lld and objcopy beside Swift (Debian packages lld, binutils); the tests boot them with qemu-system-x86 and
# ping them with iproute2, iputils-ping and util-linux.

SERVICES := echo
# Guests that only the tests boot.
TEST_GUESTS := faults
BARE_BUILD := .build/bare
BARE_TRIPLE := x86_64-unknown-none-elf
BARE_TOOLSET := Sources/LibraryOS/x86_64.toolset.json
GUESTS := $(SERVICES) $(TEST_GUESTS)

.PHONY: services $(GUESTS:%=guest-%)
services: $(GUESTS:%=guest-%)
	@wc -c $(SERVICES:%=.build/services/%-x86_64)

# SwiftPM knows what is out of date. The image with its symbols stays in $(BARE_BUILD), for the addresses that a trap prints.
$(GUESTS:%=guest-%): guest-%:
	@command -v ld.lld >/dev/null || { echo "make services: ld.lld is missing; install the package lld" >&2; exit 1; }
	swift build -c release --product $* --triple $(BARE_TRIPLE) --toolset $(BARE_TOOLSET) --scratch-path $(BARE_BUILD)
	@mkdir -p .build/services
	objcopy --strip-all $(BARE_BUILD)/$(BARE_TRIPLE)/release/$* .build/services/$*-x86_64
