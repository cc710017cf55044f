/* Holds a JSON document against a schema, of the few keywords that doc/status.schema.json uses: any
 * other is a failure, not passed over. */
#ifndef UDPWATCH_JSON_SCHEMA_H
#define UDPWATCH_JSON_SCHEMA_H

#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

/* The schema as a whole, for its definitions, and where the value lies in the document. */
struct schema_place {
    json_t *root;
    char path[200];
};

static bool schema_holds(const struct schema_place *place, json_t *schema, json_t *value);

static bool schema_complain(const struct schema_place *place, const char *what, const char *name)
{
    fprintf(stderr, "%s: %s %s\n", place->path, what, name);
    return false;
}

static bool schema_is_type(const char *type, json_t *value)
{
    static const struct {
        const char *name;
        json_type type;
    } types[] = {{"object", JSON_OBJECT},   {"array", JSON_ARRAY},   {"string", JSON_STRING},
                 {"integer", JSON_INTEGER}, {"number", JSON_REAL},   {"number", JSON_INTEGER},
                 {"boolean", JSON_TRUE},    {"boolean", JSON_FALSE}, {"null", JSON_NULL}};

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (strcmp(types[i].name, type) == 0 && types[i].type == json_typeof(value))
            return true;
    return false;
}

static bool schema_type(json_t *type, json_t *value)
{
    json_t *each;
    size_t i;

    if (json_is_string(type))
        return schema_is_type(json_string_value(type), value);
    json_array_foreach(type, i,
                       each) if (schema_is_type(json_string_value(each), value)) return true;
    return false;
}

static bool schema_enum(json_t *allowed, json_t *value)
{
    json_t *each;
    size_t i;

    json_array_foreach(allowed, i, each) if (json_equal(each, value)) return true;
    return false;
}

static bool schema_pattern(const char *pattern, const char *string)
{
    regex_t expression;
    bool holds;

    if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB))
        return false;
    holds = regexec(&expression, string, 0, NULL, 0) == 0;
    regfree(&expression);
    return holds;
}

static bool schema_child(const struct schema_place *place, json_t *schema, json_t *value,
                         const char *name)
{
    struct schema_place child = {.root = place->root};

    snprintf(child.path, sizeof(child.path), "%.150s/%.40s", place->path, name);
    return schema_holds(&child, schema, value);
}

static bool schema_items(const struct schema_place *place, json_t *schema, json_t *array)
{
    bool holds = true;
    json_t *each;
    size_t i;

    json_array_foreach(array, i, each)
    {
        char name[24];

        snprintf(name, sizeof(name), "%zu", i);
        holds &= schema_child(place, schema, each, name);
    }
    return holds;
}

/* additionalProperties is false everywhere in the schema. */
static bool schema_properties(const struct schema_place *place, json_t *properties, json_t *object)
{
    bool holds = true;
    const char *name;
    json_t *each;

    json_object_foreach(object, name, each)
    {
        json_t *schema = json_object_get(properties, name);

        holds &= schema ? schema_child(place, schema, each, name)
                        : schema_complain(place, "is not in the schema:", name);
    }
    return holds;
}

static bool schema_required(const struct schema_place *place, json_t *names, json_t *object)
{
    bool holds = true;
    json_t *each;
    size_t i;

    if (!json_is_object(object))
        return true;
    json_array_foreach(names, i, each) if (!json_object_get(object, json_string_value(each)))
        holds = schema_complain(place, "lacks", json_string_value(each));
    return holds;
}

static bool schema_reference(const struct schema_place *place, const char *reference, json_t *value)
{
    static const char prefix[] = "#/definitions/";
    json_t *definitions = json_object_get(place->root, "definitions");
    json_t *schema = json_object_get(definitions, reference + strlen(prefix));

    if (strncmp(reference, prefix, strlen(prefix)) != 0 || !schema)
        return schema_complain(place, "no such definition:", reference);
    return schema_holds(place, schema, value);
}

static bool schema_keyword(const struct schema_place *place, const char *keyword, json_t *argument,
                           json_t *value)
{
    static const char *const notes[] = {"$schema", "title", "description", "definitions"};

    for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
        if (strcmp(keyword, notes[i]) == 0)
            return true;
    if (strcmp(keyword, "$ref") == 0)
        return schema_reference(place, json_string_value(argument), value);
    if (strcmp(keyword, "type") == 0)
        return schema_type(argument, value);
    if (strcmp(keyword, "enum") == 0)
        return schema_enum(argument, value);
    if (strcmp(keyword, "minimum") == 0)
        return !json_is_number(value) || json_number_value(value) >= json_number_value(argument);
    if (strcmp(keyword, "maximum") == 0)
        return !json_is_number(value) || json_number_value(value) <= json_number_value(argument);
    if (strcmp(keyword, "pattern") == 0)
        return !json_is_string(value) ||
               schema_pattern(json_string_value(argument), json_string_value(value));
    if (strcmp(keyword, "items") == 0)
        return schema_items(place, argument, value);
    if (strcmp(keyword, "properties") == 0)
        return schema_properties(place, argument, value);
    if (strcmp(keyword, "required") == 0)
        return schema_required(place, argument, value);
    if (strcmp(keyword, "additionalProperties") == 0)
        return json_is_false(argument);
    return false;
}

/* Whether the value is as the schema says; what is not is said on stderr. */
static bool schema_holds(const struct schema_place *place, json_t *schema, json_t *value)
{
    bool holds = true;
    const char *keyword;
    json_t *argument;

    if (json_object_get(schema, "properties") && !json_object_get(schema, "additionalProperties"))
        return schema_complain(place, "leaves open", "additionalProperties");
    json_object_foreach(schema, keyword,
                        argument) if (!schema_keyword(place, keyword, argument, value)) holds =
        schema_complain(place, "is not as the schema says:", keyword);
    return holds;
}

#endif
