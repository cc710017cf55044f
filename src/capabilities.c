#include "capabilities.h"

#include <cap-ng.h>
#include <errno.h>

int capabilities_keep_chosen(void)
{
    errno = 0;
    if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) != 0)
        return errno ? -errno : -EPERM;
    return 0;
}
