/* One check as libcurl does it, again and again, each time on a connection of its own. */
#ifndef UDPWATCH_TRANSFER_H
#define UDPWATCH_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "web_check.h"

struct transfer;

/* check must outlive it; owner is for transfer_owner. Returns 0 and the transfer, which
 * transfer_close releases, or -errno. */
int transfer_open(struct transfer **transfer, const struct web_check *check, void *owner);

/* One that runs is taken out of the multi handle. */
void transfer_close(struct transfer *transfer);

/* Begin a run. Returns 0, or -errno. */
int transfer_begin(struct transfer *transfer, CURLM *multi);

bool transfer_is_running(const struct transfer *transfer);

/* Whose transfer it is that libcurl has done with, by its handle. */
void *transfer_owner(CURL *handle);

/* End the run, with the code that libcurl gave, and tell what became of it, all but its end.
 * Returns 0, or -errno: this host could not do the check, and nothing is known. */
int transfer_end(struct transfer *transfer, CURLcode code, struct web_result *result);

/* Whether the URL has a name to look up, for which libcurl makes a thread. A redirect may lead to
 * one later. */
bool transfer_looks_up(const struct transfer *transfer);

#endif
