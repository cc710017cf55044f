#include "web/transfer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"
#include "web/authorities.h"
#include "web/body_match.h"
#include "web/certificate.h"

enum { MOST_BODY = 1 << 20, MOST_HEADS = 1 << 20, MOST_REDIRECTS = 10 };

/* What came over the connection that is there now. An interim answer (1xx) is not the answer: 101
 * is, as nothing else follows it. */
enum answer { ANSWER_NONE, ANSWER_INTERIM, ANSWER_STATUS_LINE, ANSWER_HEAD };

struct transfer {
    const struct web_check *check;
    CURL *handle;
    CURLM *multi; /* while it runs; else NULL */
    struct curl_slist *headers;
    struct body_match *match; /* NULL: the body does not matter */
    size_t body;              /* bytes that came */
    size_t heads;             /* bytes of all heads and trailers that came */
    bool had_enough;          /* of the body: what follows is not waited for */
    enum answer answer;
    unsigned int status; /* of the last answer, of an earlier connection, too; 0: none came */
    bool had_address;    /* to connect to */
    size_t sockets;      /* that were made */
    int family;          /* of the last one */
    int local_error;     /* -errno: no socket could be made here */
    char error[CURL_ERROR_SIZE];
};

/* A body without end must not keep the check from its result. */
static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count, left = MOST_BODY - transfer->body;
    if (length > left) {
        transfer->had_enough = true;
        length = left;
    }
    if (transfer->match)
        body_match_take(transfer->match, bytes, length);
    transfer->body += length;
    return transfer->had_enough ? CURL_WRITEFUNC_ERROR : length;
}

/* What this host has no room for is no fault of the address that is checked. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    (void)purpose;
    transfer->had_address = true;
    transfer->answer = ANSWER_NONE;
    transfer->sockets++;
    transfer->family = address->family;
    int made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (made < 0 && errno != EAFNOSUPPORT)
        transfer->local_error = -errno;
    return made < 0 ? CURL_SOCKET_BAD : made;
}

/* A redirect begins another body, and perhaps another name. */
static void begin_answer(struct transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    transfer->body = 0;
    transfer->had_address = false;
    if (transfer->match)
        body_match_begin(transfer->match);
    if (status >= 100 && status < 200 && status != 101) {
        transfer->answer = ANSWER_INTERIM;
    } else {
        transfer->answer = ANSWER_STATUS_LINE;
        transfer->status = (unsigned int)status;
    }
}

/* libcurl keeps all headers of a run, and sets no limit to those that follow a body in chunks. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    transfer->heads += size * count;
    if (transfer->heads > MOST_HEADS)
        return CURL_WRITEFUNC_ERROR;
    if (transfer->answer <= ANSWER_INTERIM && size * count >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        begin_answer(transfer);
    else if (transfer->answer == ANSWER_STATUS_LINE && (*bytes == '\r' || *bytes == '\n'))
        transfer->answer = ANSWER_HEAD;
    return size * count;
}

static int make_headers(struct transfer *transfer)
{
    for (size_t i = 0; i < transfer->check->header_count; i++) {
        struct curl_slist *more = curl_slist_append(transfer->headers, transfer->check->headers[i]);
        if (!more)
            return -ENOMEM;
        transfer->headers = more;
    }
    return 0;
}

static long family_of(const struct web_check *check)
{
    switch (check->family) {
    case WEB_FAMILY_IPV4:
        return CURL_IPRESOLVE_V4;
    case WEB_FAMILY_IPV6:
        return CURL_IPRESOLVE_V6;
    default:
        return CURL_IPRESOLVE_WHATEVER;
    }
}

static int set_long(CURL *handle, CURLoption option, long value)
{
    return curl_easy_setopt(handle, option, value) == CURLE_OK ? 0 : -ENOMEM;
}

static int set_string(CURL *handle, CURLoption option, const char *value)
{
    return curl_easy_setopt(handle, option, value) == CURLE_OK ? 0 : -ENOMEM;
}

/* What is the same for each check. A name is looked up each time, and a connection made; without
 * QUICK_EXIT the end of one check would wait for its thread that still looks up a name, and with it
 * all others (CURLOPT_QUICK_EXIT(3)). HTTP/1.1: one parser less reads what strangers send. */
