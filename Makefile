# SPDX-License-Identifier: GPL-2.0-only
#
# baton: build, test, measure, install. `make help` lists the targets.

O ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= /usr/sbin/bpftool
PYTHON ?= /usr/bin/python3
CLANG_FORMAT ?= clang-format

# group of measurements that `make bench` runs; empty: all
BENCH ?=

PREFIX ?= /usr/local
DESTDIR ?=
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= /lib/systemd/system
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
SYSCONFDIR ?= /etc

VERSION := 0.1.0

DEPS := clang llvm gcc libc6-dev linux-libc-dev pkg-config bpftool \
	libbpf-dev libxdp-dev libuv1-dev libyaml-dev libjansson-dev libmnl-dev \
	libsodium-dev libssl-dev libcap-ng-dev libcmocka-dev clang-format \
	haproxy libclang-rt-14-dev python3-scapy python3-pytest python3-matplotlib \
	pyflakes3 iproute2 iptables ethtool iputils-ping procps curl nginx-light mandoc \
	frr bird2 openssl openssh-server openssh-client spin

# what `make vm-test` needs besides: to boot virtual machines
VM_DEPS := qemu-system-x86 busybox-static udev kmod file dpkg \
	debian-archive-keyring python3-argcomplete python3-pkg-resources \
	python3-requests

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wstrict-prototypes -Wshadow=local
ifneq ($(findstring clang,$(CC)),)
WARNINGS := -Wall -Wextra -Werror -Wstrict-prototypes -Wshadow
endif
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
PKGS := libbpf libxdp libuv yaml-0.1 jansson libmnl libsodium libcap-ng \
	libssl libcrypto
CPPFLAGS += -D_GNU_SOURCE -DBATON_VERSION='"$(VERSION)"' \
	-Iinclude -Iuser -Ibpf -I$(O)/skel
CPPFLAGS += $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread
# a program needs the libraries that it uses, not all of PKGS
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror \
	-Wno-unused-parameter -Iinclude -Ibpf -I/usr/include/$(MULTIARCH)

BPF_SRCS := $(wildcard bpf/*.bpf.c)
TEST_BPF_SRCS := $(wildcard tests/*/*.bpf.c)
BPF_OBJS := $(BPF_SRCS:%.c=$(O)/%.o)
TEST_BPF_OBJS := $(TEST_BPF_SRCS:%.c=$(O)/%.o)
SKELS := $(BPF_SRCS:bpf/%.bpf.c=$(O)/skel/%.skel.h)

