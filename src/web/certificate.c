#include "web/certificate.h"

#include <string.h>
#include <time.h>

/* text: a time as ASN1_TIME_print(3) writes it; curl_getdate(3) takes a year below 100 for another.
 * Returns Unix time, or 0: it is none, or before 1970. */
static int64_t read_time(const char *text)
{
    struct tm time = {0};
    text = strptime(text, " %b %d %H:%M:%S", &time);
    if (text && *text == '.')
        text += 1 + strspn(text + 1, "0123456789");
    text = text ? strptime(text, " %Y GMT", &time) : NULL;
    time_t seconds = text && *text == '\0' ? timegm(&time) : 0;
    return seconds > 0 ? seconds : 0;
}

int64_t certificate_expiry(CURL *handle)
{
    static const char name[] = "Expire date:";
    struct curl_certinfo *certificates = NULL;
    if (curl_easy_getinfo(handle, CURLINFO_CERTINFO, &certificates) != CURLE_OK || !certificates ||
        certificates->num_of_certs < 1)
        return 0;
    for (const struct curl_slist *line = certificates->certinfo[0]; line; line = line->next)
        if (strncmp(line->data, name, strlen(name)) == 0)
            return read_time(line->data + strlen(name));
    return 0;
}
