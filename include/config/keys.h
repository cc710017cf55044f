/* The keys of the sections, and what each does with its value. */
#ifndef UDPWATCH_CONFIG_KEYS_H
#define UDPWATCH_CONFIG_KEYS_H

#include "config/draft.h"
#include "text.h"

/* A key of a section: set reads a value that is not empty into the draft. */
struct config_key {
    const char *name;
    void (*set)(struct config_draft *draft, const char *value, const struct config_place *place);
    const char *example;
    bool may_repeat;
    bool may_be_empty;
};

/* Those of [web]. See web_keys.c. */
extern const struct config_key config_web_keys[CONFIG_WEB_KEYS];

/* Take "key = value" of the section that is being read; reports what is wrong. */
void config_keys_take(struct config_draft *draft, const char *key, const char *value,
                      const struct config_place *place);

/* Append "; did you mean X?" when one of count words is nearly word. */
void config_suggest(struct text *text, const char *word, const char *const *words, size_t count);

#endif
