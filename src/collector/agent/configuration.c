#include "collector/agent/configuration.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "text.h"

struct configuration {
    struct config *config; /* in force */
    struct config_overrides overrides;
    struct text messages; /* of the last reading */
    struct text refusal;  /* why that was refused */
    bool refused;
    double accepted; /* Unix time in seconds */
};

/* A default file may be missing from the start, but one that was there must not vanish without an
 * error: all its receivers would vanish with it. */
static void pin_default_file(struct config_overrides *overrides)
{
    if (!overrides->file && access(CONFIG_DEFAULT_FILE, F_OK) == 0)
        overrides->file = CONFIG_DEFAULT_FILE;
}

int configuration_open(struct configuration **configuration, struct config *config,
                       const struct config_overrides *overrides)
{
    struct configuration *made = calloc(1, sizeof(*made));

    if (!made) {
        config_free(config);
        return -ENOMEM;
    }
    made->config = config;
    made->overrides = *overrides;
    made->accepted = clock_unix_time();
    pin_default_file(&made->overrides);
    if (!made->overrides.file)
        log_info("there is no " CONFIG_DEFAULT_FILE ": the built-in defaults hold, and every "
                 "listener is shown");
    *configuration = made;
    return 0;
}

void configuration_close(struct configuration *configuration)
{
    if (!configuration)
        return;
    config_free(configuration->config);
    text_free(&configuration->messages);
    text_free(&configuration->refusal);
    free(configuration);
}

const struct config *configuration_in_force(const struct configuration *configuration)
{
    return configuration->config;
}

static const char *string_of(const struct text *text, const char *otherwise)
{
    return text->bytes && !text->failed ? text->bytes : otherwise;
}

static const char *why_refused(const struct configuration *configuration)
{
    return string_of(&configuration->refusal, "out of memory");
}

/* As its refusal says. */
static void stay(struct configuration *configuration)
{
    text_free(&configuration->messages);
    configuration->refused = true;
    log_error("the configuration was not reloaded, the one in force stays: %s",
              why_refused(configuration));
}

struct config *configuration_read(struct configuration *configuration)
{
    struct config *config;

    text_free(&configuration->refusal);
    config = config_load(&configuration->overrides, &configuration->messages);
    if (!config) {
        /* One line, however many errors there are: check-config lists them. */
        config_first_error(&configuration->messages, &configuration->refusal);
        stay(configuration);
    }
    return config;
}

void configuration_accept(struct configuration *configuration, struct config *config)
{
    config_free(configuration->config);
    configuration->config = config;
    log_set_level(config->log_level);
    log_warning_lines(string_of(&configuration->messages, ""));
    log_info("the configuration was reloaded: %zu receivers, %zu expected ports",
             config->receiver_count, config->port_count);
    configuration->refused = false;
    configuration->accepted = clock_unix_time();
    pin_default_file(&configuration->overrides);
    text_free(&configuration->messages);
}

void configuration_refuse(struct configuration *configuration, struct config *config,
                          const char *why)
{
    config_free(config);
    text_append(&configuration->refusal, why);
    stay(configuration);
}

void configuration_tell(const struct configuration *configuration, struct service *service)
{
    const struct config *config = configuration->config;
    struct text status = {0};

    text_print(&status, "serves on %s: %zu receivers, %zu expected ports", config->listen,
               config->receiver_count, config->port_count);
    if (configuration->refused)
        text_print(&status, "; the configuration was not reloaded: %s", why_refused(configuration));
    service_ready(service, string_of(&status, "serves"));
    text_free(&status);
}

void configuration_history(const struct configuration *configuration, struct agent_history *history)
{
    history->reload_successful = !configuration->refused;
    history->reload_success_time = configuration->accepted;
}