static int set_manners(CURL *handle)
{
    static const struct {
        CURLoption option;
        long value;
    } options[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1},
        {CURLOPT_FRESH_CONNECT, 1},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_DNS_CACHE_TIMEOUT, 0},
        {CURLOPT_SSL_SESSIONID_CACHE, 0},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_MAXREDIRS, MOST_REDIRECTS},
        {CURLOPT_CERTINFO, 1},
    };
    int result = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options && !result; i++)
        result = set_long(handle, options[i].option, options[i].value);
    if (!result)
        result = set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!result)
        result = set_string(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    if (!result)
        result = set_string(handle, CURLOPT_PROXY, ""); /* whatever the environment says */
    if (!result)
        result = set_string(handle, CURLOPT_USERAGENT, "udpwatch/" UDPWATCH_VERSION);
    return result;
}

static int set_check(CURL *handle, const struct web_check *check)
{
    long timeout = (long)(check->timeout / 1000000);
    int result = set_string(handle, CURLOPT_URL, check->url);
    if (!result)
        result = set_long(handle, CURLOPT_TIMEOUT_MS, timeout);
    if (!result)
        result = set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, timeout);
    if (!result)
        result = authorities_set(handle, check);
    if (!result)
        result = set_long(handle, CURLOPT_NOBODY, check->head);
    if (!result)
        result = set_long(handle, CURLOPT_FOLLOWLOCATION, check->follow_redirects);
    if (!result)
        result = set_long(handle, CURLOPT_IPRESOLVE, family_of(check));
    return result;
}

static void set_callbacks(struct transfer *transfer)
{
    CURL *handle = transfer->handle;
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers);
}

int transfer_open(struct transfer **transfer, const struct web_check *check, void *owner)
{
    struct transfer *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->check = check;
    made->handle = curl_easy_init();
    int result = made->handle ? make_headers(made) : -ENOMEM;
    if (!result && check->body_contains)
        result = body_match_open(&made->match, check->body_contains);
    if (!result)
        result = set_manners(made->handle);
    if (!result)
        result = set_check(made->handle, check);
    if (result) {
        transfer_close(made);
        return result;
    }
    set_callbacks(made);
    curl_easy_setopt(made->handle, CURLOPT_PRIVATE, owner);
    *transfer = made;
    return 0;
}

static void leave_multi(struct transfer *transfer)
{
    if (transfer->multi)
        curl_multi_remove_handle(transfer->multi, transfer->handle);
    transfer->multi = NULL;
}

void transfer_close(struct transfer *transfer)
{
    if (!transfer)
        return;
    leave_multi(transfer);
    curl_easy_cleanup(transfer->handle);
    curl_slist_free_all(transfer->headers);
    body_match_close(transfer->match);
    free(transfer);
}

int transfer_begin(struct transfer *transfer, CURLM *multi)
{
    transfer->body = 0;
    transfer->heads = 0;
    transfer->had_enough = false;
    transfer->answer = ANSWER_NONE;
    transfer->status = 0;
    transfer->had_address = false;
    transfer->sockets = 0;
    transfer->local_error = 0;
    transfer->error[0] = '\0';
    if (transfer->match)
        body_match_begin(transfer->match);
    if (curl_multi_add_handle(multi, transfer->handle) != CURLM_OK)
        return -ENOMEM;
    transfer->multi = multi;
    return 0;
}

bool transfer_is_running(const struct transfer *transfer)
{
    return transfer->multi != NULL;
}

void *transfer_owner(CURL *handle)
{
    char *owner = NULL;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &owner);
    return owner;
}

