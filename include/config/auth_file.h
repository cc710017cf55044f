/* The file of auth_file: one user on each line, "USER:HASH", the hash as htpasswd -B writes it. */
#ifndef UDPWATCH_CONFIG_AUTH_FILE_H
#define UDPWATCH_CONFIG_AUTH_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/draft.h"

enum { CONFIG_AUTH_BYTES_MAX = 256 * 1024, CONFIG_USERS_MAX = 1000 };
enum { CONFIG_USER_LENGTH_MAX = 255 };
enum { CONFIG_COST_MIN = 4, CONFIG_COST_MAX = 16 };

/* Read the file that the draft names into the users of its [agent], and report all that is wrong
 * with it. No message has anything of a line, as that can be a password. */
void config_auth_file_read(struct config_draft *draft);

/* Read the bytes of such a file, which need no NUL at their end, and append "USER:HASH\n" for each
 * user, with neither comments nor blanks. What is wrong is reported at the lines of the file.
 * Returns whether nothing was, and there is a user. */
bool config_auth_file_parse(const char *bytes, size_t length, const struct config_place *file,
                            struct text *users);

#endif
