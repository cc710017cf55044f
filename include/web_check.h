/* An HTTP(S) check, and what came of it: the values that the collector and udpwatch-web share. */
#ifndef UDPWATCH_WEB_CHECK_H
#define UDPWATCH_WEB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum web_family { WEB_FAMILY_ANY, WEB_FAMILY_IPV4, WEB_FAMILY_IPV6, WEB_FAMILIES };

/* Its name in the configuration. */
const char *web_family_name(enum web_family family);

/* Status codes from first to last. */
struct web_statuses {
    unsigned int first, last;
};

enum { WEB_STATUSES_MAX = 16 };

/* One [web] section. All strings and the array of headers belong to it: web_check_free. */
struct web_check {
    char *name;
    char *url;        /* may hold secrets: not to be shown */
    char *shown_url;  /* the same without userinfo, query and fragment */
    int64_t interval; /* nanoseconds */
    int64_t timeout;  /* nanoseconds */
    bool verify;      /* the certificate and its name */
    bool head;        /* HEAD, not GET */
    bool follow_redirects;
    enum web_family family;
    struct web_statuses statuses[WEB_STATUSES_MAX]; /* those that are right */
    size_t status_count;
    char **headers; /* "NAME: VALUE"; the values may be secrets */
    size_t header_count;
    char *body_contains; /* NULL: the body does not matter */
    char *ca_file;       /* NULL: the host's certificate authorities */
};

/* Release what it owns. */
void web_check_free(struct web_check *check);

/* What became of one run. */
enum web_cause {
    WEB_OK,
    WEB_DNS,     /* no address was found for the name, or not in time */
    WEB_CONNECT, /* no connection, or it broke before an answer */
    WEB_TLS,     /* no encrypted connection, or a certificate that is not right */
    WEB_TIMEOUT, /* not over in time */
    WEB_STATUS,  /* another status than is expected, or none that can be understood */
    WEB_BODY,    /* the body lacks what it should contain, or broke off */
    WEB_CAUSES
};

/* Its name in metrics, JSON and tables. */
const char *web_cause_name(enum web_cause cause);

/* The parts of the time that it took; what is left of it is the body's. */
enum web_phase {
    WEB_PHASE_DNS,
    WEB_PHASE_CONNECT,
    WEB_PHASE_TLS,
    WEB_PHASE_FIRST_BYTE,
    WEB_PHASES
};

/* Its name, as above. */
const char *web_phase_name(enum web_phase phase);

enum { WEB_REASON_SIZE = 256 };

struct web_result {
    enum web_cause cause;
    unsigned int status_code;     /* of the last answer that came; 0: none did */
    int64_t end;                  /* CLOCK_BOOTTIME, nanoseconds: when it was over */
    int64_t duration;             /* microseconds */
    int64_t phases[WEB_PHASES];   /* microseconds; -1: it did not come to that */
    int64_t certificate_expiry;   /* Unix time; 0: there was no certificate, or it is not known */
    char reason[WEB_REASON_SIZE]; /* for people: one printable line, empty when all is right */
};

#endif
