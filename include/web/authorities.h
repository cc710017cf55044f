/* Whose certificates a check believes, and how libcurl comes to them. */
#ifndef UDPWATCH_AUTHORITIES_H
#define UDPWATCH_AUTHORITIES_H

#include <curl/curl.h>
#include <stdbool.h>

#include "web_check.h"

/* Whether a directory has certificates under the hashes of their names, as openssl-rehash(1) makes
 * them: then one is found without all others being read. */
bool authorities_are_hashed(const char *directory);

/* Set what the check says: none are asked, those of its file, or the host's. Returns 0, or -errno.
 */
int authorities_set(CURL *handle, const struct web_check *check);

#endif
