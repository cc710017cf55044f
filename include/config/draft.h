/* The configuration while its files are read: values with the places where they stand, which the
 * checks of the whole need and the finished configuration does not. */
#ifndef UDPWATCH_CONFIG_DRAFT_H
#define UDPWATCH_CONFIG_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/messages.h"

/* Twice all ports: a list of ranges is short, but what it names has to fit in memory. */
enum { CONFIG_PORTS_MAX = 131072 };
/* Each check that runs has a socket, and a thread while a name is looked up. */
enum { CONFIG_WEB_CHECKS_MAX = 1000 };
enum { CONFIG_AGENT_KEYS = 10, CONFIG_RECEIVER_KEYS = 7, CONFIG_WEB_KEYS = 11 };
/* Of those of [web]. */
enum { CONFIG_KEY_URL = 0, CONFIG_KEY_BODY_CONTAINS = 8 };
/* Of those of [agent]. */
enum { CONFIG_KEY_AUTH_FILE = 2, CONFIG_KEY_SAMPLE_INTERVAL = 3, CONFIG_KEY_PEAK_WINDOW = 4 };

/* In a place that is not set, the line is 0. */
struct config_draft_receiver {
    struct receiver receiver;
    struct config_place header;
    struct config_place keys[CONFIG_RECEIVER_KEYS]; /* where each stands */
    bool is_filebeat; /* unless another is given, the process is filebeat */
    bool is_damaged;  /* a line of it could not be read, so nothing is missing for sure */
};

struct config_draft_web {
    struct web_check check;
    struct config_place header;
    struct config_place keys[CONFIG_WEB_KEYS]; /* where each stands */
    bool is_damaged;                           /* as above */
};

struct config_draft_port {
    size_t receiver; /* its index */
    bool any_address;
    struct address address;
    uint16_t port;
    struct config_place place;
};

enum config_draft_section {
    SECTION_NONE,
    SECTION_UNKNOWN,
    SECTION_AGENT,
    SECTION_RECEIVER,
    SECTION_WEB
};

/* It owns all strings and arrays but the messages. */
struct config_draft {
    struct config_messages *messages;
    struct config agent; /* the values of [agent]; no receivers and ports */
    struct config_place agent_header;
    struct config_place agent_keys[CONFIG_AGENT_KEYS];
    struct config_draft_receiver *receivers;
    size_t receiver_count;
    size_t receiver_capacity;
    struct config_draft_web *webs;
    size_t web_count;
    size_t web_capacity;
    struct config_draft_port *ports; /* grouped by receiver */
    size_t port_count;
    size_t port_capacity;
    bool is_full;                      /* CONFIG_PORTS_MAX was reported */
    enum config_draft_section section; /* the one being read */
    struct config_place file;          /* the file being read */
};

/* An empty draft with the built-in defaults; messages outlive it. */
void config_draft_start(struct config_draft *draft, struct config_messages *messages);

/* Read the bytes of one INI file and report what is wrong with each line.
 * name is what the messages call it. */
void config_draft_read(struct config_draft *draft, const char *name, const char *bytes,
                       size_t length);

/* Release what it owns. */
void config_draft_free(struct config_draft *draft);

#endif