COMPONENTS := batond baton baton-host baton-proxy
# what applications link
LIBBATON_SRCS := $(wildcard user/libbaton/*.c)
LIBBATON := $(O)/libbaton.a $(O)/libbaton.so
LIB_SRCS := $(wildcard user/lib/*.c)
# what the agent pins, for it and the command line
AGENT_SRCS := $(wildcard user/lib/agent/*.c)
# the link, for those who speak it; its keys, also for who makes them
LINK_SRCS := $(wildcard user/lib/link/*.c)
# files of what the recorder holds
CAPTURE_SRCS := $(wildcard user/lib/capture/*.c)
# who owns what: a protocol of its own
OWNERSHIP_SRCS := $(wildcard user/lib/ownership/*.c)
# and the programs' part in it: a socket, and what people see
SPEAK_SRCS := $(wildcard user/lib/speak/*.c) $(OWNERSHIP_SRCS) \
	user/lib/link/link_key.c
# what is said to the agent of it
HOLD_SRCS := user/lib/speak/own_json.c $(OWNERSHIP_SRCS)
baton_SRCS := user/lib/link/link_key.c $(AGENT_SRCS) $(CAPTURE_SRCS)
batond_SRCS := $(CAPTURE_SRCS) $(SPEAK_SRCS)
baton-host_SRCS := $(AGENT_SRCS) $(SPEAK_SRCS)
baton-proxy_SRCS := $(LINK_SRCS) $(HOLD_SRCS) \
	$(addprefix user/libbaton/,heartbeat.c connect.c)
ownership_SRCS := $(OWNERSHIP_SRCS)
link_SRCS := $(LINK_SRCS)
PROGRAMS := $(COMPONENTS:%=$(O)/%)

# tests/unit/COMPONENT/test_*.c is linked with COMPONENT but its main.c; those
# of the link are in tests/unit/link, those of ownership in tests/unit/ownership
UNIT_SRCS := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS := $(UNIT_SRCS:%.c=$(O)/san/%)
FUZZ_SRCS := $(wildcard tests/fuzz/*/fuzz_*.c)
FUZZERS := $(FUZZ_SRCS:%.c=$(O)/fuzz/%)
BENCH_SRCS := $(filter-out %.bpf.c,$(wildcard tests/bench/*.c))
XDPBENCH := $(if $(BENCH_SRCS),$(O)/xdpbench)

PYTEST := $(PYTHON) -m pytest -p no:cacheprovider
TESTS ?= tests

# `make V=1` shows commands whole
ifeq ($(V),)
Q := @
say = @printf '  %-8s %s\n' $(1) $(patsubst $(CURDIR)/%,%,$@);
else
say =
endif

.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(BPF_OBJS) $(LIBBATON) ## build everything

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

install_missing = missing=; for p in $(1); do \
	dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	test -z "$$missing" || { echo "installing:$$missing" && \
		tests/harness/deps.sh $$missing; }

deps: ## install what is missing, with apt (as root)
	@$(call install_missing,$(DEPS))

vm-deps: ## the same, for what virtual machines need
	@$(call install_missing,$(VM_DEPS))

# --- BPF programs -----------------------------------------------------------

$(O)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(O)/skel/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

# --- programs: $(1) a component; variants plain, san(itized) and fuzz -------

ALL_CFLAGS = $(CFLAGS) $(WARNINGS) $(HARDENING) -std=gnu11

$(O)/obj/%.o: %.c | $(SKELS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

SAN_CFLAGS = -O1 -g $(WARNINGS) -std=gnu11 $(SANITIZE)

$(O)/san/%.o: %.c | $(SKELS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(SAN_CFLAGS) -MMD -MP -c $< -o $@

FUZZ_CFLAGS = -O1 -g -std=gnu11 -Wall -Wextra -Werror \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

$(O)/fuzz/%.o: %.c | $(SKELS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

define component
$(1)_OBJS := $$(patsubst %.c,%.o,$$(LIB_SRCS) $$($(1)_SRCS) \
	$$(wildcard user/$(1)/*.c))
$$(O)/$(1): $$(addprefix $$(O)/obj/,$$($(1)_OBJS))
	$$(call say,LINK)
	$$(Q)$$(CC) $$(LDFLAGS) $$^ $$(LDLIBS) -o $$@
$$(O)/san/tests/unit/$(1)/test_%: $$(O)/san/tests/unit/$(1)/test_%.o \
		$$(addprefix $$(O)/san/,$$(filter-out %/main.o,$$($(1)_OBJS)))
	$$(call say,LINK)
	$$(Q)$$(CC) $$(SANITIZE) $$^ $$(LDLIBS) -lcmocka -o $$@
$$(O)/fuzz/tests/fuzz/$(1)/fuzz_%: $$(O)/fuzz/tests/fuzz/$(1)/fuzz_%.o \
		$$(addprefix $$(O)/fuzz/,$$(filter-out %/main.o,$$($(1)_OBJS)))
	$$(call say,LINK)
	$$(Q)$$(CLANG) -fsanitize=fuzzer,address,undefined $$^ $$(LDLIBS) -o $$@
endef
$(foreach c,$(COMPONENTS) link ownership,$(eval $(call component,$(c))))

$(O)/libbaton.a: $(LIBBATON_SRCS:%.c=$(O)/obj/%.o)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIC -MMD -MP -c $< -o $@

$(O)/libbaton.so: $(LIBBATON_SRCS:%.c=$(O)/pic/%.o)
	$(call say,LINK)
	$(Q)$(CC) -shared -Wl,-soname,libbaton.so.0 -Wl,-z,relro,-z,now $^ -o $@

# applications that use libbaton
APPLICATIONS := $(O)/beat $(O)/ledger
$(APPLICATIONS): $(O)/%: $(O)/obj/tests/lab/%.o $(O)/libbaton.a
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) $^ -lpthread -o $@

# makes a test's clocks jump
$(O)/jump.so: $(O)/pic/tests/lab/jump.o
	$(call say,LINK)
	$(Q)$(CC) -shared $^ -o $@

# what user/baton-proxy has for a takeover, without the program around it
TAKEOVER := $(O)/takeover $(O)/half_open
$(TAKEOVER): $(O)/%: $(O)/obj/tests/lab/%.o $(addprefix $(O)/obj/user/, \
		lib/addr.o $(patsubst %,baton-proxy/%.o, \
		segment track repair sockets probe_endpoint))
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) $^ -o $@

# the bench's own program
$(O)/xdpbench: $(BENCH_SRCS:%.c=$(O)/obj/%.o) \
		$(LIB_SRCS:%.c=$(O)/obj/%.o) $(TEST_BPF_OBJS)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$(filter-out %.bpf.o,$^)) $(LDLIBS) -o $@

# how fast the link is, between two threads
$(O)/linkbench: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/bench/link/*.c) \
		$(LIB_SRCS) $(LINK_SRCS))
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# the ownership protocol, and what batond makes of it, in a world that is made up
$(O)/ownership-sim: $(patsubst %.c,$(O)/obj/%.o, \
		$(wildcard tests/sim/ownership/*.c) $(OWNERSHIP_SRCS) \
		$(addprefix user/batond/,ownership.c cluster.c plan.c \
		dampening.c) user/lib/link/link_owners.c \
		user/lib/link/link_frame.c)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# --- tests ------------------------------------------------------------------

test-build: all $(UNIT_TESTS) $(FUZZERS) $(TEST_BPF_OBJS) $(XDPBENCH) \
		$(APPLICATIONS) $(TAKEOVER) $(O)/jump.so $(O)/linkbench \
		$(O)/ownership-sim

test: test-build ## run every test (as root); TESTS=tests/packet for a part
	BATON_BUILD=$(abspath $(O)) $(PYTEST) -q --durations=10 $(TESTS)

bench: test-build ## measure, write build/bench.json; BENCH=xdp for a group
	BATON_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/bench.py $(BENCH_ARGS) \
		--out $(O)/bench.json $(BENCH)

# one kernel of vm/kernels; empty: all
KERNEL ?=
VERBOSE ?=
# for vm-matrix; empty: until all is run
MINUTES ?=
VM_RUN = vm/run --build $(abspath $(O)) $(if $(VERBOSE),--verbose) \
	$(KERNEL:%=--kernel %)

vm-test: vm-deps test-build ## tests on Debian's kernels, in virtual machines; KERNEL=6.12, TESTS=, VERBOSE=1
	$(VM_RUN) $(if $(filter-out tests,$(TESTS)),$(TESTS))

# that the programs load there at all, and what each packet comes to
VM_SHORT := tests/test_bpf_budget.py tests/packet/test_switch_entry.py \
	tests/packet/test_switch_fence.py

vm-short: vm-deps test-build ## minutes of that, on the oldest kernel
	vm/run --build $(abspath $(O)) --kernel 6.1 $(VM_SHORT)

vm-matrix: vm-deps test-build ## what is least known of that first, kept in docs/kernels.md; MINUTES=60, KERNEL=
	$(VM_RUN) --record $(MINUTES:%=--minutes %)

HOURS ?= 24
soak-detect: test-build ## false alarms of all profiles, HOURS=24 of load
	BATON_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/soak_detect.py \
		--hours $(HOURS)

SOAK ?= 1000000
soak: $(O)/ownership-sim ## simulated failovers with faults, SOAK=1000000 of them
	BATON_BUILD=$(abspath $(O)) SOAK=$(SOAK) $(PYTEST) -q \
		tests/test_ownership.py

CYCLES ?= 1000
soak-return: test-build ## kill hosts and let them return, CYCLES=1000 times
	BATON_BUILD=$(abspath $(O)) CYCLES=$(CYCLES) $(PYTEST) -q \
		tests/lab/test_proxy_failback.py \
		tests/lab/test_proxy_ownership.py -k kill_and_return

demo: deps ## kill hosts under live traffic and show what clients see
	$(MAKE) test-build
	BATON_BUILD=$(abspath $(O)) $(PYTHON) tests/lab/demo.py \
		--out $(O) $(DEMO_ARGS)

SOURCES := $(wildcard bpf/*.[ch] include/baton/*.h user/*/*.[ch] \
	user/*/*/*.[ch] \
	tests/*/*.[ch] tests/*/*/*.[ch])

lint: ## style, warnings of both compilers, manual pages, Python
	$(CLANG_FORMAT) --dry-run -Werror $(SOURCES)
	$(MAKE) O=$(O)/clang CC=clang all $(O)/clang/linkbench \
		$(O)/clang/ownership-sim
	mandoc -T lint -W warning docs/man/*.[1-8]
	pyflakes3 $(shell find tests vm -name '*.py') vm/run vm/shell

fmt: ## reformat the sources
	$(CLANG_FORMAT) -i $(SOURCES)

# --- installation -----------------------------------------------------------

MAN := $(wildcard docs/man/*.[1-8])
# what applications include
HEADERS := heartbeat.h protect.h
UNITS := $(wildcard user/*/*.service)

install: all ## install programs, manual pages, units and completion
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(SBINDIR)
	for u in $(UNITS); do sed 's|@SBINDIR@|$(SBINDIR)|' $$u \
		> $(DESTDIR)$(UNITDIR)/$${u##*/} || exit 1; done
	install -D -m 644 $(O)/libbaton.a $(DESTDIR)$(LIBDIR)/libbaton.a
	install -m 755 $(O)/libbaton.so $(DESTDIR)$(LIBDIR)/libbaton.so.0
	ln -sf libbaton.so.0 $(DESTDIR)$(LIBDIR)/libbaton.so
	for h in $(HEADERS); do install -D -m 644 include/baton/$$h \
		$(DESTDIR)$(INCLUDEDIR)/baton/$$h || exit 1; done
	install -D -m 644 user/baton/completion.bash $(DESTDIR)$(BASHDIR)/baton
	for m in $(MAN); do install -D -m 644 $$m \
		$(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done

uninstall: ## remove what install put there
	for p in $(COMPONENTS); do rm -f $(DESTDIR)$(SBINDIR)/$$p; done
	for u in $(UNITS); do rm -f $(DESTDIR)$(UNITDIR)/$${u##*/}; done
	rm -f $(DESTDIR)$(BASHDIR)/baton $(DESTDIR)$(LIBDIR)/libbaton.a \
		$(DESTDIR)$(LIBDIR)/libbaton.so $(DESTDIR)$(LIBDIR)/libbaton.so.0
	for h in $(HEADERS); do rm -f $(DESTDIR)$(INCLUDEDIR)/baton/$$h; done
	for m in $(MAN); do \
		rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done

clean: ## remove build/
	rm -rf $(O)

.PHONY: all help deps vm-deps test-build test vm-test vm-short vm-matrix bench soak-detect \
	soak soak-return demo lint fmt install uninstall clean

-include $(shell find $(O) -name '*.d' 2>/dev/null)
