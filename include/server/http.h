/* HTTP, by civetweb: every request is answered here, none by civetweb's own file serving. */
#ifndef UDPWATCH_HTTP_H
#define UDPWATCH_HTTP_H

#include <stddef.h>

struct auth;
struct http;
struct requests;

/* Bind and start the threads; every request waits until http_serve.
 *
 * listen: ADDR:PORT, comma-separated. allow: CIDRs that may connect, comma-separated. requests:
 * asked for what only the collector knows. auth: asked whether a request has the right password;
 * NULL: none is needed. Both must outlive the server. reason: where to say why it failed. Returns 0
 * and the server, or -EIO with the reason. */
int http_start(struct http **http, const char *listen, const char *allow, struct requests *requests,
               struct auth *auth, char *reason, size_t size);

/* From now on answer. */
void http_serve(struct http *http);

/* End all connections and threads. */
void http_stop(struct http *http);

#endif
