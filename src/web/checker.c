#include "web/checker.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "log.h"
#include "program.h"
#include "web/transfer.h"

static const int64_t second = 1000000000;
static const int64_t longest_spread = 10 * second;
static const int64_t log_interval = 3600 * second;
static const int64_t retry = second / 10;
static const int64_t longest_delay = second;

/* A check takes three descriptors, and its thread that looks a name up some more. Such a thread may
 * live on after its check is over, as long as the resolver tries (resolv.conf(5)). */
enum { DESCRIPTORS_OF_CHECK = 6, OTHER_DESCRIPTORS = 32, MOST_THREADS = 256 };

struct job {
    struct web_wired_check wired;
    struct transfer *transfer;
    int64_t due; /* CLOCK_MONOTONIC: its next run */
};

struct checker {
    int channel;
    CURLM *multi;
    struct job **jobs; /* each stays where it is, as its transfer refers to it */
    size_t count;
    size_t running;
    size_t most_running;
    size_t first;   /* place of the job that has the next room */
    int64_t next;   /* CLOCK_MONOTONIC: no job is due before */
    int64_t awake;  /* CLOCK_MONOTONIC: this turn begins no later; 0: it is the first */
    bool was_still; /* it began much later: this process did not run */
    int64_t said;   /* CLOCK_MONOTONIC: when it was last logged that a check could not be done; 0 */
};

static size_t most_running(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < (rlim_t)2 * OTHER_DESCRIPTORS)
        return 1;
    return (limit.rlim_cur - OTHER_DESCRIPTORS) / DESCRIPTORS_OF_CHECK;
}

int checker_open(struct checker **checker, int channel)
{
    struct checker *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->channel = channel;
    made->most_running = most_running();
    made->multi = curl_multi_init();
    if (!made->multi) {
        free(made);
        return -ENOMEM;
    }
    *checker = made;
    return 0;
}

static void free_job(struct job *job)
{
    if (!job)
        return;
    transfer_close(job->transfer);
    web_check_free(&job->wired.check);
    free(job);
}

static void free_jobs(struct job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free_job(jobs[i]);
    free(jobs);
}

void checker_close(struct checker *checker)
{
    if (!checker)
        return;
    free_jobs(checker->jobs, checker->count);
    curl_multi_cleanup(checker->multi);
    free(checker);
}

/* A random time below most. */
static int64_t random_below(int64_t most)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = (uint64_t)clock_monotonic();
    return (int64_t)(random % (uint64_t)most);
}

/* Returns the job, or NULL. What it needs is taken out of the wired check. */
static struct job *make_job(struct web_wired_check *wired, bool at_once)
{
    struct job *job = calloc(1, sizeof *job);
    int64_t interval = wired->check.interval;
    if (!job)
        return NULL;
    job->wired = *wired;
    *wired = (struct web_wired_check){0};
    job->due = clock_monotonic();
    if (!at_once)
        job->due += random_below(interval < longest_spread ? interval : longest_spread);
    if (transfer_open(&job->transfer, &job->wired.check, job) == 0)
        return job;
    free_job(job);
    return NULL;
}

/* The place of the job that has the check already, or NULL. */
static struct job **find_job(struct checker *checker, uint64_t id)
{
    for (size_t i = 0; i < checker->count; i++)
        if (checker->jobs[i] && checker->jobs[i]->wired.id == id)
            return &checker->jobs[i];
    return NULL;
}

/* Those that go on are moved, the others made. Returns 0, or -ENOMEM. */
static int fill_jobs(struct checker *checker, struct web_wired_check *checks, size_t count,
                     bool at_once, struct job **jobs)
{
    for (size_t i = 0; i < count; i++) {
        struct job **old = find_job(checker, checks[i].id);
        jobs[i] = old ? *old : make_job(&checks[i], at_once);
        if (!jobs[i])
            return -ENOMEM;
        if (old)
            *old = NULL;
    }
    return 0;
}

static size_t count_running(const struct checker *checker)
{
    size_t running = 0;
    for (size_t i = 0; i < checker->count; i++)
        running += transfer_is_running(checker->jobs[i]->transfer);
    return running;
}

int checker_change(struct checker *checker, struct web_wired_check *checks, size_t count,
                   bool at_once)
{
    struct job **jobs = calloc(count + 1, sizeof(struct job *));
    int result = jobs ? fill_jobs(checker, checks, count, at_once, jobs) : -ENOMEM;
    web_wire_free(checks, count);
    if (result) {
        if (jobs)
            free_jobs(jobs, count);
        return result;
    }
    free_jobs(checker->jobs, checker->count);
    checker->jobs = jobs;
    checker->count = count;
    checker->running = count_running(checker);
    checker->next = 0;
    return 0;
}

static void log_local(const struct web_check *check, int error)
{
    if (error == -ENOKEY)
        log_error("a web check cannot be done: its certificate authorities cannot be read from %s; "
                  "until they can, nothing is known of its address; let the user udpwatch read the "
                  "file, and see that it is PEM",
                  check->ca_file ? check->ca_file : "the host's");
    else
        log_error(
            "a web check cannot be done: %s; until it can, nothing is known of its address; "
            "are the limits of descriptors, threads and memory too low, or all local ports in "
            "use?",
            strerror(-error));
}

