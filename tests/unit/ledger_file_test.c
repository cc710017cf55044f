/* The ledger's file: what is found again, and what is not used. Needs root. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <seccomp.h>

#include "collector/ledger/ledger_records.h"
#include "collector/ledger/ledger_text.h"
#include "file.h"
#include "state_directory.h"

#define OTHER_BOOT "11111111-c1d2-4f6c-9578-92f4dd02a744"

static void test_a_ledger_is_found_again(void **state)
{
    (void)state;
    assert_int_equal(live(5, false), 0); /* ends without order, in the same boot */
    assert_int_equal(live(7, true), 5);
    assert_int_equal(live(0, true), 12);
    assert_false(exists("ledger.new"));
}

static void test_another_boot_takes_a_clean_end(void **state)
{
    int before;

    (void)state;
    live(5, true);
    set_boot(OTHER_BOOT "\n");
    assert_int_equal(live(1, false), 5);
    before = begin_log();
    set_boot(BOOT "\n");
    assert_int_equal(live(0, false), 0);
    end_log(before, "did not stop in order", 1, 1);
}

/* The mark is gone once the ledger is in use: a crash then must not find it. */
static void test_a_loaded_ledger_is_no_longer_clean(void **state)
{
    struct ledger_file *file;
    struct ledger *ledger;

    (void)state;
    live(5, true);
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    ledger_close(ledger);
    ledger_file_close(file); /* as a crash does */
    set_boot(OTHER_BOOT "\n");
    assert_int_equal(live(0, false), 0);
}

/* Whether the first look of a life that begins now is a baseline. */
static bool begins_with_baseline(void)
{
    struct ledger_file *file = open_file();
    struct ledger *ledger;
    bool has_baseline;

    assert_int_equal(ledger_file_load(file, &ledger), 0);
    has_baseline = ledger_host_has_baseline(ledger);
    ledger_host_errors(ledger, 5);
    ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 1);
    ledger_close(ledger);
    ledger_file_close(file);
    return !has_baseline;
}

static void live_in_another_namespace(void)
{
    if (unshare(CLONE_NEWNET) < 0 || !begins_with_baseline() || begins_with_baseline() ||
        live(1, false) != 5)
        _exit(1);
}

/* Of the same boot, so nothing is lost by a disorderly end: what is there is the baseline. */
static void test_another_namespace_begins_with_a_baseline(void **state)
{
    (void)state;
    live(5, false);
    in_child(live_in_another_namespace);
    assert_true(begins_with_baseline());
    assert_false(begins_with_baseline());
    assert_int_equal(live(0, true), 6);
}

static void test_what_cannot_be_read_is_set_aside(void **state)
{
    char path[160], command[200];
    int before;

    (void)state;
    live(5, true);
    path_in(path, directory, "ledger");
    write_bytes(path, "udpwatch-ledger 1\nnonsense\n");
    before = begin_log();
    assert_int_equal(live(1, true), 0);
    end_log(before, "is damaged; it is kept as ledger.damaged-", 1, 1);
    snprintf(command, sizeof(command), "test \"$(tail -n 1 %s/ledger.damaged-*)\" = nonsense",
             directory);
    assert_int_equal(system(command), 0);

    write_bytes(path, "udpwatch-ledger 2\nof tomorrow\n");
    before = begin_log();
    assert_int_equal(live(1, true), 0);
    end_log(before, "a newer udpwatch wrote it; it is kept as ledger.newer-", 1, 1);
    assert_int_equal(live(0, true), 1);
}

static void put_symlink(const char *path)
{
    assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void put_fifo(const char *path)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void put_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void test_what_is_no_file_is_set_aside(void **state)
{
    static void (*const put[])(const char *) = {put_symlink, put_fifo, put_directory};
    char path[160];

    (void)state;
    for (size_t i = 0; i < sizeof(put) / sizeof(*put); i++) {
        int before;

        live(5, true);
        path_in(path, directory, "ledger");
        assert_int_equal(unlink(path), 0);
        before = begin_log();
        put[i](path);
        assert_int_equal(live(1, true), 0);
        end_log(before, "it is kept as ledger.damaged-", 1, 1);
        assert_int_equal(live(0, true), 1);
        remove_directories(NULL);
        assert_int_equal(make_directories(NULL), 0);
    }
}

static void test_what_a_crash_left_is_no_hindrance(void **state)
{
    char path[160];

    (void)state;
    live(5, true);
    path_in(path, directory, "ledger.new");
    write_bytes(path, "half a ledg");
    assert_int_equal(live(1, true), 5);
    assert_false(exists("ledger.new"));
}

static ino_t file_number(const char *name)
{
    char path[160];
    struct stat status;

    path_in(path, directory, name);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    return status.st_ino;
}

/* Save as many samples as say. */
static void save(struct ledger_file *file, struct ledger *ledger, uint64_t samples)
{
    ledger_totals(ledger)->samples = samples;
    ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 1);
}