static curl_off_t time_until(CURL *handle, CURLINFO what)
{
    curl_off_t microseconds = 0;
    curl_easy_getinfo(handle, what, &microseconds);
    return microseconds;
}

/* How long it took from one point to the next; -1: it did not come to that. */
static int64_t between(curl_off_t begin, curl_off_t end)
{
    if (end <= 0)
        return -1;
    return end > begin ? end - begin : 0;
}

static void tell_times(CURL *handle, struct web_result *result)
{
    curl_off_t looked_up = time_until(handle, CURLINFO_NAMELOOKUP_TIME_T);
    curl_off_t connected = time_until(handle, CURLINFO_CONNECT_TIME_T);
    curl_off_t encrypted = time_until(handle, CURLINFO_APPCONNECT_TIME_T);
    curl_off_t asked = time_until(handle, CURLINFO_PRETRANSFER_TIME_T);
    curl_off_t answered = time_until(handle, CURLINFO_STARTTRANSFER_TIME_T);
    result->duration = time_until(handle, CURLINFO_TOTAL_TIME_T);
    result->phases[WEB_PHASE_DNS] = between(0, looked_up);
    result->phases[WEB_PHASE_CONNECT] = between(looked_up, connected);
    result->phases[WEB_PHASE_TLS] = between(connected, encrypted);
    result->phases[WEB_PHASE_FIRST_BYTE] = between(asked, answered);
}

static bool is_expected(const struct web_check *check, unsigned int status)
{
    for (size_t i = 0; i < check->status_count; i++)
        if (status >= check->statuses[i].first && status <= check->statuses[i].last)
            return true;
    return false;
}

/* The connection broke off: before an answer, or within it. TLS 1.3 lets a client take it for
 * encrypted before the server refuses one without a certificate; nothing but the text tells that.
 */
static enum web_cause judge_break(const struct transfer *transfer)
{
    if (transfer->answer <= ANSWER_INTERIM)
        return strstr(transfer->error, " alert ") ? WEB_TLS : WEB_CONNECT;
    return is_expected(transfer->check, transfer->status) ? WEB_BODY : WEB_STATUS;
}

/* What became of a run that libcurl takes for a success, as it does a head that breaks off. */
static enum web_cause judge_answer(const struct transfer *transfer)
{
    if (transfer->answer < ANSWER_HEAD)
        return judge_break(transfer);
    if (!is_expected(transfer->check, transfer->status))
        return WEB_STATUS;
    return transfer->match && !body_match_found(transfer->match) ? WEB_BODY : WEB_OK;
}

/* What libcurl's code says of the other side; see libcurl-errors(3). */
static enum web_cause judge(const struct transfer *transfer, CURLcode code,
                            const struct web_result *result)
{
    switch (code) {
    case CURLE_OK:
        return judge_answer(transfer);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return WEB_DNS;
    case CURLE_OPERATION_TIMEDOUT:
        return result->phases[WEB_PHASE_DNS] < 0 ? WEB_DNS : WEB_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
        return WEB_TLS;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_WRITE_ERROR: /* its headers have no end */
        return judge_break(transfer);
    case CURLE_COULDNT_CONNECT: /* libcurl finds addresses of any family, then takes one */
        return transfer->had_address ? WEB_CONNECT : WEB_DNS;
    default: /* an answer that is no HTTP, too many redirects, or one to another protocol */
        return WEB_STATUS;
    }
}

/* What is wrong once an answer comes in, is wrong with the answer: libcurl says of a line that is
 * longer than it takes that memory is out, and of a first header that begins with a blank that it
 * was itself called wrongly. */
static bool has_answer(const struct web_result *result)
{
    return result->phases[WEB_PHASE_FIRST_BYTE] >= 0;
}

/* connect(2) says in the same way that no port is left here to connect from, and that this host has
 * no IPv6: of several addresses that is why one is passed over. Returns 0, or -errno. */
