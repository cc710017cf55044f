#include "collector/ledger/history.h"

const double history_fill_bounds[FILL_BUCKETS - 1] = {0.25, 0.5, 0.8, 0.95};
