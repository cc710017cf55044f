/* What libcurl tells of the certificate that a server showed. */
#ifndef UDPWATCH_CERTIFICATE_H
#define UDPWATCH_CERTIFICATE_H

#include <curl/curl.h>
#include <stdint.h>

/* When the server's own certificate, the first of the chain, expires. Returns Unix time, or 0:
 * there was none, or its time is none after 1970. CURLOPT_CERTINFO must be set. */
int64_t certificate_expiry(CURL *handle);

#endif
