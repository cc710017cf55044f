/* The facts of one process: on a made procfs, and on the real one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/procfs/boot_time.h"
#include "collector/procfs/process.h"
#include "fake_procfs.h"

/* The facts of pid in the made procfs; *process is the caller's to free when 0. */
static int read_fake(const char *procfs, pid_t pid, struct process *process)
{
    int directory = process_open(procfs, pid);
    if (directory < 0)
        return directory;
    int error = process_read(directory, pid, process);
    close(directory);
    return error;
}

static int make_procfs(void **state)
{
    *state = fake_procfs_make();
    return 0;
}

static int remove_procfs(void **state)
{
    fake_procfs_remove(*state);
    return 0;
}

static void all_facts_are_read(void **state)
{
    static const char arguments[] = "filebeat\0-c\0\0/etc/a b.yml\0\0\0";
    fake_process_add(*state, &(struct fake_process){.pid = 42,
                                                    .start_ticks = 12345678901ULL,
                                                    .uid = 104,
                                                    .comm = "filebeat",
                                                    .executable = "/usr/share/bin/filebeat",
                                                    .arguments = arguments,
                                                    .arguments_length = sizeof arguments - 1});
    struct process process;
    assert_int_equal(read_fake(*state, 42, &process), 0);
    assert_int_equal(process.pid, 42);
    assert_true(process.start_ticks == 12345678901ULL);
    assert_int_equal(process.uid, 104);
    assert_string_equal(process.comm, "filebeat");
    assert_string_equal(process.executable, "filebeat");
    assert_string_equal(process.unit, "program.service");
    assert_string_equal(process.arguments, "filebeat -c  /etc/a b.yml");
    process_free(&process);
    assert_null(process.arguments);
    assert_int_equal(process.pid, 0);
}

static void hostile_comms_stay_as_they_are(void **state)
{
    static const char *const comms[] = {"a\nb", "x) Z 1 2", "\xff\xfe\n", "", "\n\n"};
    for (int i = 0; i < 5; i++) {
        struct fake_process fake = {.pid = 50 + i, .start_ticks = 9, .comm = comms[i]};
        fake_process_add(*state, &fake);
        struct process process;
        assert_int_equal(read_fake(*state, fake.pid, &process), 0);
        assert_string_equal(process.comm, comms[i]);
        assert_int_equal(process.start_ticks, 9);
        process_free(&process);
    }
}

static void a_comm_of_64_bytes_fits_and_more_is_cut(void **state)
{
    char comm[401];
    memset(comm, ')', 400);
    comm[64] = '\0';
    fake_process_add(*state, &(struct fake_process){.pid = 50, .comm = comm});
    struct process process;
    assert_int_equal(read_fake(*state, 50, &process), 0);
    assert_string_equal(process.comm, comm);
    process_free(&process);
    memset(comm, 'c', 400);
    comm[400] = '\0';
    fake_process_add(*state, &(struct fake_process){.pid = 51, .comm = comm});
    assert_int_equal(read_fake(*state, 51, &process), 0);
    assert_int_equal(strlen(process.comm), PROCESS_NAME_SIZE - 1);
    process_free(&process);
}

