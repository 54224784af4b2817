# Tandem. `make help` lists what can be made.
#
# Everything built lands below build/: the default variant in build/ itself, every other one (asan, tsan, ...) in
# build/<variant>/, so that objects never mix. Sources are found by their place:
#   common/**/*.c                        libcommon.a, linked into all programs
#   <service>/**/*.c                     the program build/<service>, once <service>/main.c exists
#   tests/unit/<path>/test_<file>.c      one cmocka program each, linked with what <path> belongs to
#   tests/fuzz/fuzz_<name>.c             one libFuzzer program each, linked with the service whose headers it includes
#   tests/bench/bench_<name>.c           one program each, linked in the same way; all else there is relay_bench
#   event-handler/store/sql/*.sql        embedded as the table of store/migrations.h
#   websocket-handler/conn/*.html        embedded as the bytes of conn/pages.h

VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
PREFIX ?= /usr/local
VARIANT ?= default
FUZZ_SECONDS ?= 20

SERVICES := websocket-handler event-handler relayctl

# ---- variants -------------------------------------------------------------------------------------------------------

OPT_default  := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
OPT_asan     := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
OPT_ubsan    := -O1 -fsanitize=undefined -fno-sanitize-recover=undefined
OPT_tsan     := -O1 -fno-omit-frame-pointer -fsanitize=thread
OPT_fuzz     := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
OPT_coverage := -O0 --coverage
ifndef OPT_$(VARIANT)
$(error VARIANT=$(VARIANT) is not one of default, asan, ubsan, tsan, fuzz, coverage)
endif
ifeq ($(VARIANT),fuzz)
CC := $(CLANG)
endif

B := $(if $(filter default,$(VARIANT)),build,build/$(VARIANT))

# ---- flags ----------------------------------------------------------------------------------------------------------

# log_line() takes an empty format where there is nothing to add.
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
            -Wno-format-zero-length -Werror
LIB_NAMES := libuv libwslay libcurl hiredis libmicrohttpd libpq jansson libsecp256k1 libcrypto zlib

# A library's flags; Debian's libwslay-dev has no .pc file, so a name that pkg-config does not know becomes -l<name>.
lib_cflags = $(shell pkg-config --cflags $(1) 2>/dev/null)
lib_libs = $(shell pkg-config --libs $(1) 2>/dev/null || echo -l$(patsubst lib%,%,$(1)))
LIB_CFLAGS := $(sort $(patsubst -I%,-isystem%,$(foreach l,$(LIB_NAMES),$(call lib_cflags,$(l)))))
LIBS := $(foreach l,$(LIB_NAMES),$(call lib_libs,$(l))) -pthread -lm
CMOCKA := $(call lib_libs,cmocka)

BASE_FLAGS := -std=c17 -D_GNU_SOURCE -g -pthread $(WARNINGS) $(LIB_CFLAGS) -DTANDEM_VERSION=\"$(VERSION)\"
ALL_CFLAGS = $(BASE_FLAGS) $(OPT_$(VARIANT)) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(OPT_$(VARIANT)) -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)
COMPILE = @mkdir -p $(@D) && echo "  CC    $<" && $(CC) $(ALL_CFLAGS) -MMD -MP
LINK = @mkdir -p $(@D) && echo "  LD    $@" && $(CC) $(ALL_LDFLAGS)

# ---- sources --------------------------------------------------------------------------------------------------------

find_c = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
objects = $(patsubst %.c,$(B)/obj/%.o,$(1))