/* How many samples a start would find now. It is killed before it can change anything. */
static uint64_t kept_samples(void)
{
    struct text text = {0};
    struct ledger_head head;
    struct ledger *ledger;
    char path[160];
    uint64_t samples;
    int descriptor;

    path_in(path, directory, "ledger");
    descriptor = open(path, O_RDONLY | O_NONBLOCK);
    assert_int_equal(file_read_all(descriptor, 1 << 20, &text), 0);
    close(descriptor);
    assert_int_equal(ledger_read(text.bytes, text.length, &head, &ledger), 0);
    samples = ledger_totals(ledger)->samples;
    ledger_close(ledger);
    text_free(&text);
    return samples;
}

/* What has the name is whole after each save, and no save makes a file once there are two. */
static void test_two_files_change_names(void **state)
{
    struct ledger_file *file = open_file();
    struct ledger *ledger;
    ino_t first, second;

    (void)state;
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    save(file, ledger, 1);
    save(file, ledger, 2);
    first = file_number("ledger");
    second = file_number("ledger.new");
    for (uint64_t samples = 3; samples < 9; samples++) {
        save(file, ledger, samples);
        assert_int_equal(kept_samples(), samples);
        assert_int_equal(file_number("ledger"), samples % 2 ? second : first);
        assert_int_equal(file_number("ledger.new"), samples % 2 ? first : second);
    }
    ledger_close(ledger);
    ledger_file_close(file);
}

/* Nothing of a longer one is left behind a shorter one. */
static void test_a_ledger_that_becomes_shorter(void **state)
{
    struct ledger_file *file = open_file();
    struct ledger *ledger, *longer;

    (void)state;
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    assert_int_equal(ledger_open(&longer), 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(ledger_add_port(longer, "core"));
    save(file, longer, 1);
    save(file, longer, 2);
    save(file, ledger, 3);
    assert_int_equal(kept_samples(), 3);
    save(file, ledger, 4);
    assert_int_equal(kept_samples(), 4);
    ledger_close(longer);
    ledger_close(ledger);
    ledger_file_close(file);
}

static void put_hard_link(const char *path)
{
    char other[160];

    path_in(other, base, "other");
    write_bytes(other, "of another program");
    assert_int_equal(link(other, path), 0);
}

static void put_symlink_to_other(const char *path)
{
    char other[160];

    path_in(other, base, "other");
    write_bytes(other, "of another program");
    assert_int_equal(symlink(other, path), 0);
}

/* It stays open up to the end of the test's program. */
static void put_fifo_with_a_reader(const char *path)
{
    put_fifo(path);
    assert_true(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0);
}

/* In the place of the second file: it is removed, and what it leads to is not written into. */
static void test_what_is_not_ours_is_not_written_over(void **state)
{
    static void (*const put[])(const char *) = {put_hard_link, put_symlink_to_other,
                                                put_fifo_with_a_reader};

    (void)state;
    for (size_t i = 0; i < sizeof(put) / sizeof(*put); i++) {
        struct ledger_file *file = open_file();
        struct ledger *ledger;
        struct text text = {0};
        char path[160];

        assert_int_equal(ledger_file_load(file, &ledger), 0);
        save(file, ledger, 1);
        path_in(path, directory, "ledger.new");
        put[i](path);
        save(file, ledger, 2);
        assert_int_equal(kept_samples(), 2);
        file_number("ledger"); /* a regular file */
        path_in(path, base, "other");
        if (put[i] != put_fifo_with_a_reader) {
            int descriptor = open(path, O_RDONLY);

            assert_int_equal(file_read_all(descriptor, 100, &text), 0);
            close(descriptor);
            assert_string_equal(text.bytes, "of another program");
            unlink(path);
        }
        text_free(&text);
        ledger_close(ledger);
        ledger_file_close(file);
        remove_directories(NULL);
        assert_int_equal(make_directories(NULL), 0);
    }
}

static void save_where_names_cannot_be_exchanged(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    struct ledger_file *file = open_file();
    struct ledger *ledger;

    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(renameat2), 1,
                         SCMP_A4(SCMP_CMP_NE, 0)) ||
        seccomp_load(filter))
        _exit(1);
    seccomp_release(filter);
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    for (uint64_t samples = 1; samples < 4; samples++) {
        save(file, ledger, samples);
        assert_int_equal(kept_samples(), samples);
        assert_false(exists("ledger.new"));
    }
    ledger_close(ledger);
    ledger_file_close(file);
}

