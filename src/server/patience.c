#include "server/patience.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* strtod alone would also take blanks in front, hexadecimal numbers, "inf" and "nan". */
static bool is_decimal(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789.eE+-")] == '\0';
}

/* The number of seconds, or 0 where there is no sense in it. */
static double parse_seconds(const char *text)
{
    char *end;
    if (!text || !is_decimal(text))
        return 0;
    double seconds = strtod(text, &end);
    return *end == '\0' && isfinite(seconds) && seconds > 0 ? seconds : 0;
}

int64_t patience_of(const char *scrape_timeout)
{
    const double usual = 10;
    const double most = 60;
    const double margin = 0.5;
    double seconds = parse_seconds(scrape_timeout);
    if (seconds == 0)
        return (int64_t)(usual * 1e9);
    if (seconds > most)
        return (int64_t)(most * 1e9);
    return (int64_t)((seconds > 2 * margin ? seconds - margin : seconds / 2) * 1e9);
}
