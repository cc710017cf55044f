#include "collector/pace.h"

#include <time.h>

int64_t pace_processor_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

void pace_enter(struct pace *pace, int64_t at, int64_t cost)
{
    pace->at = at;
    pace->costs[pace->times % PACE_KEPT] = cost;
    pace->times++;
}

int64_t pace_cost(const struct pace *pace)
{
    int64_t lowest = pace->costs[0];

    for (unsigned int i = 1; i < PACE_KEPT && i < pace->times; i++)
        if (pace->costs[i] < lowest)
            lowest = pace->costs[i];
    return lowest;
}

bool pace_allows(const struct pace *pace, int64_t now, int64_t parts)
{
    return pace->times == 0 || now - pace->at >= pace_cost(pace) * parts;
}
