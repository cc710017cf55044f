# udpwatch: build, test, install. "make help" lists the targets; V=1 shows the commands.
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/udpwatch
DESTDIR ?=
B ?= build
CC ?= cc
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes
HARDENING ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -Iinclude $(WARNINGS) $(HARDENING) $(CPPFLAGS) $(CFLAGS) -MMD -MP \
	-DUDPWATCH_VERSION='"$(VERSION)"' -DUDPWATCH_LIBEXECDIR='"$(LIBEXECDIR)"'
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

COLLECTOR_LIBS := -lmnl -linih -lcap-ng -ljansson
# The sanitizers' runtimes define a crypt_r that calls the library's: it has to be there all the same.
SERVER_LIBS := -lcivetweb -Wl,--push-state,--no-as-needed -lcrypt -Wl,--pop-state -ldeflate -lseccomp \
	-lcap-ng -lpthread
WEB_LIBS := -lcurl -lseccomp -lcap-ng -lpthread

SHARED_SOURCES := src/capabilities.c src/channel.c src/clock.c src/file.c src/log.c src/number.c src/text.c
# Of the programs without privilege alone.
UNPRIVILEGED_SOURCES := src/program.c src/sandbox_filter.c
SANDBOX_SOURCES := src/sandbox_server.c src/sandbox_web.c
COLLECTOR_SOURCES := $(sort $(filter-out src/main.c $(UNPRIVILEGED_SOURCES) $(SANDBOX_SOURCES) $(SHARED_SOURCES),$(wildcard src/*.c)) \
	$(wildcard src/config/*.c src/collector/*.c src/collector/*/*.c src/exposition/*.c src/report/*.c))
SERVER_SOURCES := $(filter-out src/server/main.c,$(wildcard src/server/*.c)) src/sandbox_server.c \
	$(UNPRIVILEGED_SOURCES)
WEB_SOURCES := $(filter-out src/web/main.c,$(wildcard src/web/*.c)) src/sandbox_web.c src/sandbox.c \
	$(UNPRIVILEGED_SOURCES) src/web_check.c src/web_wire.c
objects = $(patsubst src/%.c,$B/obj/%.o,$1)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $1 $2)

all: $B/udpwatch $B/udpwatch-server $B/udpwatch-web

$B/libcollector.a: $(call objects,$(COLLECTOR_SOURCES) $(SHARED_SOURCES))
$B/libserver.a: $(call objects,$(SERVER_SOURCES) $(SHARED_SOURCES))
$B/libweb.a: $(call objects,$(WEB_SOURCES) $(SHARED_SOURCES))
$B/lib%.a:
	$(call say,AR,$@)
	$Qrm -f $@ && ar rcs $@ $^

# INSTRUMENT: an object that the coverage or the valgrind build links besides.
$B/udpwatch: $B/obj/main.o $(INSTRUMENT) $B/libcollector.a
	$(call say,LD,$@)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(COLLECTOR_LIBS)

$B/udpwatch-server: $B/obj/server/main.o $(INSTRUMENT) $B/libserver.a
	$(call say,LD,$@)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SERVER_LIBS)

$B/udpwatch-web: $B/obj/web/main.o $(INSTRUMENT) $B/libweb.a
	$(call say,LD,$@)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(WEB_LIBS)

# Objects are as good as the flags that they were made with: PREFIX and CFLAGS among them.
$B/flags: force
	@mkdir -p $B
	@echo '$(subst ','\'',$(CC) $(ALL_CFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(ALL_CFLAGS))' > $@
force:

$B/obj/server/page.o: src/server/page.css src/server/page.js
$B/obj/%.o: src/%.c $B/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Unit tests: tests/unit/NAME_test.c is a cmocka program of its own.
UNIT_TESTS := $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/*_test.c))
$B/unit/%: tests/unit/%.c $(INSTRUMENT) $B/libcollector.a $B/libserver.a $B/libweb.a
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests -o $@ $< $(INSTRUMENT) $B/libcollector.a $B/libserver.a \
		$B/libweb.a $(COLLECTOR_LIBS) $(SERVER_LIBS) $(WEB_LIBS) -lcmocka

$B/tests/udp_holder: tests/tools/udp_holder.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $<

# Static, as it starts itself a thousand times a second.
$B/tests/load: tests/bench/load.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) $(LDFLAGS) -static -o $@ $<

$B/tests/%.o: tests/tools/%.c
	@mkdir -p $(@D)
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

# On all processors, whatever make was told: the builds are the longer part of the checks.
JOBS := $(shell nproc)
build-tests:
	$Q$(MAKE) --no-print-directory -j$(JOBS) all $(UNIT_TESTS) $B/tests/udp_holder

# RUN: what runs each unit test, valgrind say. PYTEST: more options for pytest.
unit: build-tests
	$Qset -e; for test in $(sort $(UNIT_TESTS)); do UDPWATCH_BUILD=$B $(RUN) $$(realpath $$test); done

# Those that need neither root nor namespaces, for the build of a package.
PRIVILEGED_TESTS := $(patsubst %,$B/unit/%_test,\
	close_events collector ledger_disk ledger_file reading sandbox survey vacancy)
unprivileged:
	$Q$(MAKE) --no-print-directory UNIT_TESTS='$(filter-out $(PRIVILEGED_TESTS),$(UNIT_TESTS))' unit

SYSTEM = UDPWATCH_BUILD=$B tests/tools/own-pids $(PYTHON) -m pytest -p no:cacheprovider $(PYTEST)
programs-for-tests: build-tests
	$Qtests/tools/fetch-daemons build/daemons
	$Qtests/tools/fetch-grafana-schema build/grafana
system: programs-for-tests
	$Q$(SYSTEM) tests/system

# Those with Prometheus wait for it most of the time: beside the others they take none.
system-in-two: programs-for-tests
	$Q$(SYSTEM) tests/system/prometheus >$B/prometheus.log 2>&1 & beside=$$!; result=0; \
		$(SYSTEM) tests/system --ignore=tests/system/prometheus || result=$$?; \
		wait $$beside || result=$$?; cat $B/prometheus.log; exit $$result

# What is learned in a cheaper way has to be the same: the tests that hold the agent to ss and to the
# kernel's counts, with each such way forced on, and forced off.
# With owners=on a holder without a likely one is found between two looks, which one test cannot wait for.
PATHS_TESTS := $(patsubst %,tests/system/test_%.py,differential accounting living_agent receivers) \
	--deselect tests/system/test_living_agent.py::test_a_socket_that_moves_to_another_process_changes_its_holder
paths: build-tests
	$Qtests/tools/install-deps build test
	$Qset -e; for setting in on off; do \
		UDPWATCH_FAST_PATHS="filter=$$setting look-up=$$setting owners=$$setting" UDPWATCH_SCENARIOS=60 \
		UDPWATCH_BUILD=$B tests/tools/own-pids $(PYTHON) -m pytest -p no:cacheprovider -q $(PATHS_TESTS); done

check:
	$Qtests/tools/install-deps build test
	$Q$(MAKE) --no-print-directory unit system-in-two

run:
	$Qtests/tools/install-deps build
	$Q$(MAKE) --no-print-directory -j$(JOBS) all
	$Qprintf '[agent]\nstate_dir = %s\n\n' "$(abspath $B)/state" > $B/udpwatch.ini
	$Q$B/udpwatch discover >> $B/udpwatch.ini || test $$? -eq 3
	@echo 'Open http://127.0.0.1:9117/ or: curl http://127.0.0.1:9117/metrics'
	@echo 'What it watches is in $B/udpwatch.ini; stop it with Ctrl-C.'
	$Qexec $B/udpwatch run --config $B/udpwatch.ini --listen 127.0.0.1:9117

SOURCES = $(wildcard src/*.c src/*/*.c src/*/*/*.c)
C_FILES = $(SOURCES) $(wildcard include/*.h include/*/*.h include/*/*/*.h tests/*/*.c tests/*/*.h)
lint:
	$Qtests/tools/install-deps build test lint
	clang-format --dry-run -Werror $(C_FILES)
	$Q$(MAKE) --no-print-directory -j$(JOBS) B=build/gcc CC=gcc CFLAGS='-O2 -Werror' all
	$Q$(MAKE) --no-print-directory -j$(JOBS) B=build/clang CC=clang CFLAGS='-O2 -Werror' all
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppressions-list=tests/tools/cppcheck-suppressions -Iinclude \
		-D_GNU_SOURCE -DUDPWATCH_VERSION='""' -DUDPWATCH_LIBEXECDIR='""' src
	printf '%s\n' $(SOURCES) | xargs -P 2 -n 4 sh -c \
		'clang-tidy --quiet --warnings-as-errors="*" "$$@" -- -std=c17 -D_GNU_SOURCE -Iinclude \
		-DUDPWATCH_VERSION=\"\" -DUDPWATCH_LIBEXECDIR=\"\" 2>/dev/null' clang-tidy
	shellcheck .ci/run debian/tests/scrape debian/udpwatch.postrm etc/bash-completion/udpwatch \
		$(filter-out %.c %-suppressions,$(wildcard tests/tools/*))

SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
sanitize:
	$Qtests/tools/install-deps build test analysis
	$QUDPWATCH_HISTORIES=10000 UDPWATCH_LOOKS=100 UDPWATCH_SCENARIOS=100 $(MAKE) --no-print-directory B=build/asan HARDENING=-fPIE \
		CFLAGS='$(SANITIZE) -fsanitize=address,undefined' PYTEST='-q -m "not plain"' unit system

VALGRIND := valgrind -q --vgdb=no --leak-check=full --show-leak-kinds=definite,indirect \
	--errors-for-leak-kinds=definite,indirect --error-exitcode=9
valgrind:
	$Qtests/tools/install-deps build test analysis
	$QUDPWATCH_HISTORIES=100 UDPWATCH_LOOKS=10 $(MAKE) --no-print-directory B=build/valgrind unit \
		RUN='$(VALGRIND)'
	$QUDPWATCH_RUNNER='$(VALGRIND) --trace-children=yes' $(MAKE) --no-print-directory \
		B=build/valgrind/agent INSTRUMENT=build/valgrind/agent/tests/no_sandbox.o \
		system PYTEST='-q -m valgrind'

# The server alone has threads: its tests, and those that run it.
THREADED_TESTS := $(patsubst %,build/tsan/unit/%_test,auth gzip requests http http_negotiation server)
tsan:
	$Qtests/tools/install-deps build test
	$Q$(MAKE) --no-print-directory -j$(JOBS) B=build/tsan HARDENING=-fPIE \
		CFLAGS='-O1 -g -fsanitize=thread -fno-omit-frame-pointer' all $(THREADED_TESTS)
	$Qset -e; for test in $(THREADED_TESTS); do \
		TSAN_OPTIONS=halt_on_error=1 UDPWATCH_BUILD=build/tsan $$test; done

coverage:
	$Qtests/tools/install-deps build test analysis
	$Qrm -rf build/coverage
	$QUDPWATCH_HISTORIES=5000 UDPWATCH_LOOKS=100 tests/tools/coverage build/coverage $(MAKE) --no-print-directory B=build/coverage \
		HARDENING=-fPIE CFLAGS='-O0 -g --coverage -fprofile-update=atomic' \
		INSTRUMENT=build/coverage/tests/coverage_exit.o \
		PYTEST='-q -m "not plain" --ignore=tests/system/test_web_life.py' \
		unit system

# Fuzz targets: tests/fuzz/NAME_fuzz.c with seeds in tests/fuzz/corpus/NAME.
FUZZ_SECONDS ?= 20
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_FLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
fuzz:
	$Qtests/tools/install-deps build analysis
	$Q$(MAKE) --no-print-directory -j$(JOBS) B=build/fuzz CC=clang HARDENING=-fPIE \
		CFLAGS='$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link' \
		build/fuzz/libcollector.a build/fuzz/libserver.a build/fuzz/libweb.a
	$Qset -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p build/fuzz/found/$$target; \
		clang -std=c17 -D_GNU_SOURCE -Iinclude $(FUZZ_FLAGS) -fsanitize=fuzzer \
			-o build/fuzz/$$target tests/fuzz/$${target}_fuzz.c build/fuzz/libcollector.a \
			build/fuzz/libserver.a build/fuzz/libweb.a -Wl,--as-needed $(COLLECTOR_LIBS) $(SERVER_LIBS) \
			$(WEB_LIBS); \
		build/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -timeout=10 \
			-artifact_prefix=build/fuzz/$$target- build/fuzz/found/$$target \
			tests/fuzz/corpus/$$target > build/fuzz/$$target.log 2>&1 \
			|| { tail -40 build/fuzz/$$target.log; exit 1; }; \
		echo "fuzz $$target: $$(grep number_of_executed_units build/fuzz/$$target.log)"; \
	done

# BENCH=scrape,growth: some parts only, as tests/bench/main.py names them.
bench:
	$Qtests/tools/install-deps build bench
	$Q$(MAKE) --no-print-directory -j$(JOBS) all $B/tests/udp_holder $B/tests/load
	$Qtests/tools/fetch-daemons build/daemons prometheus-node-exporter prometheus-process-exporter nginx
	$QUDPWATCH_BUILD=$B tests/tools/own-pids $(PYTHON) tests/bench/main.py $(BENCH)

EXAMPLES = $(patsubst etc/%,%,$(shell find etc/grafana etc/prometheus etc/stunnel -type f))
install: all
	install -D -m 755 $B/udpwatch "$(DESTDIR)$(PREFIX)/bin/udpwatch"
	install -D -m 755 $B/udpwatch-server "$(DESTDIR)$(LIBEXECDIR)/udpwatch-server"
	install -D -m 755 $B/udpwatch-web "$(DESTDIR)$(LIBEXECDIR)/udpwatch-web"
	install -D -m 644 etc/conf.d/README "$(DESTDIR)/etc/udpwatch/conf.d/README"
	test -e "$(DESTDIR)/etc/udpwatch/udpwatch.ini" || \
		install -m 644 etc/udpwatch.ini "$(DESTDIR)/etc/udpwatch/udpwatch.ini"
	install -D -m 644 doc/status.schema.json "$(DESTDIR)$(PREFIX)/share/doc/udpwatch/status.schema.json"
	install -D -m 644 doc/runbook.md "$(DESTDIR)$(PREFIX)/share/doc/udpwatch/runbook.md"
	for file in $(EXAMPLES); do install -D -m 644 etc/$$file \
		"$(DESTDIR)$(PREFIX)/share/doc/udpwatch/examples/$$file" || exit 1; done
	install -D -m 644 doc/udpwatch.8 "$(DESTDIR)$(PREFIX)/share/man/man8/udpwatch.8"
	install -D -m 644 doc/udpwatch.ini.5 "$(DESTDIR)$(PREFIX)/share/man/man5/udpwatch.ini.5"
	install -D -m 644 etc/bash-completion/udpwatch \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/udpwatch"

# The package, in build/deb: built in a copy, as dpkg-buildpackage writes beside the tree.
deb:
	$Qtests/tools/install-deps build deb
	@echo 'Building the package, a minute or so; the log is build/deb/build.log.'
	$Qtests/tools/build-deb build/deb

# In systems of its own: built twice, checked, installed, upgraded, purged, booted.
package: deb
	$Qtests/tools/install-deps package
	$Qtests/tools/own-pids $(PYTHON) -m pytest -p no:cacheprovider tests/package $(PYTEST)

help:
	@echo 'make           build $B/udpwatch, $B/udpwatch-server and $B/udpwatch-web'
	@echo 'make run       install what is missing, build, and watch this host on 127.0.0.1:9117'
	@echo 'make check     install what the tests need, and run unit and system tests (root)'
	@echo 'make paths     the tests against ss and the kernel, with each --fast-path on, then off (root)'
	@echo 'make lint      formatting, warnings of gcc and clang, clang-tidy, cppcheck, shellcheck'
	@echo 'make sanitize  all tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make tsan      the tests of the server under ThreadSanitizer'
	@echo 'make valgrind  unit tests, and the agent under load, under valgrind'
	@echo 'make coverage  all tests, with the share of lines that they reach'
	@echo 'make fuzz      each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) seconds'
	@echo 'make bench     what it costs, beside ss, netstat and two exporters (root; BENCH=PART,...)'
	@echo 'make package   the package and its tests: built twice, installed, upgraded, purged, booted'
	@echo 'make deb       the Debian package, in build/deb'
	@echo 'make install   to DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)'
	@echo 'make clean     remove $B'

clean:
	rm -rf $B

.PHONY: force all build-tests programs-for-tests unit unprivileged system system-in-two paths check run lint sanitize tsan valgrind coverage fuzz bench deb package install help clean
-include $(shell find $B/obj $B/unit $B/tests -type f -name '*.d' 2>/dev/null)
