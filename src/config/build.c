#include "config/build.h"

#include <stdlib.h>
#include <string.h>

#include "config/auth_file.h"
#include "config/check.h"
#include "config/values.h"

/* Release a value of the files that the command line replaces. */
static void discard(char **string)
{
    free(*string);
    *string = NULL;
}

/* The values of the command line go before those of the files. */
static void apply_overrides(struct config_draft *draft, const struct config_overrides *overrides)
{
    struct config *agent = &draft->agent;
    agent->fast_paths = overrides->fast_paths;
    if (overrides->procfs) {
        struct config_place place = config_messages_add_file(draft->messages, "--procfs");
        discard(&agent->procfs);
        config_value_procfs(overrides->procfs, &agent->procfs, &place);
    }
    if (overrides->listen) {
        struct config_place place = config_messages_add_file(draft->messages, "--listen");
        discard(&agent->listen);
        config_value_listen(overrides->listen, &agent->listen, &place);
    }
    if (overrides->log_level) {
        struct config_place place = config_messages_add_file(draft->messages, "--log-level");
        config_value_log_level(overrides->log_level, &agent->log_level, &place);
    }
}

/* Set a string that nothing was said about. */
static void set_default(struct config_draft *draft, char **string, const char *value)
{
    if (!*string)
        *string = strdup(value);
    if (!*string)
        draft->messages->failed = true;
}

static void apply_defaults(struct config_draft *draft)
{
    set_default(draft, &draft->agent.listen, "0.0.0.0:9117");
    set_default(draft, &draft->agent.allow, "0.0.0.0/0");
    set_default(draft, &draft->agent.auth_file, "");
    set_default(draft, &draft->agent.procfs, "/proc");
    set_default(draft, &draft->agent.state_dir, "/var/lib/udpwatch");
    for (size_t i = 0; i < draft->receiver_count; i++) {
        if (draft->receivers[i].is_filebeat)
            set_default(draft, &draft->receivers[i].receiver.process, "filebeat");
    }
    if (draft->receiver_count == 0)
        draft->agent.scope = SCOPE_ALL;
}

/* Hand the receivers over to the configuration, whose array is there. */
static void move_receivers(struct config_draft *draft, struct config *config)
{
    for (size_t i = 0; i < draft->receiver_count; i++)
        config->receivers[i] = draft->receivers[i].receiver;
    config->receiver_count = draft->receiver_count;
    draft->receiver_count = 0;
}

static void move_web_checks(struct config_draft *draft, struct config *config)
{
    for (size_t i = 0; i < draft->web_count; i++)
        config->web_checks[i] = draft->webs[i].check;
    config->web_check_count = draft->web_count;
    draft->web_count = 0;
}

static void copy_ports(const struct config_draft *draft, struct config *config)
{
    for (size_t i = 0; i < draft->port_count; i++) {
        const struct config_draft_port *port = &draft->ports[i];
        config->ports[i] = (struct expected_port){.receiver = &config->receivers[port->receiver],
                                                  .any_address = port->any_address,
                                                  .address = port->address,
                                                  .port = port->port};
    }
    config->port_count = draft->port_count;
}

/* Make the configuration of a draft without errors. Returns NULL when there is no memory. */
static struct config *convert(struct config_draft *draft)
{
    struct config *config = malloc(sizeof *config);
    struct receiver *receivers = calloc(draft->receiver_count + 1, sizeof *receivers);
    struct expected_port *ports = calloc(draft->port_count + 1, sizeof *ports);
    struct web_check *web_checks = calloc(draft->web_count + 1, sizeof *web_checks);
    if (!config || !receivers || !ports || !web_checks) {
        draft->messages->failed = true;
        free(config);
        free(receivers);
        free(ports);
        free(web_checks);
        return NULL;
    }
    *config = draft->agent;
    draft->agent = (struct config){0};
    config->receivers = receivers;
    config->ports = ports;
    config->web_checks = web_checks;
    copy_ports(draft, config);
    move_receivers(draft, config);
    move_web_checks(draft, config);
    return config;
}

struct config *config_build(struct config_draft *draft, const struct config_overrides *overrides)
{
    apply_overrides(draft, overrides);
    apply_defaults(draft);
    if (overrides->reads_users && draft->agent.auth_file && *draft->agent.auth_file)
        config_auth_file_read(draft);
    set_default(draft, &draft->agent.users, "");
    config_check(draft);
    if (draft->agent.procfs)
        config_check_client_ports(draft, draft->agent.procfs);
    if (draft->messages->errors > 0 || draft->messages->failed)
        return NULL;
    return convert(draft);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->receiver_count; i++) {
        struct receiver *receiver = &config->receivers[i];
        free(receiver->name);
        free(receiver->process);
        free(receiver->cmdline);
        free(receiver->unit);
        free(receiver->user);
    }
    for (size_t i = 0; i < config->web_check_count; i++)
        web_check_free(&config->web_checks[i]);
    free(config->web_checks);
    free(config->receivers);
    free(config->ports);
    free(config->listen);
    free(config->allow);
    free(config->auth_file);
    free(config->users);
    free(config->procfs);
    free(config->state_dir);
    free(config);
}
