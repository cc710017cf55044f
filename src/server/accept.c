#include "server/accept.h"

#include <string.h>
#include <strings.h>

/* Longer than any value that is looked for: one that is cut equals none. */
enum { VALUE_SIZE = 16 };

/* One element of a list, such as text/plain;version=0.0.4;q=0.5 or gzip;q=1. */
struct element {
    const char *name;
    size_t length;
    unsigned int quality; /* in thousandths */
    char version[VALUE_SIZE];
    char charset[VALUE_SIZE];
};

/* Where the reading of the fields is. */
struct list {
    const char *const *fields;
    size_t count;
    const char *cursor; /* in the first of the fields; NULL: at its beginning */
};

/* How well an element fits a form; the best counts, whatever the order: RFC 9110, 12.5.1. */
enum rank { FITS_NOT, FITS_ALL, FITS_TYPE, FITS_OLD_VERSION, FITS_NAME, FITS_VERSION };

/* What the elements read so far say of a form. */
struct preference {
    enum rank rank;
    unsigned int quality;
};

static const char *skip_blanks(const char *cursor)
{
    return cursor + strspn(cursor, " \t");
}

/* RFC 9110, 5.6.2. */
static size_t token_length(const char *cursor)
{
    return strspn(cursor, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "abcdefghijklmnopqrstuvwxyz");
}

/* Of TYPE/SUBTYPE, or of a content coding. */
static size_t name_length(const char *cursor)
{
    size_t length = token_length(cursor);
    return cursor[length] == '/' ? length + 1 + token_length(cursor + length + 1) : length;
}

/* Returns what follows the value, a token or a quoted string; NULL when there is none. */
static const char *read_value(const char *cursor, char value[static VALUE_SIZE])
{
    size_t token = token_length(cursor);
    size_t length = 0;
    if (*cursor != '"') {
        memcpy(value, cursor, token < VALUE_SIZE ? token : VALUE_SIZE - 1);
        return token > 0 ? cursor + token : NULL;
    }
    for (cursor++; *cursor != '"'; cursor++) {
        if (*cursor == '\\')
            cursor++;
        if (*cursor == '\0')
            return NULL;
        if (length < VALUE_SIZE - 1)
            value[length++] = *cursor;
    }
    return cursor + 1;
}

/* Thousandths, or -1 for what is no qvalue: RFC 9110, 12.4.2. */
static int parse_quality(const char *value)
{
    if ((value[0] != '0' && value[0] != '1') || (value[1] != '.' && value[1] != '\0'))
        return -1;
    int quality = (value[0] - '0') * 1000;
    const char *digits = value[1] == '.' ? value + 2 : value + 1;
    int weight = 100;
    for (; *digits >= '0' && *digits <= '9' && weight > 0; digits++, weight /= 10)
        quality += (*digits - '0') * weight;
    return *digits == '\0' && quality <= 1000 ? quality : -1;
}

/* Returns whether the value is one that the parameter can have; others than these do not matter. */
static bool set_parameter(struct element *element, const char *name, size_t length,
                          const char *value)
{
    if (length == 1 && (*name == 'q' || *name == 'Q')) {
        int quality = parse_quality(value);
        element->quality = quality < 0 ? 0 : (unsigned int)quality;
        return quality >= 0;
    }
    if (length == 7 && strncasecmp(name, "version", length) == 0)
        memcpy(element->version, value, VALUE_SIZE);
    else if (length == 7 && strncasecmp(name, "charset", length) == 0)
        memcpy(element->charset, value, VALUE_SIZE);
    return true;
}

/* Returns what follows the parameter, NULL when it is malformed. One without a value is none. */
static const char *read_parameter(const char *cursor, struct element *element)
{
    char value[VALUE_SIZE] = "";
    const char *name = cursor;
    size_t length = token_length(cursor);
    cursor = skip_blanks(cursor + length);
    if (*cursor == '=')
        cursor = read_value(skip_blanks(cursor + 1), value);
    return cursor && set_parameter(element, name, length, value) ? cursor : NULL;
}

