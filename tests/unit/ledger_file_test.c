/* The ledger's file on real file systems, full and read-only ones among them. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/ledger_file.h"
#include "collector/ledger_records.h"
#include "text.h"

#define BOOT "6748b38f-c1d2-4f6c-9578-92f4dd02a744"
#define OTHER_BOOT "11111111-c1d2-4f6c-9578-92f4dd02a744"

static char base[64];
static char directory[80], procfs[80];

static void write_bytes(const char *path, const char *bytes)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, strlen(bytes), file), strlen(bytes));
    assert_int_equal(fclose(file), 0);
}

static void path_in(char path[160], const char *parent, const char *name)
{
    snprintf(path, 160, "%s/%s", parent, name);
}

static void set_boot(const char *boot)
{
    char path[160];

    path_in(path, procfs, "sys/kernel/random/boot_id");
    write_bytes(path, boot);
}

static int make_directories(void **state)
{
    static const char *const parts[] = {"proc", "proc/sys", "proc/sys/kernel",
                                        "proc/sys/kernel/random"};
    char path[160];

    (void)state;
    strcpy(base, "/tmp/udpwatch-ledger-XXXXXX");
    if (!mkdtemp(base) || chmod(base, 0755) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        path_in(path, base, parts[i]);
        if (mkdir(path, 0755) < 0)
            return -1;
    }
    snprintf(directory, sizeof(directory), "%s/state", base);
    snprintf(procfs, sizeof(procfs), "%s/proc", base);
    set_boot(BOOT "\n");
    return 0;
}

static int remove_directories(void **state)
{
    char command[160];

    (void)state;
    umount2(directory, MNT_DETACH); /* where the test mounted something */
    snprintf(command, sizeof(command), "rm -rf --one-file-system %s", base);
    return system(command);
}

static struct ledger_file *open_file(void)
{
    struct ledger_file *file;

    assert_int_equal(ledger_file_open(&file, directory, procfs), 0);
    return file;
}

/* One life of an agent: load, take so many samples more, keep. Returns the samples loaded. */
static uint64_t live(uint64_t samples, bool clean)
{
    struct ledger_file *file = open_file();
    struct ledger *ledger;
    uint64_t loaded;

    assert_int_equal(ledger_file_load(file, &ledger), 0);
    loaded = ledger_totals(ledger)->samples;
    ledger_totals(ledger)->samples += samples;
    ledger_file_save(file, ledger, clean);
    assert_int_equal(ledger_file_saved(file), 1);
    ledger_close(ledger);
    ledger_file_close(file);
    return loaded;
}

static char *log_path(void)
{
    static char path[160];

    path_in(path, base, "log");
    return path;
}

/* Send standard error into a file; returns what to give to end_log. */
static int begin_log(void)
{
    int before = dup(STDERR_FILENO);
    int file = open(log_path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(before >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
    return before;
}

static size_t count_in(const char *text, const char *part)
{
    size_t count = 0;

    while (*part && (text = strstr(text, part))) {
        text += strlen(part);
        count++;
    }
    return count;
}

/* Give standard error back, and check how often the log has the part, in how many lines. */
static void end_log(int before, const char *part, size_t parts, size_t lines)
{
    char bytes[4096];
    int file = open(log_path(), O_RDONLY);
    ssize_t length;

    dup2(before, STDERR_FILENO);
    close(before);
    length = read(file, bytes, sizeof(bytes) - 1);
    close(file);
    assert_true(length >= 0);
    bytes[length] = '\0';
    if (count_in(bytes, part) != parts || count_in(bytes, "\n") != lines)
        fail_msg("%s", bytes);
}

static bool exists(const char *name)
{
    char path[160];

    path_in(path, directory, name);
    return access(path, F_OK) == 0;
}

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

static void in_child(void (*action)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        action();
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
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

static void mount_small(void)
{
    assert_int_equal(mkdir(directory, 0755), 0);
    assert_int_equal(mount("udpwatch", directory, "tmpfs", 0, "size=64k"), 0);
}

static void fill_up(void)
{
    static const char block[4096] = "x";
    char path[160];
    int file;

    path_in(path, directory, "filler");
    file = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(file, block, sizeof(block)) > 0)
        ;
    close(file);
}

static void save_on_a_full_disk(void)
{
    char path[160];
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

    mount_small();
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    fill_up();
    before = begin_log();
    for (int i = 0; i < 3; i++)
        ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 0);
    end_log(before, "free some space", 1, 1);
    assert_false(exists("ledger") || exists("ledger.new"));
    path_in(path, directory, "filler");
    assert_int_equal(unlink(path), 0);
    before = begin_log();
    ledger_file_save(file, ledger, true);
    assert_int_equal(ledger_file_saved(file), 1);
    end_log(before, "are kept in", 1, 1);
    /* The room of the old one is enough for the new one. */
    fill_up();
    before = begin_log();
    for (int i = 0; i < 3; i++)
        ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 1);
    end_log(before, "", 0, 0);
    /* A larger one does not fit, and the old one is older than what is served. */
    for (int i = 0; i < 100; i++)
        assert_non_null(ledger_add_port(ledger, "a receiver with a long name to take up room"));
    before = begin_log();
    ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 0);
    end_log(before, "free some space", 1, 1);
    assert_false(exists("ledger") || exists("ledger.new"));
    ledger_close(ledger);
    ledger_file_close(file);
}

/* Neither written nor removed can it be; at the next start it is not used. */
static void save_on_a_read_only_disk(void)
{
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

    mount_small();
    live(5, false);
    assert_int_equal(mount("udpwatch", directory, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k"), 0);
    before = begin_log();
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    assert_int_equal(ledger_totals(ledger)->samples, 0);
    ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 0);
    end_log(before, "mount it for writing", 1, 1);
    ledger_close(ledger);
    ledger_file_close(file);
}

static void save_without_permission(void)
{
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

    live(5, false);
    before = begin_log();
    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        _exit(1);
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    assert_int_equal(ledger_totals(ledger)->samples, 0);
    ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 0);
    ledger_close(ledger);
    ledger_file_close(file);
    dup2(before, STDERR_FILENO);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    in_child(save_on_a_full_disk);
}

static void test_a_read_only_disk(void **state)
{
    (void)state;
    in_child(save_on_a_read_only_disk);
}

static void test_a_directory_of_another_user(void **state)
{
    (void)state;
    in_child(save_without_permission);
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

#define in_directories(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, make_directories, remove_directories)

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
        in_directories(test_two_agents_do_not_share),
        in_directories(test_nothing_is_kept_where_that_is_not_wanted),
        in_directories(test_directories_that_cannot_be),
        in_directories(test_a_full_disk),
        in_directories(test_a_read_only_disk),
        in_directories(test_a_directory_of_another_user),
        in_directories(test_a_directory_that_was_made_is_given_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
