#include "server/log_limit.h"

static const int64_t MINUTE = 60000000000;

bool log_limit_pass(struct log_limit *limit, int64_t now, uint64_t *hidden)
{
    pthread_mutex_lock(&limit->mutex);
    bool pass = !limit->logged || now - limit->last >= MINUTE;
    *hidden = limit->hidden;
    if (pass) {
        limit->logged = true;
        limit->last = now;
        limit->hidden = 0;
    } else {
        limit->hidden++;
    }
    pthread_mutex_unlock(&limit->mutex);
    return pass;
}
