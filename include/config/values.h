/* The values of the configuration's keys. Each function reads one value and returns whether it is
 * right; if not, each thing wrong with it is reported at the place and the result is not touched.
 * A value is never empty. Strings that are handed out belong to the caller. */
#ifndef UDPWATCH_CONFIG_VALUES_H
#define UDPWATCH_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/messages.h"

/* These keep listen and allow within one message of the channel (CHANNEL_TEXT_SIZE). */
enum { CONFIG_LISTEN_MAX = 16, CONFIG_ALLOW_MAX = 160 };
enum { CONFIG_SOCKETS_MAX = 1000000 };

enum { CONFIG_ITEM_SIZE = 128 };

/* One item after the other of a comma-separated list. */
struct config_list {
    const char *rest; /* the list at first, NULL after its last item */
    char item[CONFIG_ITEM_SIZE];
};

/* Cut off the next item, without the blanks around it, into list->item; one that is longer is cut,
 * and longer than any that is right. Returns false after the last. */
bool config_list_next(struct config_list *list);

/* Read a decimal number without sign or leading zero, at most max. Reports nothing.
 * Returns where it ends, or NULL when there is none or it is above max. */
const char *config_digits(const char *text, uint64_t max, uint64_t *number);

/* Any string. */
bool config_value_string(const char *value, char **string, const struct config_place *place);

/* A count of sockets. */
bool config_value_max_sockets(const char *value, size_t *count, const struct config_place *place);

/* Bytes, plain or in KiB, MiB or GiB; at most INT_MAX, as setsockopt(2) takes an int. */
bool config_value_buffer(const char *value, uint64_t *bytes, const struct config_place *place);

/* What a duration may be: as text for people, and in milliseconds. */
struct config_duration_limits {
    const char *key;
    const char *shortest_text, *longest_text;
    uint64_t shortest, longest;
};

/* A whole number of ms, s, m or h, within limits; handed out in nanoseconds. */
bool config_value_duration(const char *value, int64_t *nanoseconds,
                           const struct config_duration_limits *limits,
                           const struct config_place *place);

/* Append it as it would be written, in the largest unit that is exact. */
void config_duration_print(struct text *text, int64_t nanoseconds);

/* An absolute path, there or not, or empty. */
bool config_value_state_dir(const char *value, char **directory, const struct config_place *place);

/* An absolute path, or nothing. What is there is config/auth_file.h's. */
bool config_value_auth_file(const char *value, char **file, const struct config_place *place);

/* An http or https URL: handed out as it is, and without userinfo, query and fragment. What is
 * reported has nothing of it, as those can be secrets. */
bool config_value_url(const char *value, char **url, char **shown_url,
                      const struct config_place *place);

/* Status codes and ranges of them, by commas. */
bool config_value_statuses(const char *value, struct web_statuses statuses[WEB_STATUSES_MAX],
                           size_t *count, const struct config_place *place);

/* "NAME: VALUE" of an HTTP header; no message has anything of the value. */
bool config_value_header(const char *value, char **header, const struct config_place *place);

/* The path of a file that is there. */
bool config_value_ca_file(const char *value, char **file, const struct config_place *place);

/* yes or no. */
bool config_value_yes(const char *value, bool *yes, const struct config_place *place);

/* expected or all. */
bool config_value_scope(const char *value, enum config_scope *scope,
                        const struct config_place *place);

/* error, warning, info or debug. */
bool config_value_log_level(const char *value, enum log_level *level,
                            const struct config_place *place);

/* IPv4 ADDR:PORT, several by commas, as civetweb's listening_ports wants them. */
bool config_value_listen(const char *value, char **listen, const struct config_place *place);

/* IPv4 networks by commas, each written as ADDR/LENGTH. */
bool config_value_allow(const char *value, char **allow, const struct config_place *place);

/* A directory that is there; relative only from the command line, then made absolute. */
bool config_value_procfs(const char *value, char **directory, const struct config_place *place);

/* A process's name: no path. */
bool config_value_process(const char *value, char **process, const struct config_place *place);

/* The full name of a systemd unit that can have processes. */
bool config_value_unit(const char *value, char **unit, const struct config_place *place);

#endif
