/* The directory that the ledger's file lies in: read, replaced as a whole, or set aside. Nothing is
 * logged here. */
#ifndef UDPWATCH_LEDGER_DIRECTORY_H
#define UDPWATCH_LEDGER_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

#include "text.h"

/* The file's name in it. */
#define LEDGER_NAME "ledger"

struct ledger_directory;

/* Open it, made where only it is missing, and lock it. name: used until ledger_directory_close; not
 * owned. Returns 0 and the directory, which ledger_directory_close releases; or -errno:
 * -EWOULDBLOCK when somebody else has locked it. */
int ledger_directory_open(struct ledger_directory **directory, const char *name);

/* NULL is allowed. */
void ledger_directory_close(struct ledger_directory *directory);

/* Have what this call of ledger_directory_open made belong to that user. Returns 0, or -errno. */
int ledger_directory_give(const struct ledger_directory *directory, uid_t user, gid_t group);

/* Read the file. Returns 0 with the text; -ENOENT when there is none, or an empty one, as
 * ledger_directory_write leaves it; -EBADMSG when it is no file or too large; or another -errno. */
int ledger_directory_read(const struct ledger_directory *directory, struct text *text);

/* Replace the file by this text. Where that fails, as with a text that has failed, the one there is
 * removed, or emptied, as it is older than what will be served. to_disk: no older one may be found
 * after a power failure. left: set when it could not be removed either. Returns 0; -ESTALE when the
 * directory's name no longer leads to the one that is held open, which is kept up to date all the
 * same, as it may be moved back; or another -errno. */
int ledger_directory_write(const struct ledger_directory *directory, const struct text *text,
                           bool to_disk, bool *left);

/* Give the file another name. Returns 0, or -errno. */
int ledger_directory_set_aside(const struct ledger_directory *directory, const char *name);

#endif
