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

enum { FORMATS = FORMAT_READY + 1 };

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

/* Render one format. Returns a sealed descriptor, or -errno. */
static int render(const struct look *look, const struct agent_history *history, uint32_t format)
{
    struct text text = {0};
    int result;

    if (format == FORMAT_METRICS) {
        metrics_write(look, history, EXPOSITION_TEXT, &text);
    } else if (format == FORMAT_OPENMETRICS) {
        metrics_write(look, history, EXPOSITION_OPENMETRICS, &text);
    } else if (format == FORMAT_STATUS_JSON) {
        report_json(look, &text);
    } else if (format == FORMAT_PAGE) {
        page_write(look, history, &text);
    } else {
        text_append(&text, "ready\n");
    }
    result = text.failed ? -ENOMEM : channel_seal(text.bytes, text.length);
    text_free(&text);
    return result;
}

static void answer(struct supervisor *supervisor, const struct answer_request *request,
                   int descriptor)
{
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = request->id};
    int result = channel_send(supervisor_channel(supervisor), &message, descriptor);

    /* The server gives up waiting by itself, and its death shows as end of file. */
    if (result && result != -EPIPE)
        log_debug("cannot answer the server: %s", strerror(-result));
}

void answers_send(struct supervisor *supervisor, const struct answer_requests *requests,
                  const struct look *look, const struct agent_history *history)
{
    int descriptors[FORMATS] = {0};

    for (size_t i = 0; i < requests->count; i++) {
        uint32_t format = requests->waiting[i].format;
        bool failed = !look && format != FORMAT_READY;

        if (!failed && descriptors[format] == 0)
            descriptors[format] = render(look, history, format);
        answer(supervisor, &requests->waiting[i],
               failed || descriptors[format] < 0 ? -1 : descriptors[format]);
    }
    for (size_t i = 0; i < FORMATS; i++)
        if (descriptors[i] > 0)
            close(descriptors[i]);
}
