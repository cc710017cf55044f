/* The ledger's file on disks and in directories where it cannot be kept. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ledger/ledger_records.h"
#include "state_directory.h"

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

static void mount_again(unsigned long flags)
{
    assert_int_equal(mount("udpwatch", directory, "tmpfs", MS_REMOUNT | flags, "size=64k"), 0);
}

/* Neither written nor removed can it be; at the next start it is not used. */
static void save_on_a_read_only_disk(void)
{
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

    mount_small();
    live(5, false);
    mount_again(MS_RDONLY);
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

/* What was kept before stays, and will be found once it can be written: only the log can warn. */
static void save_on_a_disk_that_became_read_only(void)
{
    char warning[256];
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

    snprintf(warning, sizeof(warning),
             "counters may go on from what was last kept there, which can be lower: remove "
             "%s/ledger before the agent is started again\n",
             directory);
    mount_small();
    live(5, false);
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    mount_again(MS_RDONLY);
    before = begin_log();
    for (int i = 0; i < 3; i++)
        ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 0);
    end_log(before, warning, 1, 1);
    ledger_close(ledger);
    ledger_file_close(file); /* as a crash does */
    mount_again(0);
    assert_int_equal(live(0, false), 5);
}

/* Where nothing was kept, there is nothing to be removed. */
static void save_nothing_on_a_read_only_disk(void)
{
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

    mount_small();
    mount_again(MS_RDONLY);
    before = begin_log();
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    ledger_file_save(file, ledger, false);
    end_log(before, "counters begin at 0 when the agent is started again\n", 1, 1);
    ledger_close(ledger);
    ledger_file_close(file);
}

static const char replaced[] = "it was replaced or removed: restart the agent";

/* Save into the directory where it lies now: a save that nobody will find is none. */
static void check_replaced(struct ledger_file *file, const struct ledger *ledger)
{
    int before = begin_log();

    for (int i = 0; i < 3; i++) {
        ledger_file_save(file, ledger, false);
        assert_int_equal(ledger_file_saved(file), 0);
    }
    end_log(before, replaced, 1, 1);
}

static void check_kept_again(struct ledger_file *file, const struct ledger *ledger)
{
    int before = begin_log();

    ledger_file_save(file, ledger, false);
    assert_int_equal(ledger_file_saved(file), 1);
    end_log(before, "are kept in", 1, 1);
}

/* The next agent finds what lies under the name, whatever the descriptor leads to. */
static void test_a_directory_that_is_replaced(void **state)
{
    char moved[160];
    struct ledger_file *file;
    struct ledger *ledger;

    (void)state;
    path_in(moved, base, "moved");
    live(5, false);
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    assert_int_equal(rename(directory, moved), 0);
    check_replaced(file, ledger);
    assert_int_equal(rename(moved, directory), 0);
    check_kept_again(file, ledger);

    assert_int_equal(rename(directory, moved), 0);
    assert_int_equal(mkdir(directory, 0755), 0);
    ledger_totals(ledger)->samples = 7;
    check_replaced(file, ledger);
    assert_false(exists("ledger"));
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(rename(moved, directory), 0);
    ledger_close(ledger);
    ledger_file_close(file); /* as a crash does: what was moved is not older than what was served */
    assert_int_equal(live(0, false), 7);
}

static void test_a_directory_that_is_mounted_over(void **state)
{
    struct ledger_file *file;
    struct ledger *ledger;

    (void)state;
    live(5, false);
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    assert_int_equal(mount("udpwatch", directory, "tmpfs", 0, "size=64k"), 0);
    check_replaced(file, ledger);
    assert_int_equal(umount2(directory, 0), 0);
    check_kept_again(file, ledger);
    ledger_close(ledger);
    ledger_file_close(file);
}

static void test_a_directory_that_is_removed(void **state)
{
    char command[160];
    struct ledger_file *file;
    struct ledger *ledger;

    (void)state;
    file = open_file();
    assert_int_equal(ledger_file_load(file, &ledger), 0);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    check_replaced(file, ledger);
    ledger_close(ledger);
    ledger_file_close(file);
}

static void save_without_permission(void)
{
    struct ledger_file *file;
    struct ledger *ledger;
    int before;

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

/* What is older than what was served is emptied where it cannot be unlinked; that is no damage. */
static void test_a_file_that_was_emptied_is_none(void **state)
{
    char path[160];
    struct stat status;
    int before;

    (void)state;
    live(5, false);
    path_in(path, directory, "ledger");
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(chmod(directory, 0755), 0);
    in_child(save_without_permission);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    before = begin_log();
    assert_int_equal(live(1, false), 0);
    end_log(before, "", 0, 0);
    assert_int_equal(live(0, false), 1);
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
    assert_int_equal(umount2(directory, MNT_DETACH), 0);
    assert_int_equal(rmdir(directory), 0);
    in_child(save_nothing_on_a_read_only_disk);
}

static void test_a_disk_that_became_read_only(void **state)
{
    (void)state;
    in_child(save_on_a_disk_that_became_read_only);
}

static void test_a_directory_of_another_user(void **state)
{
    (void)state;
    live(5, false);
    in_child(save_without_permission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_directories(test_a_full_disk),
        in_directories(test_a_read_only_disk),
        in_directories(test_a_disk_that_became_read_only),
        in_directories(test_a_directory_that_is_replaced),
        in_directories(test_a_directory_that_is_mounted_over),
        in_directories(test_a_directory_that_is_removed),
        in_directories(test_a_directory_of_another_user),
        in_directories(test_a_file_that_was_emptied_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
