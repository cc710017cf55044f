/* The JSON of a look, and what must be in it. cmocka.h is included before. */
#ifndef UDPWATCH_JSON_ASSERTIONS_H
#define UDPWATCH_JSON_ASSERTIONS_H

#include <jansson.h>

#include "json_schema.h"
#include "report/report.h"

static inline json_t *json_of(const struct look *look)
{
    struct text text = {0};
    json_t *root;

    report_json(look, &text);
    assert_false(text.failed);
    root = json_loads(text.bytes, 0, NULL);
    assert_non_null(root);
    text_free(&text);
    return root;
}

/* The document against doc/status.schema.json; tests run where the Makefile lies. */
static inline void assert_as_documented(json_t *root)
{
    struct schema_place place = {.root = json_load_file("doc/status.schema.json", 0, NULL),
                                 .path = "status"};

    assert_non_null(place.root);
    assert_true(schema_holds(&place, place.root, root));
    json_decref(place.root);
}

static inline void assert_number(json_t *object, const char *name, double expected)
{
    json_t *value = json_object_get(object, name);

    if (!json_is_number(value) || json_number_value(value) != expected)
        fail_msg("%s is not %g", name, expected);
}

static inline void assert_json_null(json_t *object, const char *name)
{
    if (!json_is_null(json_object_get(object, name)))
        fail_msg("%s is not null", name);
}

#endif
