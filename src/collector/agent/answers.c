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

/* What answers the requests for one format, made when the first is answered. */
struct finished {
    bool made;
    struct text text;
    int sealed; /* -1: no answer needed it yet */
};

static void finish(struct finished *finished, const struct look *look,
                   const struct agent_history *history, uint32_t format)
{
    struct text *text = &finished->text;

    *finished = (struct finished){.made = true, .sealed = -1};
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

static void answer(struct supervisor *supervisor, uint64_t id, struct finished *finished)
{
    const struct text *text = &finished->text;
    int result = channel_answer(supervisor_channel(supervisor), id, text->bytes,
                                text->failed ? 0 : text->length, &finished->sealed);

    /* The server gives up waiting by itself, and its death shows as end of file. */
    if (result && result != -EPIPE)
        log_debug("cannot answer the server: %s", strerror(-result));
}

static void release(struct finished *finished)
{
    if (finished->made && finished->sealed >= 0)
        close(finished->sealed);
    text_free(&finished->text);
}

void answers_send(struct supervisor *supervisor, const struct answer_requests *requests,
                  const struct look *look, const struct agent_history *history)
{
    struct finished finished[FORMATS] = {0};

    for (size_t i = 0; i < requests->count; i++) {
        const struct answer_request *request = &requests->waiting[i];

        if (!finished[request->format].made)
            finish(&finished[request->format], look, history, request->format);
        answer(supervisor, request->id, &finished[request->format]);
    }
    for (size_t i = 0; i < FORMATS; i++)
        release(&finished[i]);
}