static void test_a_file_system_that_cannot_exchange_names(void **state)
{
    (void)state;
    in_child(save_where_names_cannot_be_exchanged);
}

/* A power failure while it was being written over: it is of a boot that is not gone on from. */
static void test_a_damaged_file_of_another_boot(void **state)
{
    char path[160];
    FILE *file;
    int before;

    (void)state;
    live(5, false);
    path_in(path, directory, "ledger");
    file = fopen(path, "a");
    assert_non_null(file);
    fputs("of another save", file);
    fclose(file);
    set_boot(OTHER_BOOT "\n");
    before = begin_log();
    assert_int_equal(live(1, false), 0);
    end_log(before, "did not stop in order", 1, 1);
    assert_int_equal(live(0, false), 1);
}

static void test_two_agents_do_not_share(void **state)
{
    struct ledger_file *first, *second;
    struct ledger *ledger;
    int before;

    (void)state;
    live(5, true);
    first = open_file();
    before = begin_log();
    second = open_file();
    end_log(before, "another udpwatch uses it", 1, 1);
    assert_int_equal(ledger_file_load(second, &ledger), 0);
    assert_int_equal(ledger_totals(ledger)->samples, 0);
    ledger_file_save(second, ledger, true);
    assert_int_equal(ledger_file_saved(second), 0);
    ledger_close(ledger);
    ledger_file_close(second);
    ledger_file_close(first);
    assert_int_equal(live(0, true), 5);
}

static void test_nothing_is_kept_where_that_is_not_wanted(void **state)
{
    struct ledger_file *file;
    struct ledger *ledger;

    (void)state;
    assert_int_equal(ledger_file_open(&file, "", procfs), 0);
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    ledger_file_save(file, ledger, true);
    assert_int_equal(ledger_file_saved(file), -1);
    ledger_close(ledger);
    ledger_file_close(file);
}

/* Open where nothing can be kept: one line says so, and every save fails. */
static void check_unusable(const char *where, const char *reason)
{
    int before = begin_log();
    struct ledger_file *file;
    struct ledger *ledger;

    assert_int_equal(ledger_file_open(&file, where, procfs), 0);
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    for (int i = 0; i < 3; i++)
        ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 0);
    ledger_close(ledger);
    ledger_file_close(file);
    end_log(before, reason, 1, 1);
}

static void test_directories_that_cannot_be(void **state)
{
    char path[160];

    (void)state;
    path_in(path, base, "not/there");
    check_unusable(path, "make the directory above it");
    path_in(path, base, "log/below-a-file");
    check_unusable(path, "Not a directory");
    set_boot("nonsense\n");
    check_unusable(directory, "boot_id");
}

/* What root makes for the agent belongs to the user that the agent becomes. */
static void test_a_directory_that_was_made_is_given_away(void **state)
{
    struct ledger_file *file = open_file();
    struct stat status;

    (void)state;
    assert_int_equal(ledger_file_give(file, 65534, 65534), 0);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_uid, 65534);
    assert_int_equal(status.st_mode & 07777, 0750);
    ledger_file_close(file);
    file = open_file(); /* one that was there is left alone */
    assert_int_equal(ledger_file_give(file, 1, 1), 0);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_uid, 65534);
    ledger_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_directories(test_a_ledger_is_found_again),
        in_directories(test_another_boot_takes_a_clean_end),
        in_directories(test_a_loaded_ledger_is_no_longer_clean),
        in_directories(test_another_namespace_begins_with_a_baseline),
        in_directories(test_what_cannot_be_read_is_set_aside),
        in_directories(test_what_is_no_file_is_set_aside),
        in_directories(test_what_a_crash_left_is_no_hindrance),
        in_directories(test_two_files_change_names),
        in_directories(test_a_ledger_that_becomes_shorter),
        in_directories(test_what_is_not_ours_is_not_written_over),
        in_directories(test_a_file_system_that_cannot_exchange_names),
        in_directories(test_a_damaged_file_of_another_boot),
        in_directories(test_two_agents_do_not_share),
        in_directories(test_nothing_is_kept_where_that_is_not_wanted),
        in_directories(test_directories_that_cannot_be),
        in_directories(test_a_directory_that_was_made_is_given_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
