#include "collector/agent/answers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "exposition/metrics.h"
#include "log.h"
#include "report/page.h"
#include "report/report.h"

bool answers_read(struct supervisor *supervisor, struct answer_requests *requests)
{
    struct channel_message message;
    int descriptor;
    int result = 1;

    requests->count = 0;
    while (requests->count < MOST_REQUESTS) {
        result = channel_receive(supervisor_channel(supervisor), &message, &descriptor);
        if (result <= 0)
            break;
        if (descriptor >= 0)
            close(descriptor); /* the server has none to give */
        if (message.kind == CHANNEL_REQUEST)
            requests->waiting[requests->count++] =
                (struct answer_request){.id = message.id, .format = message.format};
        else
            supervisor_handle_message(supervisor, &message, clock_monotonic());
    }
    if (result == -EPROTO)
        log_error("the server sent a message that is not understood; it is started again");
    return result > 0 || result == -EAGAIN || result == -EINTR;
}

/* The first look is over when the server starts, so "ready" is no reason for another. */
bool answers_need_look(const struct answer_requests *requests)
{
    for (size_t i = 0; i < requests->count; i++)
        if (requests->waiting[i].format != FORMAT_READY)
            return true;
    return false;
}

/* Write one format; nothing when it takes a look and there is none. */
static void write_format(uint32_t format, const struct look *look,
                         const struct agent_history *history, struct text *text)
{
    if (format == FORMAT_READY)
        text_append(text, "ready\n");
    else if (!look)
        return;
    else if (format == FORMAT_METRICS)
        metrics_write(look, history, EXPOSITION_TEXT, text);
    else if (format == FORMAT_OPENMETRICS)
        metrics_write(look, history, EXPOSITION_OPENMETRICS, text);
    else if (format == FORMAT_STATUS_JSON)
        report_json(look, text);
    else
        page_write(look, history, text);
}

static void answer(struct supervisor *supervisor, uint64_t id, const struct text *text, int *sealed)
{
    int result = channel_answer(supervisor_channel(supervisor), id, text->bytes,
                                text->failed ? 0 : text->length, sealed);

    /* The server gives up waiting by itself, and its death shows as end of file. */
    if (result && result != -EPIPE)
        log_debug("cannot answer the server: %s", strerror(-result));
}

static void answer_all(struct supervisor *supervisor, const struct answer_requests *requests,
                       uint32_t format, const struct text *text)
{
    int sealed = -1; /* no answer needed it yet */

    for (size_t i = 0; i < requests->count; i++)
        if (requests->waiting[i].format == format)
            answer(supervisor, requests->waiting[i].id, text, &sealed);
    if (sealed >= 0)
        close(sealed);
}

static bool is_asked_for(const struct answer_requests *requests, uint32_t format)
{
    for (size_t i = 0; i < requests->count; i++)
        if (requests->waiting[i].format == format)
            return true;
    return false;
}

void answers_send(struct supervisor *supervisor, const struct answer_requests *requests,
                  const struct look *look, const struct agent_history *history,
                  struct text_room *room)
{
    for (uint32_t format = FORMAT_METRICS; format <= FORMAT_READY; format++) {
        struct text *text;

        if (!is_asked_for(requests, format))
            continue;
        text = text_room_begin(room);
        write_format(format, look, history, text);
        answer_all(supervisor, requests, format, text);
    }
}
