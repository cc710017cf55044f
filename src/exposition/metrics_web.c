#include "exposition/metrics_writer.h"

static struct label_set web_labels(struct metrics_writer *writer, const struct web_state *state)
{
    return labels_of_one(&writer->out, "web", state->name);
}

/* From microseconds. */
static double seconds_of(int64_t microseconds)
{
    return (double)microseconds / 1e6;
}

static void write_up(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_up", METRIC_GAUGE,
                      "Whether the last HTTP(S) check found what is expected; left out before the "
                      "first, and while none can be done.");
    for (size_t i = 0; i < web->count; i++)
        if (web->states[i].known)
            exposition_integer(&writer->out, web_labels(writer, &web->states[i]),
                               web->states[i].last.cause == WEB_OK);
}

static void write_status_code(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_status_code", METRIC_GAUGE,
                      "Status code of the last answer; left out when none came.");
    for (size_t i = 0; i < web->count; i++)
        if (web->states[i].known && web->states[i].last.status_code > 0)
            exposition_integer(&writer->out, web_labels(writer, &web->states[i]),
                               web->states[i].last.status_code);
}

static void write_duration(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_duration_seconds", METRIC_GAUGE,
                      "How long the last check took.");
    for (size_t i = 0; i < web->count; i++)
        if (web->states[i].known)
            exposition_real(&writer->out, web_labels(writer, &web->states[i]),
                            seconds_of(web->states[i].last.duration));
}

static void write_phases_of(struct metrics_writer *writer, const struct web_state *state)
{
    for (int phase = 0; phase < WEB_PHASES; phase++) {
        struct label_set labels;

        if (state->last.phases[phase] < 0)
            continue;
        labels = web_labels(writer, state);
        labels_add(&writer->out, &labels, "phase", web_phase_name((enum web_phase)phase));
        exposition_real(&writer->out, labels, seconds_of(state->last.phases[phase]));
    }
}

static void write_phases(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_phase_duration_seconds", METRIC_GAUGE,
                      "How long each part of the last check took: to look the name up, to connect, "
                      "to encrypt, and from the request to the first byte; left out when it did "
                      "not come to that.");
    for (size_t i = 0; i < web->count; i++)
        if (web->states[i].known)
            write_phases_of(writer, &web->states[i]);
}

static void write_certificate(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_certificate_expiry_timestamp_seconds",
                      METRIC_GAUGE,
                      "When the certificate that the last check was shown expires, in Unix time; "
                      "left out when there was none, it was refused, or its time is none "
                      "after 1970.");
    for (size_t i = 0; i < web->count; i++)
        if (web->states[i].known && web->states[i].last.certificate_expiry > 0)
            exposition_integer(&writer->out, web_labels(writer, &web->states[i]),
                               (uint64_t)web->states[i].last.certificate_expiry);
}

static void write_counts(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_checks_total", METRIC_COUNTER,
                      "Checks done since the agent started, by what became of them.");
    for (size_t i = 0; i < web->count; i++)
        for (int cause = 0; cause < WEB_CAUSES; cause++) {
            struct label_set labels = web_labels(writer, &web->states[i]);

            labels_add(&writer->out, &labels, "result", web_cause_name((enum web_cause)cause));
            exposition_integer(&writer->out, labels, web->states[i].counts[cause]);
        }
}

static void write_info(struct metrics_writer *writer)
{
    const struct web_states *web = writer->look->web;

    exposition_family(&writer->out, "udpwatch_web_info", METRIC_INFO,
                      "1 for each check; url is its address without user, password and query.");
    for (size_t i = 0; i < web->count; i++) {
        struct label_set labels = web_labels(writer, &web->states[i]);

        labels_add(&writer->out, &labels, "url", web->states[i].url);
        exposition_integer(&writer->out, labels, 1);
    }
}

void metrics_write_web(struct metrics_writer *writer)
{
    if (!writer->look->web || writer->look->web->count == 0)
        return;
    write_up(writer);
    write_status_code(writer);
    write_duration(writer);
    write_phases(writer);
    write_certificate(writer);
    if (writer->history) {
        write_counts(writer);
        exposition_single(&writer->out, "udpwatch_web_restarts_total", METRIC_COUNTER,
                          "Times the program that does the checks had to be started again since "
                          "the agent started.",
                          true, writer->look->web->restarts);
    }
    write_info(writer);
}
