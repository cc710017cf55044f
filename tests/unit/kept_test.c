/* What is written for programs, byte for byte as kept in tests/unit/kept: it may become cheaper to
 * write, but not another. Tests run where the Makefile lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exposition/metrics.h"
#include "report/report.h"
#include "sample_look.h"

static void write_metrics(const struct look *look, const struct agent_history *history,
                          struct text *text)
{
    metrics_write(look, history, EXPOSITION_TEXT, text);
}

static void write_openmetrics(const struct look *look, const struct agent_history *history,
                              struct text *text)
{
    metrics_write(look, history, EXPOSITION_OPENMETRICS, text);
}

static void write_json(const struct look *look, const struct agent_history *history,
                       struct text *text)
{
    (void)history;
    report_json(look, text);
}

/* Numbers of all sizes, and of more digits than are told. */
static void add_numbers(struct sample *sample)
{
    struct look_port *ports = sample->ports;

    ports[SAMPLE_OK].history.fill_sum = 1.0 / 3;
    ports[SAMPLE_SHARED].history.fill_sum = 123456.789;
    ports[SAMPLE_STANDBY].history.fill_sum = 0;
    ports[SAMPLE_ABSENT].history.fill_sum = 1e-7;
    ports[SAMPLE_OK].history.last_change = 1764117478.1234567;
    ports[SAMPLE_SHARED].history.last_change = 1764117479;
    ports[SAMPLE_ABSENT].history.down_seconds = 86400.000001;
    ports[SAMPLE_OK].history.dropped_datagrams = UINT64_C(1) << 53;
    ports[SAMPLE_OK].history.peak_bytes = INT64_MAX;
    sample->sockets[SAMPLE_SHARED].socket.receive_queue_bytes = UINT32_MAX;
    strcpy(sample->sockets[SAMPLE_SHARED].interface, "a%\"b");
    sample->look.sockets_seconds = 0.000123456789;
    sample->look.owners_seconds = 1.5e-5;
}

typedef void write_function(const struct look *, const struct agent_history *, struct text *);

/* A look of an agent, one look alone, and one that failed. */
static void write_looks(write_function *write, struct text *text)
{
    struct agent_history history = {.server_restarts = 4,
                                    .state_saved = 1,
                                    .reload_successful = true,
                                    .reload_success_time = 1700000000.5};
    struct sample sample;

    sample_make(&sample);
    sample_add_history(&sample);
    sample_add_host(&sample);
    add_numbers(&sample);
    write(&sample.look, &history, text);
    sample_fail(&sample);
    write(&sample.look, &history, text);
    sample_make(&sample);
    write(&sample.look, NULL, text);
    assert_false(text->failed);
}

/* The version is no part of what is kept. */
static char *without_version(const char *bytes)
{
    static const char version[] = "\"" UDPWATCH_VERSION "\"";
    struct text text = {0};
    const char *found;

    while ((found = strstr(bytes, version))) {
        text_append_bytes(&text, bytes, (size_t)(found - bytes));
        text_append(&text, "\"VERSION\"");
        bytes = found + strlen(version);
    }
    text_append(&text, bytes);
    return text.bytes;
}

static void read_kept(const char *path, struct text *kept)
{
    FILE *file = fopen(path, "r");
    char bytes[4096];
    size_t count;

    while (file && (count = fread(bytes, 1, sizeof(bytes), file)) > 0)
        text_append_bytes(kept, bytes, count);
    if (file)
        fclose(file);
    text_append(kept, "");
}

static void assert_kept(write_function *write, const char *name)
{
    const char *build = getenv("UDPWATCH_BUILD");
    struct text text = {0}, kept = {0};
    char path[160], found[160];
    char *bytes;

    write_looks(write, &text);
    bytes = without_version(text.bytes);
    snprintf(path, sizeof(path), "tests/unit/kept/%s", name);
    snprintf(found, sizeof(found), "%s/kept-%s", build ? build : "build", name);
    read_kept(path, &kept);
    if (strcmp(bytes, kept.bytes) != 0) {
        FILE *file = fopen(found, "w");

        if (file) {
            fputs(bytes, file);
            fclose(file);
        }
        fail_msg("differs: diff %s %s", path, found);
    }
    free(bytes);
    text_free(&text);
    text_free(&kept);
}

static void test_metrics(void **state)
{
    (void)state;
    assert_kept(write_metrics, "metrics");
}

static void test_openmetrics(void **state)
{
    (void)state;
    assert_kept(write_openmetrics, "openmetrics");
}

static void test_json(void **state)
{
    (void)state;
    assert_kept(write_json, "json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