/* Returns what follows the element, a comma or the end; NULL when it is malformed. */
static const char *read_element(const char *cursor, struct element *element)
{
    *element = (struct element){.name = cursor, .length = name_length(cursor), .quality = 1000};
    cursor = skip_blanks(cursor + element->length);
    while (cursor && *cursor == ';') {
        cursor = read_parameter(skip_blanks(cursor + 1), element);
        if (cursor)
            cursor = skip_blanks(cursor);
    }
    return cursor && (*cursor == ',' || *cursor == '\0') ? cursor : NULL;
}

/* Returns the next comma that no quoted string hides, or the end. */
static const char *skip_element(const char *cursor)
{
    for (bool quoted = false; *cursor != '\0' && (quoted || *cursor != ','); cursor++) {
        if (*cursor == '"')
            quoted = !quoted;
        else if (quoted && *cursor == '\\' && cursor[1] != '\0')
            cursor++;
    }
    return cursor;
}

/* Returns false when there are no more. */
static bool next_element(struct list *list, struct element *element)
{
    while (list->count > 0) {
        const char *begin = list->cursor ? list->cursor : list->fields[0];
        begin += strspn(begin, ", \t");
        if (*begin == '\0') {
            list->fields++;
            list->count--;
            list->cursor = NULL;
            continue;
        }
        const char *end = read_element(begin, element);
        list->cursor = end ? end : skip_element(begin);
        if (end)
            return true;
    }
    return false;
}

static bool is_named(const struct element *element, const char *name)
{
    return strlen(name) == element->length &&
           strncasecmp(element->name, name, element->length) == 0;
}

static void prefer(struct preference *preference, enum rank rank, unsigned int quality)
{
    if (rank < preference->rank || rank == FITS_NOT)
        return;
    if (rank > preference->rank || quality > preference->quality)
        *preference = (struct preference){.rank = rank, .quality = quality};
}

/* old: a version that a reader of the sent one is sure to understand; NULL: none. */
static enum rank rank_version(const struct element *element, const char *version, const char *old)
{
    if (element->version[0] == '\0')
        return FITS_NAME;
    if (strcmp(element->version, version) == 0)
        return FITS_VERSION;
    return old && strcmp(element->version, old) == 0 ? FITS_OLD_VERSION : FITS_NOT;
}

static bool is_utf8(const struct element *element)
{
    return element->charset[0] == '\0' || strcasecmp(element->charset, "utf-8") == 0;
}

static enum rank rank_openmetrics(const struct element *element)
{
    if (is_named(element, "*/*"))
        return FITS_ALL;
    if (is_named(element, "application/*"))
        return FITS_TYPE;
    if (!is_named(element, "application/openmetrics-text") || !is_utf8(element))
        return FITS_NOT;
    return rank_version(element, "1.0.0", "0.0.1");
}

static enum rank rank_text(const struct element *element)
{
    if (is_named(element, "*/*"))
        return FITS_ALL;
    if (is_named(element, "text/*"))
        return FITS_TYPE;
    if (!is_named(element, "text/plain") || !is_utf8(element))
        return FITS_NOT;
    return rank_version(element, "0.0.4", NULL);
}

bool accept_openmetrics(const char *const *fields, size_t count)
{
    struct list list = {.fields = fields, .count = count};
    struct preference openmetrics = {0};
    struct preference text = {0};
    struct element element;
    while (next_element(&list, &element)) {
        prefer(&openmetrics, rank_openmetrics(&element), element.quality);
        prefer(&text, rank_text(&element), element.quality);
    }
    if (openmetrics.quality != text.quality)
        return openmetrics.quality > text.quality;
    return openmetrics.quality > 0 && openmetrics.rank > FITS_TYPE;
}

/* identity, not compressed, is accepted also when it is not named: RFC 9110, 12.5.3. */
bool accept_gzip(const char *const *fields, size_t count)
{
    struct list list = {.fields = fields, .count = count};
    struct preference gzip = {0};
    struct preference identity = {0};
    struct element element;
    while (next_element(&list, &element)) {
        bool all = is_named(&element, "*");
        bool named = is_named(&element, "gzip") || is_named(&element, "x-gzip");
        prefer(&gzip, named ? FITS_NAME : all ? FITS_ALL : FITS_NOT, element.quality);
        named = is_named(&element, "identity");
        prefer(&identity, named ? FITS_NAME : all ? FITS_ALL : FITS_NOT, element.quality);
    }
    return gzip.quality > 0 && gzip.quality >= identity.quality;
}