/* That this host cannot do a check says nothing of what is checked: there is no result, and a line
 * in the log. Returns 0, or -errno of the channel. */
static int say_local(struct checker *checker, const struct job *job, int error)
{
    int64_t now = clock_monotonic();
    if (checker->said == 0 || now - checker->said >= log_interval) {
        checker->said = now;
        log_local(&job->wired.check, error);
    }
    return program_report(CHANNEL_READY, ""); /* a program that says nothing would be replaced */
}

/* How many threads this process has; 0: not known. */
static int64_t count_threads(void)
{
    char text[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length < 0 ? 0 : length] = '\0';
    const char *field = strrchr(text, ')');
    for (int number = 2; field && number < 20; number++) /* proc(5): field 20 is num_threads */
        field = strchr(field + 1, ' ');
    return field ? strtoll(field + 1, NULL, 10) : 0;
}

static bool has_room(const struct checker *checker, const struct job *job)
{
    return checker->running < checker->most_running &&
           (!transfer_looks_up(job->transfer) || count_threads() < MOST_THREADS);
}

/* What comes late, or while the run before is not over, is not made up for. */
static void plan_next(struct job *job, int64_t now)
{
    int64_t interval = job->wired.check.interval;
    job->due += ((now - job->due) / interval + 1) * interval;
}

/* Begin a run that is due. Returns when the job is due next. */
static int64_t begin(struct checker *checker, struct job *job, int64_t now)
{
    if (!transfer_is_running(job->transfer)) {
        if (!has_room(checker, job))
            return now + retry;
        int error = transfer_begin(job->transfer, checker->multi);
        if (error)
            say_local(checker, job, error);
        else
            checker->running++;
    }
    plan_next(job, now);
    return job->due;
}

/* Begin all runs that are due. Returns when the next one is. The jobs are gone through then alone,
 * not whenever a byte has come for one of them, and from the one that found no room first: those
 * before it, which may take long, must not have it each time. */
static int64_t begin_due(struct checker *checker, int64_t now)
{
    int64_t next = now + 60 * second;
    size_t first = checker->first;
    bool has_left = true;
    if (now < checker->next)
        return checker->next;
    for (size_t i = 0; i < checker->count; i++) {
        size_t place = (first + i) % checker->count;
        struct job *job = checker->jobs[place];
        int64_t due = now >= job->due ? begin(checker, job, now) : job->due;
        if (has_left && now >= job->due) {
            has_left = false;
            checker->first = place;
        }
        if (due < next)
            next = due;
    }
    checker->next = next;
    return next;
}

/* Returns 0, or -errno of the channel. */
static int send_result(const struct checker *checker, const struct job *job,
                       const struct web_result *result)
{
    struct channel_message message = {.kind = CHANNEL_RESULT, .id = job->wired.id};
    web_wire_write_result(result, message.text, sizeof message.text);
    return channel_send(checker->channel, &message, -1);
}

/* Returns 0, or -errno of the channel. */
static int finish(struct checker *checker, CURL *handle, CURLcode code)
{
    const struct job *job = transfer_owner(handle);
    struct web_result result;
    int error = transfer_end(job->transfer, code, &result);
    checker->running--;
    result.end = clock_boot_time();
    if (error)
        return say_local(checker, job, error);
    if (code == CURLE_OPERATION_TIMEDOUT && checker->was_still)
        return 0; /* the answer may have come in time, but nobody read it */
    return send_result(checker, job, &result);
}

static int finish_all(struct checker *checker)
{
    const CURLMsg *message;
    int left;
    int result = 0;
    while (!result && (message = curl_multi_info_read(checker->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            result = finish(checker, message->easy_handle, message->data.result);
    return result;
}

/* How long nothing has to be done unless something happens, in milliseconds. */
static int longest_wait(const struct checker *checker, int64_t due)
{
    int64_t wait = due - clock_monotonic();
    long timeout = -1; /* libcurl's own */
    wait = wait > 0 ? wait / 1000000 + 1 : 0;
    curl_multi_timeout(checker->multi, &timeout);
    return (int)(timeout >= 0 && timeout < wait ? timeout : wait);
}

/* Returns 0, 1 when the channel is to be read, or -EIO. */
static int wait_for_events(struct checker *checker, int64_t due)
{
    struct curl_waitfd channel = {.fd = checker->channel, .events = CURL_WAIT_POLLIN};
    int wait = longest_wait(checker, due);
    checker->awake = clock_monotonic() + wait * INT64_C(1000000);
    if (curl_multi_poll(checker->multi, &channel, 1, wait, NULL) != CURLM_OK)
        return -EIO;
    return channel.revents != 0;
}

int checker_run(struct checker *checker)
{
    int64_t now = clock_monotonic();
    int running;
    checker->was_still = checker->awake > 0 && now - checker->awake > longest_delay;
    int64_t due = begin_due(checker, now);
    if (curl_multi_perform(checker->multi, &running) != CURLM_OK)
        return -EIO;
    int result = finish_all(checker);
    return result ? result : wait_for_events(checker, due);
}