COMMON_SRC := $(call find_c,common)
SERVICE_SRC := $(foreach s,$(SERVICES),$(call find_c,$(s)))
UNIT_SRC := $(call find_c,tests/unit)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/bench_*.c))
LOAD_SRC := $(filter-out $(BENCH_SRC),$(call find_c,tests/bench))
SQL := $(sort $(wildcard event-handler/store/sql/*.sql))
PAGES := $(sort $(wildcard websocket-handler/conn/*.html))
HEADERS := $(sort $(shell find common $(wildcard $(SERVICES)) -name '*.h'))
TEST_CODE := $(sort $(shell find tests/unit tests/fuzz tests/bench -name '*.[ch]' 2>/dev/null))
SHELL_SCRIPTS := $(sort $(shell find tests scripts deploy .ci -name node_modules -prune -o \( -name '*.sh' -o -path .ci/run \) -print))

PROGRAMS := $(foreach s,$(SERVICES),$(if $(wildcard $(s)/main.c),$(B)/$(s)))
UNIT_PROGRAMS := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
FUZZ_PROGRAMS := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/%)
BENCH_PROGRAMS := $(BENCH_SRC:tests/%.c=$(B)/%) $(if $(LOAD_SRC),$(B)/bench/relay_bench)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps run test check test-e2e test-compose asan ubsan tsan fuzz fuzz-build bench-build coverage lint tidy format format-check \
        check-headers check-layers check-docs check-observability docs bench install clean unit-build FORCE

all: $(PROGRAMS) ## build the programs (the default)

# ---- compiling ------------------------------------------------------------------------------------------------------

# Objects are made anew when the compiler or a flag changes, archives when a source file comes or goes.
$(B)/flags: STAMP = $(CC) $(subst ",,$(ALL_CFLAGS)) $(LIBS)
$(B)/sources: STAMP = $(COMMON_SRC) $(SERVICE_SRC) $(SQL) $(PAGES)
$(B)/flags $(B)/sources: FORCE
	@mkdir -p $(@D) && printf '%s\n' '$(STAMP)' | cmp -s - $@ || printf '%s\n' '$(STAMP)' > $@
FORCE:

$(B)/obj/common/%.o: common/%.c $(B)/flags
	$(COMPILE) -Icommon -c $< -o $@

$(B)/libcommon.a: $(call objects,$(COMMON_SRC)) $(B)/sources
	@rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/gen/migrations.c: $(SQL) scripts/embed-sql.awk $(B)/sources
	@mkdir -p $(@D) && LC_ALL=C awk -f scripts/embed-sql.awk $(SQL) > $@

$(B)/gen/%_html.c: websocket-handler/conn/%.html scripts/embed-text.awk
	@mkdir -p $(@D) && LC_ALL=C awk -f scripts/embed-text.awk -v name=$*_html -v header=conn/pages.h $< > $@

GEN_event-handler := $(if $(SQL),$(B)/gen/migrations.o)
GEN_websocket-handler := $(PAGES:websocket-handler/conn/%.html=$(B)/gen/%_html.o)
$(B)/gen/migrations.o: INCLUDE = -Ievent-handler
$(GEN_websocket-handler): INCLUDE = -Iwebsocket-handler
$(B)/gen/%.o: $(B)/gen/%.c $(B)/flags
	$(COMPILE) -Icommon $(INCLUDE) -c $< -o $@

# One service: its objects, an archive of all but main.o (which its tests link with), its program and its tests.
define service_rules
$(B)/obj/$(1)/%.o: $(1)/%.c $(B)/flags
	$$(COMPILE) -Icommon -I$(1) -c $$< -o $$@

$(B)/lib$(1).a: $(filter-out $(B)/obj/$(1)/main.o,$(call objects,$(call find_c,$(1)))) $(GEN_$(1)) $(B)/sources
	@rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)

$(B)/$(1): $(B)/obj/$(1)/main.o $(B)/lib$(1).a $(B)/libcommon.a
	$$(LINK) $(B)/obj/$(1)/main.o $(B)/lib$(1).a $(B)/libcommon.a $$(LIBS) -o $$@

$(B)/unit/$(1)/%: tests/unit/$(1)/%.c $(B)/lib$(1).a $(B)/libcommon.a $(B)/flags
	$$(COMPILE) -Icommon -I$(1) -Itests/unit -c $$< -o $$@.o
	$$(LINK) $$@.o $(B)/lib$(1).a $(B)/libcommon.a $$(LIBS) $$(CMOCKA) -o $$@
endef
$(foreach s,$(SERVICES),$(eval $(call service_rules,$(s))))

$(B)/unit/common/%: tests/unit/common/%.c $(B)/libcommon.a $(B)/flags
	$(COMPILE) -Icommon -Itests/unit -c $< -o $@.o
	$(LINK) $@.o $(B)/libcommon.a $(LIBS) $(CMOCKA) -o $@

# A fuzz target or a benchmark belongs to the service that has the header of one of its includes; config.h and
# metrics.h, which several services have, tell nothing.
includes = $(filter-out config.h metrics.h,$(shell sed -n 's/^\#include "\(.*\)"/\1/p' $(1)))
service_of = $(firstword $(foreach s,$(SERVICES),$(if $(wildcard $(addprefix $(s)/,$(call includes,$(1)))),$(s))))

# $(1) the source, $(2) the program, $(3) its service or nothing, $(4) further flags for linking
define program_rules
$(2): $(1) $(if $(3),$(B)/lib$(3).a) $(B)/libcommon.a $(B)/flags
	$$(COMPILE) -Icommon $(if $(3),-I$(3)) -c $$< -o $$@.o
	$$(LINK) $(4) $$@.o $(if $(3),$(B)/lib$(3).a) $(B)/libcommon.a $$(LIBS) -o $$@
endef
$(foreach f,$(FUZZ_SRC),$(eval \
    $(call program_rules,$(f),$(f:tests/fuzz/%.c=$(B)/%),$(call service_of,$(f)),-fsanitize=fuzzer)))
$(foreach f,$(BENCH_SRC),$(eval $(call program_rules,$(f),$(f:tests/%.c=$(B)/%),$(call service_of,$(f)))))

$(B)/obj/tests/%.o: tests/%.c $(B)/flags
	$(COMPILE) -Icommon -c $< -o $@

$(B)/bench/relay_bench: $(call objects,$(LOAD_SRC)) $(B)/libcommon.a
	$(LINK) $^ $(LIBS) -o $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- running and testing --------------------------------------------------------------------------------------------

deps: ## install what building and testing need (Debian, Ubuntu)
	@tests/support/deps.sh build run test

run: ## start a relay on ws://127.0.0.1:8008 with its own PostgreSQL and Redis
	@deploy/dev/run.sh

test: ## everything: unit tests, sanitizers, fuzzing, documents, end to end
	@tests/support/test-all.sh

unit-build: $(UNIT_PROGRAMS)

check: unit-build ## unit tests of this VARIANT
	@tests/support/unit.sh unit-$(VARIANT) $(UNIT_PROGRAMS)

test-e2e: all ## end-to-end tests against this VARIANT's programs
	@tests/support/e2e.sh e2e-$(VARIANT) $(B)

test-compose: ## the images and compose files, on a Docker engine
	@tests/compose/run.sh

asan: ## unit tests with the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory VARIANT=asan all check

ubsan: ## unit tests with the undefined-behaviour sanitizer alone
	@$(MAKE) --no-print-directory VARIANT=ubsan all check

tsan: ## unit tests with the thread sanitizer
	@$(MAKE) --no-print-directory VARIANT=tsan all check

fuzz-build: $(FUZZ_PROGRAMS)

fuzz: ## run each fuzz target for FUZZ_SECONDS
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-build
	@tests/support/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)

coverage: ## unit tests' line coverage, as build/coverage/html
	@$(MAKE) --no-print-directory VARIANT=coverage all check
	@tests/support/coverage.sh build/coverage

bench-build: $(BENCH_PROGRAMS)

bench: all bench-build ## the benchmark of tests/bench
	@tests/bench/run.sh $(B)

# ---- keeping it tidy ------------------------------------------------------------------------------------------------

lint: tidy check-layers check-docs check-observability format-check ## clang-tidy, layers, documents, format, shell scripts
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_SCRIPTS); else echo "shellcheck: not installed"; fi

tidy: $(B)/gen/migrations.c
	@tests/lint/tidy.sh $(BASE_FLAGS) -- $(COMMON_SRC) $(SERVICE_SRC)

check-observability: ## the dashboard and the alerts name what exists
	@tests/lint/check-observability.sh

check-layers: ## who may include whom
	@tests/lint/check-layers.sh

check-docs: all ## docs/CONFIG.md is what the programs' tables say
	@tests/lint/check-docs.sh $(B)

docs: all ## write the settings tables into docs/CONFIG.md
	@tests/lint/check-docs.sh $(B) --write

check-headers: ## each header compiles alone
	@status=0; for h in $(HEADERS); do \
		$(CC) $(BASE_FLAGS) -Icommon -I$${h%%/*} -fsyntax-only -x c -include $$h /dev/null || status=1; \
	done; exit $$status

format: ## clang-format all sources in place
	@clang-format -i $(COMMON_SRC) $(SERVICE_SRC) $(HEADERS) $(TEST_CODE)

format-check: ## fail where clang-format would change something
	@clang-format --dry-run -Werror $(COMMON_SRC) $(SERVICE_SRC) $(HEADERS) $(TEST_CODE)

install: all ## install programs, units, documents below DESTDIR/PREFIX
	@for p in $(PROGRAMS); do install -D -m 755 $$p $(DESTDIR)$(PREFIX)/bin/$${p##*/}; done
	@for u in deploy/systemd/*.service; do \
		install -d $(DESTDIR)$(PREFIX)/lib/systemd/system && \
		sed 's|/usr/local/|$(PREFIX)/|g' $$u > $(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/} || exit 1; \
	done
	@install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/tandem deploy/systemd/*.conf
	@install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/tandem/proxy deploy/proxy/*
	@install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/tandem README.md LICENSE docs/*.md

clean: ## remove all that was built
	@rm -rf build

help: ## this list
	@echo "make [target] [VARIANT=default|asan|ubsan|tsan|fuzz|coverage] [CC=gcc|clang]"
	@sed -n 's/^\([a-z-][a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS="$$(printf '\t')" read -r name words; do printf '  %-14s %s\n' "$$name" "$$words"; done