static int port_error(const struct transfer *transfer)
{
    long error = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_OS_ERRNO, &error);
    return error == EADDRNOTAVAIL && (transfer->family == AF_INET || transfer->sockets == 1)
               ? -EADDRNOTAVAIL
               : 0;
}

/* What says more of this host than of the address. Returns 0, or -errno. */
static int local_error(const struct transfer *transfer, CURLcode code,
                       const struct web_result *result)
{
    if (code == CURLE_OK)
        return 0;
    if (transfer->local_error)
        return transfer->local_error;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: /* nothing but the text tells this from a name that is not */
        return strstr(transfer->error, "thread failed to start") ? -EAGAIN : 0;
    case CURLE_COULDNT_CONNECT:
        return port_error(transfer);
    case CURLE_SSL_CACERT_BADFILE:
        return -ENOKEY;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
        return has_answer(result) ? 0 : -ENOMEM;
    default:
        return 0;
    }
}

/* How many bytes of the string are whole characters that there is room for. */
static int shown_length(const char *string)
{
    size_t length = 0, next;
    while ((next = utf8_sequence_length(string + length)) > 0 && length + next < WEB_REASON_SIZE)
        length += next;
    return (int)length;
}

/* Copy what can be shown, in one line: what strangers sent can be in it. */
static void copy_reason(const char *reason, char into[WEB_REASON_SIZE])
{
    struct text text = {0};
    text_append_printable(&text, reason);
    if (!text.failed && text.bytes)
        snprintf(into, WEB_REASON_SIZE, "%.*s", shown_length(text.bytes), text.bytes);
    text_free(&text);
}

/* In words, for people. What libcurl says has the name of a host at most. */
static void tell_reason(const struct transfer *transfer, CURLcode code, struct web_result *result)
{
    if (result->cause == WEB_OK)
        return;
    if (code == CURLE_OUT_OF_MEMORY)
        copy_reason("the answer has a line that is too long", result->reason);
    else if (code == CURLE_BAD_FUNCTION_ARGUMENT)
        copy_reason("the answer has a line that is no header", result->reason);
    else if (code == CURLE_WRITE_ERROR)
        copy_reason("the answer has too many headers", result->reason);
    else if (code == CURLE_COULDNT_CONNECT && result->cause == WEB_DNS)
        copy_reason("the name has no address of the family that is asked for", result->reason);
    else if (code == CURLE_GOT_NOTHING && transfer->answer == ANSWER_INTERIM)
        copy_reason("no answer but interim ones came", result->reason);
    else if (code != CURLE_OK)
        copy_reason(transfer->error[0] ? transfer->error : curl_easy_strerror(code),
                    result->reason);
    else if (transfer->answer < ANSWER_HEAD)
        copy_reason("the answer broke off within its headers", result->reason);
    else if (result->cause == WEB_BODY)
        copy_reason("the body does not contain what it should", result->reason);
    else
        snprintf(result->reason, sizeof result->reason, "the status is %u", result->status_code);
}

int transfer_end(struct transfer *transfer, CURLcode code, struct web_result *result)
{
    *result = (struct web_result){.status_code = transfer->status};
    tell_times(transfer->handle, result);
    int64_t expiry = certificate_expiry(transfer->handle);
    leave_multi(transfer);
    if (code == CURLE_WRITE_ERROR && transfer->had_enough)
        code = CURLE_OK;
    int error = local_error(transfer, code, result);
    if (error)
        return error;
    result->cause = judge(transfer, code, result);
    /* What may be another's certificate tells nothing of the server's. */
    result->certificate_expiry = result->cause == WEB_TLS ? 0 : expiry;
    tell_reason(transfer, code, result);
    return 0;
}

/* The host of a URL is an address when it has brackets, or digits and points alone. */
bool transfer_looks_up(const struct transfer *transfer)
{
    const char *host = strstr(transfer->check->url, "://") + 3;
    const char *end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(end - host));
    host = at ? at + 1 : host;
    return *host != '[' && strspn(host, "0123456789.") < strcspn(host, ":/?#");
}
