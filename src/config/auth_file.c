#include "config/auth_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/reader.h"
#include "config/values.h"
#include "file.h"

/* "$2b$10$", 22 characters of salt, 31 of hash. */
enum { HASH_LENGTH = 60, HASH_HEAD = 7, SALT_END = 28 };

static const char blanks[] = " \t\r";

/* What some editors put first: it would be of the first user's name, and that user be refused. */
static const char mark[] = "\xef\xbb\xbf";

struct parser {
    struct config_place place; /* of the line that is read */
    struct text *users;
    size_t count;
    size_t lines[CONFIG_USERS_MAX]; /* where each user stands */
};

/* Whether the character is one of bcrypt's base64 whose value is a multiple of unit: the last ones
 * of salt and hash have bits to spare, and crypt(3) never writes others there. */
static bool is_digit(char character, size_t unit)
{
    static const char digits[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const char *found = character ? strchr(digits, character) : NULL;
    return found && (size_t)(found - digits) % unit == 0;
}

/* $2x$ is left out, as different passwords have the same hash there. */
static bool is_bcrypt(const char *hash, size_t length)
{
    if (length != HASH_LENGTH || memcmp(hash, "$2", 2) != 0 || !strchr("aby", hash[2]) ||
        hash[3] != '$' || hash[6] != '$')
        return false;
    for (size_t i = HASH_HEAD; i < HASH_LENGTH; i++) {
        size_t unit = i == SALT_END ? 16 : i == HASH_LENGTH - 1 ? 4 : 1;
        if (!is_digit(hash[i], unit))
            return false;
    }
    return true;
}

/* Check the hash, and that a password is checked in bearable time. */
static bool check_hash(struct parser *parser, const char *hash, size_t length)
{
    uint64_t cost = 0;
    if (!is_bcrypt(hash, length)) {
        config_error(&parser->place, "what follows the user is no bcrypt hash; make it with: "
                                     "htpasswd -nB USER");
        return false;
    }
    const char *digits = hash + (hash[4] == '0' ? 5 : 4);
    const char *end = config_digits(digits, 99, &cost);
    if (!end || end != hash + HASH_HEAD - 1 || cost < CONFIG_COST_MIN || cost > 31) {
        config_error(&parser->place,
                     "no bcrypt hash has this cost; make it with: htpasswd -nB -C 10 USER");
        return false;
    }
    if (cost > CONFIG_COST_MAX) {
        /* Some 50 ms at cost 10, twice as much for each more. */
        config_error(&parser->place,
                     "at cost %u every password takes some %u s to check; at most %d: make it "
                     "with: htpasswd -nB -C 10 USER",
                     (unsigned)cost, (51U << (cost - 10)) / 1000, CONFIG_COST_MAX);
        return false;
    }
    return true;
}

/* RFC 7617: no control character. */
static bool is_name(const char *user, size_t length)
{
    char name[CONFIG_USER_LENGTH_MAX + 1];
    if (length == 0 || length > CONFIG_USER_LENGTH_MAX)
        return false;
    memcpy(name, user, length);
    name[length] = '\0';
    for (const char *s = name; *s; s += utf8_sequence_length(s)) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f || utf8_sequence_length(s) == 0)
            return false;
    }
    return true;
}

/* Returns the line where the user, with the colon behind it, stands already, or 0. */
static size_t find_line(const struct parser *parser, const char *user, size_t length)
{
    const char *at = parser->users->bytes;
    for (size_t i = 0; i < parser->count; i++) {
        if (strncmp(at, user, length) == 0)
            return parser->lines[i];
        at = strchr(at, '\n') + 1;
    }
    return 0;
}

static bool check_user(struct parser *parser, const char *user, size_t length)
{
    size_t line = find_line(parser, user, length + 1);
    if (!is_name(user, length))
        config_error(&parser->place,
                     "the user is empty, longer than %d bytes, not UTF-8, or has a control "
                     "character; write USER:HASH, as htpasswd -nB USER prints it",
                     CONFIG_USER_LENGTH_MAX);
    else if (line > 0)
        config_error(&parser->place, "the user of line %zu again; keep one of the two lines", line);
    else if (parser->count == CONFIG_USERS_MAX)
        config_error(&parser->place, "more than %d users; keep fewer", CONFIG_USERS_MAX);
    else
        return true;
    return false;
}

static bool take_user(struct parser *parser, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    if (!colon) {
        config_error(&parser->place, "no \":\" between user and hash; write USER:HASH, as htpasswd "
                                     "-nB USER prints it");
        return false;
    }
    size_t user = (size_t)(colon - line);
    if (!check_user(parser, line, user) || !check_hash(parser, colon + 1, length - user - 1))
        return false;
    text_append_bytes(parser->users, line, length);
    text_append(parser->users, "\n");
    if (parser->users->failed)
        return false;
    parser->lines[parser->count++] = parser->place.line;
    return true;
}

