/* The configuration: read from INI files, checked as a whole, never changed afterwards. */
#ifndef UDPWATCH_CONFIG_H
#define UDPWATCH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "fast_path.h"
#include "log.h"
#include "text.h"
#include "web_check.h"

#define CONFIG_DEFAULT_FILE "/etc/udpwatch/udpwatch.ini"

enum config_scope { SCOPE_EXPECTED, SCOPE_ALL };

/* A program instance that should listen on named UDP ports. Criteria that are not given are NULL
 * (has_user false); with none given, any holder is right. */
struct receiver {
    char *name;
    char *process; /* a name as in /proc/PID/comm, or the basename of the executable */
    char *cmdline; /* a glob on the arguments joined by one space */
    char *unit;    /* a systemd unit */
    char *user;    /* as written in the config */
    bool has_user; /* user is known, and is: */
    uid_t uid;
    uint64_t buffer; /* bytes the application asks for; 0: not given */
    bool required;
};

/* One (receiver, address, port) that the config names, in the order of the files. */
struct expected_port {
    const struct receiver *receiver;
    bool any_address;       /* no address was named: "*" */
    struct address address; /* valid unless any_address */
    uint16_t port;
};

/* So many samples peak_window should hold: the lowest of fewer tells little of a reader. */
enum { CONFIG_WINDOW_SAMPLES = 10 };

/* All strings and arrays belong to the config; config_free releases them. */
struct config {
    char *listen;            /* as civetweb's listening_ports wants it: "127.0.0.1:9117,..." */
    char *allow;             /* comma-separated CIDRs, checked and normalised */
    char *auth_file;         /* who may ask for what; "": everybody */
    char *users;             /* what it holds, see config/auth_file.h; "": none, or not read */
    enum config_scope scope; /* SCOPE_ALL as well while no receiver is configured */
    size_t max_sockets;
    int64_t sample_interval; /* nanoseconds: the look between scrapes */
    int64_t peak_window;     /* nanoseconds: over which the queue's peak and low are told */
    char *state_dir;         /* where the ledger is kept; "": nothing is kept over a restart */
    char *procfs;
    enum log_level log_level;
    struct fast_paths fast_paths; /* of the command line; no file names them */
    struct receiver *receivers;
    size_t receiver_count;
    struct expected_port *ports; /* grouped by receiver, in the order of the config */
    size_t port_count;
    struct web_check *web_checks; /* in the order of the files */
    size_t web_check_count;
};

/* What the command line overrides: NULL where it says nothing. They live as long as the program. */
struct config_overrides {
    bool no_files;    /* read no file at all: the built-in defaults */
    bool reads_users; /* read auth_file too: for those who may, as it is secret */
    const char *file; /* --config; NULL: the default file, which may be missing */
    const char *procfs;
    const char *listen;
    const char *log_level;
    struct fast_paths fast_paths;
};

/* Read the file, and every conf.d/NAME.ini beside it in the order of names, and check all of it.
 *
 * messages gets one line for each error ("FILE:LINE: what is wrong; what would be right") and each
 * warning ("FILE:LINE: warning: ..."), in the order of files and lines.
 * Returns the config, which the caller frees, or NULL when there was any error. */
struct config *config_load(const struct config_overrides *overrides, struct text *messages);

/* The first error of what config_load said, as one line without its end, into line; where more
 * follow it, that is said too. */
void config_first_error(const struct text *messages, struct text *line);

/* Print what was understood, as an INI that reads the same, into text. */
void config_print(const struct config *config, struct text *text);

/* Release it; NULL is allowed. */
void config_free(struct config *config);

#endif