static void the_executable_is_a_basename(void **state)
{
    char longest[400];
    memset(longest, 'e', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const targets[][2] = {{"/usr/bin/a (deleted)", "a"},
                                      {"/a", "a"},
                                      {"a", "a"},
                                      {"/memfd:x (deleted)", "memfd:x"},
                                      {"/opt/b (deleted) (deleted)", "b (deleted)"},
                                      {"/opt/ (deleted)", " (deleted)"},
                                      {"/opt/a\nb", "a\nb"}};
    struct process process;
    for (int i = 0; i < 7; i++) {
        fake_process_add(*state,
                         &(struct fake_process){.pid = 60 + i, .executable = targets[i][0]});
        assert_int_equal(read_fake(*state, 60 + i, &process), 0);
        assert_string_equal(process.executable, targets[i][1]);
        process_free(&process);
    }
    fake_process_add(*state, &(struct fake_process){.pid = 70, .executable = longest});
    assert_int_equal(read_fake(*state, 70, &process), 0);
    assert_int_equal(strlen(process.executable), PROCESS_NAME_SIZE - 1);
    process_free(&process);
}

static void arguments_are_capped(void **state)
{
    size_t sizes[] = {2047, 2048, 2049, 131071, 131072, 131073, 400000};
    char *bytes = malloc(400000);
    assert_non_null(bytes);
    for (int i = 0; i < 7; i++) {
        memset(bytes, 'a', sizes[i]);
        bytes[sizes[i] / 2] = '\0';
        struct fake_process fake = {
            .pid = 80 + i, .arguments = bytes, .arguments_length = sizes[i]};
        fake_process_add(*state, &fake);
        struct process process;
        assert_int_equal(read_fake(*state, fake.pid, &process), 0);
        assert_int_equal(strlen(process.arguments), sizes[i] > 131072 ? 131072 : sizes[i]);
        assert_int_equal(process.arguments[sizes[i] / 2 < 131072 ? sizes[i] / 2 : 0],
                         sizes[i] / 2 < 131072 ? ' ' : 'a');
        process_free(&process);
    }
    free(bytes);
}

static void what_is_withheld_stays_empty(void **state)
{
    char path[512];
    static const char *const names[] = {"comm", "exe", "cgroup", "cmdline"};
    fake_process_add(*state, &(struct fake_process){.pid = 42, .start_ticks = 5});
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/42/%s", (char *)*state, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    struct process process;
    assert_int_equal(read_fake(*state, 42, &process), 0);
    assert_string_equal(process.comm, "");
    assert_string_equal(process.executable, "");
    assert_string_equal(process.unit, "");
    assert_string_equal(process.arguments, "");
    assert_int_equal(process.start_ticks, 5);
    process_free(&process);
}

static void a_fact_that_fails_otherwise_is_an_error(void **state)
{
    /* A directory in place of a file: EISDIR stands for EMFILE, ENOMEM, EIO. */
    static const char *const names[] = {"comm", "cgroup", "cmdline", "status", "stat"};
    for (int i = 0; i < 5; i++) {
        char path[512];
        fake_process_add(*state, &(struct fake_process){.pid = 90 + i});
        snprintf(path, sizeof path, "%s/%d/%s", (char *)*state, 90 + i, names[i]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        struct process process;
        assert_int_equal(read_fake(*state, 90 + i, &process), -EISDIR);
        assert_null(process.arguments);
    }
}

static void a_process_that_goes_is_gone(void **state)
{
    struct process process;
    assert_int_equal(read_fake(*state, 42, &process), -ENOENT);
    static const char *const names[] = {"status", "stat"};
    for (int i = 0; i < 2; i++) {
        char path[512];
        fake_process_add(*state, &(struct fake_process){.pid = 42 + i});
        snprintf(path, sizeof path, "%s/%d/%s", (char *)*state, 42 + i, names[i]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(read_fake(*state, 42 + i, &process), -ESRCH);
    }
    fake_process_add(*state, &(struct fake_process){.pid = 50, .state = 'Z'});
    assert_int_equal(read_fake(*state, 50, &process), -ESRCH);
    fake_process_add(*state, &(struct fake_process){.pid = 51, .flags = 0x404004});
    assert_int_equal(read_fake(*state, 51, &process), -ESRCH); /* exiting */
}

static void a_huge_cgroup_is_cut_at_a_line(void **state)
{
    /* The read ends in a longer name that begins with "x.service", here or a little further. */
    size_t size = 20000;
    char *cgroup = malloc(size + 1);
    assert_non_null(cgroup);
    memset(cgroup, '/', size);
    memcpy(cgroup, "0::", 3);
    cgroup[size] = '\0';
    for (int further = 0; further < 4; further++) {
        memcpy(cgroup + 16384 - 10 - further, "/x.service-not\n", 15);
        fake_process_add(*state, &(struct fake_process){.pid = 42 + further, .cgroup = cgroup});
        struct process process;
        assert_int_equal(read_fake(*state, 42 + further, &process), 0);
        assert_string_equal(process.unit, "");
        process_free(&process);
    }
    memcpy(cgroup, "0::/a.service\n0::", 17); /* what stands before it counts */
    fake_process_add(*state, &(struct fake_process){.pid = 50, .cgroup = cgroup});
    struct process process;
    assert_int_equal(read_fake(*state, 50, &process), 0);
    assert_string_equal(process.unit, "a.service");
    process_free(&process);
    free(cgroup);
}

static int cannot_hold(const char *procfs, pid_t pid)
{
    int directory = process_open(procfs, pid);
    assert_true(directory >= 0);
    int result = process_cannot_hold(directory);
    close(directory);
    return result;
}

static void kernel_threads_and_zombies_hold_nothing(void **state)
{
    fake_process_add(*state, &(struct fake_process){.pid = 10});
    fake_process_add(*state, &(struct fake_process){.pid = 11, .flags = 0x208040});
    fake_process_add(*state, &(struct fake_process){.pid = 12, .state = 'Z'});
    fake_process_add(*state, &(struct fake_process){.pid = 13, .state = 'Z', .threads = 2});
    fake_thread_add(*state, 13, 130, 4, 0);     /* ending */
    fake_thread_add(*state, 13, 131, 0, 0x100); /* SIGKILL waits for it */
    assert_int_equal(cannot_hold(*state, 13), -EBUSY);
    fake_process_add(*state, &(struct fake_process){.pid = 16, .flags = 4});
    assert_int_equal(cannot_hold(*state, 16), -EBUSY); /* PF_EXITING */
    fake_thread_add(*state, 13, 132, 0, 0xfeff);
    fake_process_add(*state, &(struct fake_process){.pid = 15, .state = 'Z', .threads = 2});
    fake_write(*state, "", 0, "15/task");
    assert_int_equal(cannot_hold(*state, 15), -ENOTSUP); /* cannot be told */
    fake_process_add(*state, &(struct fake_process){.pid = 14});
    fake_write(*state, "junk", 4, "14/stat");
    assert_int_equal(cannot_hold(*state, 10), 0);
    assert_int_equal(cannot_hold(*state, 11), 1);
    assert_int_equal(cannot_hold(*state, 12), 1);
    assert_int_equal(cannot_hold(*state, 13), -ENOTSUP);
    assert_int_equal(cannot_hold(*state, 14), -EINVAL);
}

static void descriptors_are_read(void **state)
{
    fake_socket(*state, 1, 3, 7001);
    fake_descriptor(*state, 1, 4, "/var/log/socket:[5]");
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    fake_descriptor(*state, 1, 5, name);
    int process = process_open(*state, 1);
    int directory = openat(process, "fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    uint32_t inode = 0;
    assert_int_equal(process_read_descriptor(directory, 3, &inode), 0);
    assert_int_equal(inode, 7001);
    assert_int_equal(process_read_descriptor(directory, 4, &inode), -ENOTSOCK);
    assert_int_equal(process_read_descriptor(directory, 5, &inode), -ENOTSOCK);
    assert_int_equal(process_read_descriptor(directory, 6, &inode), -ENOENT);
    fake_socket(*state, 1, INT32_MAX, 7002);
    assert_int_equal(process_read_descriptor(directory, INT32_MAX, &inode), 0);
    assert_int_equal(inode, 7002);
    fake_socket(*state, 1, 0, 7003);
    assert_int_equal(process_read_descriptor(directory, 0, &inode), 0);
    assert_int_equal(inode, 7003);
    close(directory);
    close(process);
}

static void a_path_too_long_is_refused(void **state)
{
    (void)state;
    char path[5000];
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(process_open(path, 1), -ENAMETOOLONG);
}

static void this_process_is_read(void **state)
{
    (void)state;
    char comm[17] = "";
    assert_int_equal(prctl(PR_SET_NAME, "o)dd\nname"), 0);
    assert_int_equal(prctl(PR_GET_NAME, comm), 0);
    struct process process;
    assert_int_equal(read_fake("/proc", getpid(), &process), 0);
    assert_string_equal(process.comm, "o)dd\nname");
    assert_int_equal(process.uid, geteuid());
    assert_non_null(strstr(process.arguments, "process_test"));
    struct boot_time kept = {0};
    uint64_t boot = 0;
    assert_int_equal(boot_time_get(&kept, "/proc", &boot), 0);
    uint64_t started = boot + process.start_ticks / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t now = (uint64_t)time(NULL);
    assert_true(started <= now + 2 && started + 3600 > now);
    process_free(&process);
}

/* A child that sleeps until it is killed. */
static pid_t start_sleeper(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return child;
}

static void await_zombie(int directory)
{
    for (int i = 0; i < 2000; i++) {
        int result = process_cannot_hold(directory);
        if (result != 0 && result != -EBUSY)
            return;
        usleep(1000);
    }
}

static void a_real_zombie_is_told_and_a_dead_one_is_gone(void **state)
{
    (void)state;
    pid_t child = start_sleeper();
    int directory = process_open("/proc", child);
    assert_true(directory >= 0);
    assert_int_equal(process_cannot_hold(directory), 0);
    kill(child, SIGKILL);
    await_zombie(directory);
    assert_int_equal(process_cannot_hold(directory), 1);
    struct process process;
    assert_int_equal(process_read(directory, child, &process), -ESRCH);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(process_read(directory, child, &process), -ESRCH);
    assert_int_equal(process_cannot_hold(directory), -ESRCH);
    close(directory);
}

static void *sleep_in_thread(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static void threads_that_outlive_the_first_are_told(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pthread_create(&thread, NULL, sleep_in_thread, NULL) == 0)
            pthread_exit(NULL);
        _exit(1);
    }
    int directory = process_open("/proc", child);
    assert_true(directory >= 0);
    await_zombie(directory);
    assert_int_equal(process_cannot_hold(directory), -ENOTSUP);
    close(directory);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(void)
{
#define WITH_PROCFS(test) cmocka_unit_test_setup_teardown(test, make_procfs, remove_procfs)
    const struct CMUnitTest tests[] = {
        WITH_PROCFS(all_facts_are_read),
        WITH_PROCFS(hostile_comms_stay_as_they_are),
        WITH_PROCFS(a_comm_of_64_bytes_fits_and_more_is_cut),
        WITH_PROCFS(the_executable_is_a_basename),
        WITH_PROCFS(arguments_are_capped),
        WITH_PROCFS(what_is_withheld_stays_empty),
        WITH_PROCFS(a_fact_that_fails_otherwise_is_an_error),
        WITH_PROCFS(a_process_that_goes_is_gone),
        WITH_PROCFS(a_huge_cgroup_is_cut_at_a_line),
        WITH_PROCFS(kernel_threads_and_zombies_hold_nothing),
        WITH_PROCFS(descriptors_are_read),
        cmocka_unit_test(a_path_too_long_is_refused),
        cmocka_unit_test(this_process_is_read),
        cmocka_unit_test(a_real_zombie_is_told_and_a_dead_one_is_gone),
        cmocka_unit_test(threads_that_outlive_the_first_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
