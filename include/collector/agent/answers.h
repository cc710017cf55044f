/* What the server asks for, and the answers: several requests from one look, each format rendered
 * once. */
#ifndef UDPWATCH_ANSWERS_H
#define UDPWATCH_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/agent/supervisor.h"
#include "collector/look/look.h"
#include "text_room.h"

/* The server has 32 workers, and each waits for one answer; more is read at the next turn. */
enum { MOST_REQUESTS = 64 };

struct answer_request {
    uint64_t id;
    uint32_t format;
};

struct answer_requests {
    struct answer_request waiting[MOST_REQUESTS];
    size_t count;
};

/* Read what the server sent. Returns false when it is gone or speaks nonsense. */
bool answers_read(struct supervisor *supervisor, struct answer_requests *requests);

/* Whether any of them takes a look to answer. */
bool answers_need_look(const struct answer_requests *requests);

/* Answer all of them, format by format, each written into the room. look: NULL when none could be
 * taken; the server then says so. */
void answers_send(struct supervisor *supervisor, const struct answer_requests *requests,
                  const struct look *look, const struct agent_history *history,
                  struct text_room *room);

#endif
