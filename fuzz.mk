# `make fuzz` runs each parser under libFuzzer and AddressSanitizer: FUZZ_SECONDS each, from the committed corpus in
# Tests/Fuzz/NAME/corpus and what earlier runs found. `make fuzz-NAME` runs one. docs/fuzzing.md says what to do with a crash.

# Each folder with a corpus is a target's.
FUZZ_TARGETS := $(sort $(patsubst Tests/Fuzz/%/corpus,%,$(wildcard Tests/Fuzz/*/corpus)))
FUZZ_SECONDS ?= 60
# 0: another one each time.
FUZZ_SEED ?= 0
# Bounds of one input.
FUZZ_MEGABYTES := 1024
FUZZ_INPUT_SECONDS := 10

FUZZ_BUILD := .build/fuzz
# Traps and asserts stay on; -enable-testing lets the targets see what the modules keep to themselves.
FUZZ_FLAGS := -c release --product FuzzTargets --scratch-path $(FUZZ_BUILD) --sanitize address \
  $(addprefix -Xswiftc ,-sanitize=fuzzer -enable-testing -DFUZZING -assert-config Debug)

.PHONY: fuzz fuzz-build $(FUZZ_TARGETS:%=fuzz-%)

# Every target has its turn, also after one that found something.
fuzz:
	@$(MAKE) --no-print-directory --keep-going $(FUZZ_TARGETS:%=fuzz-%)

fuzz-build:
	$(call install,$(BUILD_PACKAGES))
	swift build $(FUZZ_FLAGS)
	swiftc -use-ld=lld -sanitize=fuzzer,address $(FUZZ_BUILD)/release/libFuzzTargets.a -lmnl -lnftnl -lldns -lz \
	  -ldeflate -lcrypto -lcurl \
	  -o $(FUZZ_BUILD)/lares-fuzz

$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: fuzz-build
	@scripts/fuzz $(FUZZ_BUILD) $* $(FUZZ_SECONDS) $(FUZZ_SEED) $(FUZZ_MEGABYTES) $(FUZZ_INPUT_SECONDS)