/* Take a line without its newline. Returns whether it is right. */
static bool take_line(struct parser *parser, const char *line, size_t length)
{
    parser->place.line++;
    if (memchr(line, '\0', length)) {
        config_error(&parser->place, "NUL byte in the line; save the file as plain UTF-8 text");
        return false;
    }
    if (length > CONFIG_LINE_MAX) {
        config_error(&parser->place, "line of %zu bytes; at most %d are read", length,
                     CONFIG_LINE_MAX);
        return false;
    }
    while (length > 0 && strchr(blanks, *line)) {
        line++;
        length--;
    }
    while (length > 0 && strchr(blanks, line[length - 1]))
        length--;
    return length == 0 || *line == '#' || take_user(parser, line, length);
}

bool config_auth_file_parse(const char *bytes, size_t length, const struct config_place *file,
                            struct text *users)
{
    struct parser parser = {.place = *file, .users = users};
    const char *end = bytes + length;
    bool is_right = true;
    if (length >= sizeof mark - 1 && memcmp(bytes, mark, sizeof mark - 1) == 0)
        bytes += sizeof mark - 1;
    parser.place.line = 0;
    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = newline ? newline : end;
        is_right &= take_line(&parser, bytes, (size_t)(stop - bytes));
        bytes = newline ? newline + 1 : end;
    }
    if (users->failed)
        file->messages->failed = true;
    if (is_right && parser.count == 0) {
        parser.place.line = 1;
        config_error(&parser.place, "no user in it, so nobody could scrape; add one with: htpasswd "
                                    "-nB USER, or leave auth_file empty to ask for no password");
        return false;
    }
    return is_right && !users->failed;
}

/* Report what is wrong with the file itself, at the line that names it. */
static void report(const struct config_draft *draft, const char *why, const char *remedy)
{
    config_error(&draft->agent_keys[CONFIG_KEY_AUTH_FILE], "auth_file %s %s; %s",
                 draft->agent.auth_file, why, remedy);
}

static void report_errno(const struct config_draft *draft, int error)
{
    struct text why = {0};
    text_print(&why, "cannot be read: %s", strerror(error));
    report(draft, why.failed ? "cannot be read" : why.bytes,
           error == ENOENT ? "name a file that exists, or make it with: htpasswd -cB FILE USER"
                           : "let the user udpwatch read it: chown root:udpwatch FILE, chmod 640 "
                             "FILE");
    text_free(&why);
}

/* Whether the file may be used; reported if not. */
static bool check_status(const struct config_draft *draft, const struct stat *status)
{
    if (S_ISDIR(status->st_mode)) {
        report(draft, "is a directory", "name a file in it");
    } else if (!S_ISREG(status->st_mode)) {
        report(draft, "is no regular file", "name one");
    } else if (status->st_mode & 07) {
        struct text remedy = {0};
        text_print(&remedy, "run: chmod o= %s", draft->agent.auth_file);
        report(draft, "can be read or changed by every user of this host",
               remedy.failed ? "run: chmod o= FILE" : remedy.bytes);
        text_free(&remedy);
    } else if (status->st_size > CONFIG_AUTH_BYTES_MAX) {
        report(draft, "is larger than 256 KiB", "keep fewer users in it");
    } else {
        return true;
    }
    return false;
}

/* Open the file, which must be one before: opening a device can do something, and a pipe waits.
 * Returns a descriptor, or -1 with the reason reported. */
static int open_file(const struct config_draft *draft)
{
    struct stat status;
    const char *file = draft->agent.auth_file;
    int descriptor = -1;
    if (stat(file, &status) == 0) {
        if (!check_status(draft, &status))
            return -1;
        descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        report_errno(draft, errno);
    } else if (check_status(draft, &status)) {
        return descriptor;
    }
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* Take what was read; the file may have grown meanwhile. */
static void take_bytes(struct config_draft *draft, const struct text *bytes)
{
    struct text users = {0};
    if (bytes->length > CONFIG_AUTH_BYTES_MAX) {
        report(draft, "is larger than 256 KiB", "keep fewer users in it");
        return;
    }
    struct config_place file = config_messages_add_file(draft->messages, draft->agent.auth_file);
    if (config_auth_file_parse(bytes->length ? bytes->bytes : "", bytes->length, &file, &users))
        draft->agent.users = users.bytes;
    else
        text_free(&users);
}

void config_auth_file_read(struct config_draft *draft)
{
    struct text bytes = {0};
    int descriptor = open_file(draft);
    if (descriptor < 0)
        return;
    int error = file_read_all(descriptor, CONFIG_AUTH_BYTES_MAX, &bytes);
    close(descriptor);
    if (bytes.failed)
        draft->messages->failed = true;
    else if (error)
        report_errno(draft, -error);
    else
        take_bytes(draft, &bytes);
    text_free(&bytes);
}
