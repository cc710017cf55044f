/* udpwatch-web: HTTP(S) checks without any privilege. Started by udpwatch, never by hand. */
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "file.h"
#include "program.h"
#include "sandbox.h"
#include "web/checker.h"
#include "web_wire.h"

enum { MOST_BYTES = 64 << 20 };

/* As many as all checks can take at a time. See checker.c. */
enum { LEAST_DESCRIPTORS = 8192 };

/* Returns 0 with the checks of the length in the descriptor, or -errno. */
static int read_checks(int descriptor, size_t length, struct web_wired_check **checks,
                       size_t *count)
{
    if (length == 0 || length > MOST_BYTES || descriptor < 0)
        return -EPROTO;
    char *text = malloc(length + 1);
    if (!text)
        return -ENOMEM;
    int result = file_read_whole(descriptor, text, length);
    text[length] = '\0';
    if (!result)
        result = web_wire_read_checks(text, checks, count);
    explicit_bzero(text, length); /* passwords may be in it */
    free(text);
    return result;
}

/* Take what the collector says. Returns 0, or -errno: -EPIPE when it is gone. */
static int take_message(struct checker *checker)
{
    struct channel_message message;
    struct web_wired_check *checks;
    size_t count;
    int descriptor;
    int result = channel_receive(CHANNEL_DESCRIPTOR, &message, &descriptor);
    if (result <= 0)
        return result < 0 ? result : -EPIPE;
    result = message.kind == CHANNEL_CONFIGURE
                 ? read_checks(descriptor, message.id, &checks, &count)
                 : -EPROTO;
    if (descriptor >= 0)
        close(descriptor);
    if (!result)
        result = checker_change(checker, checks, count, strcmp(message.text, "at once") == 0);
    return result;
}

static int check(struct checker *checker)
{
    int result = take_message(checker);
    if (result)
        return program_fail("cannot receive the checks", result);
    result = program_report(CHANNEL_READY, "");
    while (!result) {
        result = checker_run(checker);
        if (result > 0)
            result = take_message(checker);
    }
    return result == -EPIPE ? result : program_fail("cannot go on with the checks", result);
}

static int serve(void)
{
    struct checker *checker;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return program_fail("cannot use libcurl", -ENOMEM);
    int result = sandbox_web();
    if (result)
        return program_fail("cannot enter the sandbox", result);
    result = checker_open(&checker, CHANNEL_DESCRIPTOR);
    if (result)
        return program_fail("cannot use libcurl", result);
    result = check(checker);
    checker_close(checker);
    return result;
}

/* It leaves by _exit: a thread may still look a name up. */
int main(void)
{
    program_prepare();
    program_raise_descriptor_limit(LEAST_DESCRIPTORS);
    if (!program_has_channel("udpwatch-web"))
        return 2;
    int result = serve();
    _exit(result == -EPIPE ? 0 : 1);
}
