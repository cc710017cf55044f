# udpwatch: build, test, install. "make help" lists the targets; V=1 shows the commands.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
LIBEXECDIR ?= $(PREFIX)/libexec/udpwatch
DESTDIR ?=
B ?= build
CC ?= cc
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes
HARDENING ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -Iinclude $(WARNINGS) $(HARDENING) $(CFLAGS) -MMD -MP \
	-DUDPWATCH_VERSION='"$(VERSION)"' -DUDPWATCH_LIBEXECDIR='"$(LIBEXECDIR)"'
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

COLLECTOR_LIBS := -lmnl -linih -lcap-ng -ljansson
SERVER_LIBS := -lcivetweb -lseccomp -lcap-ng -lpthread

SHARED_SOURCES := src/channel.c src/log.c src/text.c
COLLECTOR_SOURCES := $(sort $(filter-out src/main.c src/sandbox_server.c $(SHARED_SOURCES),$(wildcard src/*.c)) \
	$(wildcard src/collector/*.c src/exposition/*.c src/report/*.c))
SERVER_SOURCES := $(filter-out src/server/main.c,$(wildcard src/server/*.c)) src/sandbox_server.c
objects = $(patsubst src/%.c,$B/obj/%.o,$1)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $1 $2)

all: $B/udpwatch $B/udpwatch-server

$B/libcollector.a: $(call objects,$(COLLECTOR_SOURCES) $(SHARED_SOURCES))
$B/libserver.a: $(call objects,$(SERVER_SOURCES) $(SHARED_SOURCES))
$B/lib%.a:
	$(call say,AR,$@)
	$Qrm -f $@ && ar rcs $@ $^

$B/udpwatch: $B/obj/main.o $B/libcollector.a
	$(call say,LD,$@)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(COLLECTOR_LIBS)

$B/udpwatch-server: $B/obj/server/main.o $B/libserver.a
	$(call say,LD,$@)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SERVER_LIBS)

$B/obj/%.o: src/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Unit tests: tests/unit/NAME_test.c is a cmocka program of its own.
UNIT_TESTS := $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/*_test.c))
$B/unit/%: tests/unit/%.c $B/libcollector.a $B/libserver.a
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests -o $@ $< $B/libcollector.a $B/libserver.a \
		$(COLLECTOR_LIBS) $(SERVER_LIBS) -lcmocka

unit: $(UNIT_TESTS)
	$Qset -e; for test in $(sort $(UNIT_TESTS)); do $(RUN) ./$$test; done

clean:
	rm -rf $B

.PHONY: all unit clean
-include $(shell find $B -name '*.d' 2>/dev/null)
