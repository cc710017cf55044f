#include "config/config.h"

#include <string.h>

#include "config/build.h"
#include "config/files.h"
#include "config/ports.h"
#include "config/reader.h"
#include "config/values.h"

struct config *config_load(const struct config_overrides *overrides, struct text *messages)
{
    struct config_messages collected = {0};
    struct config_draft draft;
    const char *file = overrides->file ? overrides->file : CONFIG_DEFAULT_FILE;
    config_draft_start(&draft, &collected);
    if (!overrides->no_files)
        config_files_read(&draft, file, !overrides->file);
    struct config *config = config_build(&draft, overrides);
    if (!config_messages_write(&collected, messages)) {
        config_free(config);
        config = NULL;
    }
    config_draft_free(&draft);
    config_messages_free(&collected);
    return config;
}

static void print_duration(struct text *text, const char *key, int64_t nanoseconds)
{
    text_print(text, "%-11s = ", key);
    config_duration_print(text, nanoseconds);
    text_append(text, "\n");
}

/* One key. The blanks are left out where they could make the line too long to be read again. */
static void print_value(struct text *text, const char *key, const char *value)
{
    text_print(text, strlen(value) < CONFIG_LINE_MAX - 20 ? "%-11s = %s\n" : "%s=%s\n", key, value);
}

static void print_agent(const struct config *config, struct text *text)
{
    text_append(text, "[agent]\n");
    print_value(text, "listen", config->listen);
    print_value(text, "allow", config->allow);
    print_value(text, "auth_file", config->auth_file);
    print_duration(text, "sample_interval", config->sample_interval);
    print_duration(text, "peak_window", config->peak_window);
    print_value(text, "scope", config->scope == SCOPE_ALL ? "all" : "expected");
    text_print(text, "max_sockets = %zu\n", config->max_sockets);
    print_value(text, "state_dir", config->state_dir);
    print_value(text, "procfs", config->procfs);
    print_value(text, "log_level", log_level_name(config->log_level));
}

/* Print the ports of one receiver, which begin at index; returns the index behind them. */
static size_t print_ports(const struct config *config, size_t index, struct text *text)
{
    const struct receiver *receiver = config->ports[index].receiver;
    struct config_port_writer writer = {.text = text,
                                        .separator = ", ",
                                        .new_line = "\nports       = ",
                                        .line_start = text->length};
    text_append(text, "ports       = ");
    for (; index < config->port_count && config->ports[index].receiver == receiver; index++) {
        const struct expected_port *port = &config->ports[index];
        config_port_writer_add(
            &writer,
            &(struct config_port_range){port->any_address, port->address, port->port, port->port});
    }
    config_port_writer_end(&writer);
    text_append(text, "\n");
    return index;
}

static void print_criteria(const struct receiver *receiver, struct text *text)
{
    if (receiver->process)
        print_value(text, "process", receiver->process);
    if (receiver->cmdline)
        print_value(text, "cmdline", receiver->cmdline);
    if (receiver->unit)
        print_value(text, "unit", receiver->unit);
    if (receiver->user)
        print_value(text, "user", receiver->user);
    if (receiver->buffer > 0)
        text_print(text, "buffer      = %ju\n", (uintmax_t)receiver->buffer);
    print_value(text, "required", receiver->required ? "yes" : "no");
}

static void print_statuses(const struct web_check *check, struct text *text)
{
    text_append(text, "status      = ");
    for (size_t i = 0; i < check->status_count; i++) {
        const struct web_statuses *statuses = &check->statuses[i];
        text_print(text, "%s%u", i ? ", " : "", statuses->first);
        if (statuses->last > statuses->first)
            text_print(text, "-%u", statuses->last);
    }
    text_append(text, "\n");
}

/* What can be a secret is not shown, and where it was left out that is said. As with print_value a
 * line must not become longer than it was. */
static void print_headers(const struct web_check *check, struct text *text)
{
    for (size_t i = 0; i < check->header_count; i++) {
        int length = (int)strcspn(check->headers[i], ":");
        text_append(text, "; its value is not shown\n");
        text_print(text,
                   length < CONFIG_LINE_MAX - 20 ? "header      = %.*s: ...\n" : "header=%.*s:.\n",
                   length, check->headers[i]);
    }
}

static void print_web_check(const struct web_check *check, struct text *text)
{
    text_print(text, "\n[web %s]\n", check->name);
    if (strcmp(check->url, check->shown_url) != 0)
        text_append(text, "; its user, password, query and fragment are not shown\n");
    print_value(text, "url", check->shown_url);
    print_duration(text, "interval", check->interval);
    print_duration(text, "timeout", check->timeout);
    print_value(text, "verify", check->verify ? "yes" : "no");
    print_statuses(check, text);
    print_value(text, "method", check->head ? "HEAD" : "GET");
    print_headers(check, text);
    print_value(text, "follow_redirects", check->follow_redirects ? "yes" : "no");
    if (check->body_contains)
        print_value(text, "body_contains", check->body_contains);
    if (check->ca_file)
        print_value(text, "ca_file", check->ca_file);
    print_value(text, "resolve_family", web_family_name(check->family));
}

void config_print(const struct config *config, struct text *text)
{
    print_agent(config, text);
    size_t port = 0;
    for (size_t i = 0; i < config->receiver_count; i++) {
        text_print(text, "\n[receiver %s]\n", config->receivers[i].name);
        if (port < config->port_count && config->ports[port].receiver == &config->receivers[i])
            port = print_ports(config, port, text);
        print_criteria(&config->receivers[i], text);
    }
    for (size_t i = 0; i < config->web_check_count; i++)
        print_web_check(&config->web_checks[i], text);
}
