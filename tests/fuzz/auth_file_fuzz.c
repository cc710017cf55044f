/* The file of auth_file. What is taken reads the same again; no message repeats a line of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/auth_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns the users, for the caller to free, or NULL when they are refused; a message must say why.
 */
static char *parse(const char *bytes, size_t length)
{
    struct config_messages messages = {0};
    struct config_place file = config_messages_add_file(&messages, "auth");
    struct text users = {0};
    struct text text = {0};
    bool is_right = config_auth_file_parse(bytes, length, &file, &users);
    if (config_messages_write(&messages, &text) != is_right)
        abort();
    if (text.bytes && strstr(text.bytes, "$2"))
        abort();
    config_messages_free(&messages);
    text_free(&text);
    if (!is_right)
        text_free(&users);
    return is_right ? users.bytes : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes + 1, data, size); /* nothing lies behind its end */
    char *users = parse(bytes + 1, size);
    free(bytes);
    if (!users)
        return 0;
    char *again = parse(users, strlen(users));
    if (!again || strcmp(users, again) != 0)
        abort();
    free(users);
    free(again);
    return 0;
}
