/* udpwatch-server: HTTP without any privilege. Started by udpwatch, never by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "file.h"
#include "program.h"
#include "sandbox.h"
#include "server/auth.h"
#include "server/http.h"
#include "server/requests.h"

enum { LEAST_DESCRIPTORS = 1024 }; /* accept(2) without one left would spin */

/* Read the users, of which none may be missing: nobody is let in by a descriptor that was lost. */
static int read_users(int descriptor, size_t length, struct auth **auth)
{
    *auth = NULL;
    if (descriptor < 0)
        return length == 0 ? 0 : -EPROTO;
    off_t end = lseek(descriptor, 0, SEEK_END);
    if (end < 0)
        return -errno;
    if (length == 0 || (size_t)end != length)
        return -EPROTO;
    char *users = malloc(length);
    if (!users)
        return -ENOMEM;
    int result = file_read_whole(descriptor, users, length);
    if (!result)
        result = auth_open(auth, users, length);
    free(users);
    return result;
}

/* Cut "listen\nallow" in two, and take the users. */
static int receive_settings(struct channel_message *message, const char **listen,
                            const char **allow, struct auth **auth)
{
    int descriptor;
    int result = channel_receive(CHANNEL_DESCRIPTOR, message, &descriptor);
    if (result <= 0)
        return result < 0 ? result : -EPIPE;
    char *end = strchr(message->text, '\n');
    if (message->kind == CHANNEL_CONFIGURE && end)
        result = read_users(descriptor, message->id, auth);
    else
        result = -EPROTO;
    if (descriptor >= 0)
        close(descriptor);
    if (result)
        return result;
    *end = '\0';
    *listen = message->text;
    *allow = end + 1;
    return 0;
}

/* Start the threads and shut the sandbox. Returns 0, or -errno, reported. */
static int start(struct http **http, struct requests *requests)
{
    struct channel_message settings;
    const char *listen;
    const char *allow;
    struct auth *auth;
    char reason[512];
    int result = receive_settings(&settings, &listen, &allow, &auth);
    if (result)
        return program_fail("cannot receive the settings", result);
    result = http_start(http, listen, allow, requests, auth, reason, sizeof reason);
    if (result) {
        program_report(CHANNEL_FAILED, reason);
        return result;
    }
    result = sandbox_server_serve();
    if (result)
        return program_fail("cannot shut the sandbox", result);
    return 0;
}

static int serve(void)
{
    struct requests *requests;
    struct http *http = NULL;
    int result = sandbox_server_start();
    if (result)
        return program_fail("cannot enter the sandbox", result);
    result = requests_open(&requests, CHANNEL_DESCRIPTOR);
    if (result)
        return program_fail("cannot use the channel", result);
    result = start(&http, requests);
    if (!result)
        result = program_report(CHANNEL_READY, "");
    if (result)
        return result;
    http_serve(http);
    return requests_run(requests);
}

/* It leaves by _exit: threads still run, and an exit handler may want what the sandbox forbids. */
int main(void)
{
    program_prepare();
    program_raise_descriptor_limit(LEAST_DESCRIPTORS);
    if (!program_has_channel("udpwatch-server"))
        return 2;
    _exit(serve() == 0 ? 0 : 1);
}
