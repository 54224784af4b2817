/* The internal API over real sockets, ingest and queries behind it: status codes, streamed answers,
 * clients that go away, and stopping in the middle of all that. */
#include "event-handler/test_db.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "access/access.h"
#include "api/server.h"
#include "base/buf.h"
#include "config.h"
#include "ingest/ingest.h"
#include "metrics.h"
#include "nostr/verify.h"
#include "query/query.h"
#include "wire/query_wire.h"

enum { STORED = 800, PAGE = 50, CLIENTS = 4 };

static struct {
    struct config cfg;
    char port[16];
    struct api *api;
    struct access *access;
    struct ingest *ingest;
    struct query_pool *queries;
} service;

/* ---- an HTTP client ---- */

struct answer {
    int status; /* 0: the connection ended without one */
    struct buf raw;
    struct slice body; /* of raw, chunks undone */
};

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)service.cfg.port)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void read_all(int fd, struct buf *out)
{
    char piece[65536];
    ssize_t n;

    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
        buf_add(out, piece, (size_t)n);
}

/* Joins the chunks of a streamed body in place. */
static struct slice join_chunks(char *at, const char *end)
{
    char *start = at, *to = at;

    while (at < end) {
        char *data;
        size_t n = strtoul(at, &data, 16);

        data += 2;
        if (n == 0 || data + n > end)
            break;
        memmove(to, data, n);
        to += n;
        at = data + n + 2;
    }
    return slice_of(start, (size_t)(to - start));
}

static void take_answer(struct answer *a)
{
    char *body = a->raw.len > 0 ? memmem(a->raw.ptr, a->raw.len, "\r\n\r\n", 4) : NULL;

    a->status = 0;
    a->body = (struct slice){0};
    if (!body)
        return;
    a->status = (int)strtol(a->raw.ptr + strlen("HTTP/1.1 "), NULL, 10);
    body += 4;
    if (memmem(a->raw.ptr, (size_t)(body - a->raw.ptr), "chunked", 7))
        a->body = join_chunks(body, a->raw.ptr + a->raw.len);
    else
        a->body = slice_of(body, (size_t)(a->raw.ptr + a->raw.len - body));
}

static void write_request(struct buf *out, const char *method, const char *path,
                          const char *headers, struct slice body)
{
    buf_printf(out,
               "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
               method, path, headers, body.len);
    buf_add_slice(out, body);
}

static struct answer ask_with(const char *method, const char *path, const char *headers,
                              struct slice body)
{
    struct answer a = {0};
    struct buf request;
    int fd = dial();

    buf_init(&request, 64 * MIB);
    buf_init(&a.raw, 64 * MIB);
    write_request(&request, method, path, headers, body);
    if (fd >= 0) {
        send_all(fd, request.ptr, request.len); /* may be refused half-way */
        read_all(fd, &a.raw);
        close(fd);
    }
    take_answer(&a);
    buf_deinit(&request);
    return a;
}

static struct answer ask(const char *method, const char *path, const char *body)
{
    return ask_with(method, path, "Authorization: Bearer token\r\n", slice_str(body));
}

static int status_of(const char *method, const char *path, const char *body)
{
    struct answer a = ask(method, path, body);

    buf_deinit(&a.raw);
    return a.status;
}

/* ---- the service ---- */

static int64_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    close(fd);
    return ntohs(at.sin_port);
}

static void start(bool open)
{
    snprintf(service.port, sizeof service.port, "%d", (int)free_port());
    setenv("EVENT_HANDLER_HOST", "127.0.0.1", 1);
    setenv("EVENT_HANDLER_PORT", service.port, 1);
    setenv("INTERNAL_TOKEN", "token", 1);
    setenv("QUERY_PAGE", "50", 1);
    assert_int_equal(config_load(&service.cfg), OK);
    free(service.cfg.pg_write.database);
    free(service.cfg.pg_read.database);
    service.cfg.pg_write.database = strdup(test_db_wanted() ? test_db.name : "none");
    service.cfg.pg_read.database = strdup(service.cfg.pg_write.database);
    service.api = api_start(&service.cfg);
    assert_non_null(service.api);
    if (!open)
        return;
    service.access = access_new(&service.cfg);
    assert_non_null(service.access);
    service.ingest = ingest_start(&service.cfg, service.access, NULL);
    service.queries = query_pool_start(&service.cfg, service.access);
    assert_non_null(service.queries);
    api_open(service.api,
             &(struct api_parts){service.access, service.ingest, service.queries, NULL});
}

static void stop(void)
{
    api_drain(service.api, 100);
    if (service.queries)
        query_pool_stop(service.queries);
    if (service.ingest)
        ingest_stop(service.ingest, 1000);
    api_stop(service.api);
    assert_false(api_healthcheck(&service.cfg));
    access_free(service.access);
    service.access = NULL;
    config_free(&service.cfg);
    service.queries = NULL;
    service.ingest = NULL;
}

static int stop_service(void **state)
{
    (void)state;
    if (service.api)
        stop();
    service.api = NULL;
    return 0;
}

static int open_tests(void **state)
{
    static const char fill[] =
        "INSERT INTO events SELECT n, 1000 + n, n, 1, 1, length(j), NULL, sha256(n::text::bytea), "
        "sha256('a'), NULL, '{}', j FROM"
        " (SELECT n, '{\"id\":\"' || encode(sha256(n::text::bytea), 'hex') || '\",\"pubkey\":\"' "
        "|| encode(sha256('a'), 'hex') ||"
        " '\",\"created_at\":' || 1000 + n || ',\"kind\":1,\"tags\":[],\"content\":\"' || "
        "repeat('x', 3000) || '\",\"sig\":\"' ||"
        " repeat('0', 128) || '\"}' AS j FROM generate_series(1, 800) n) x; UPDATE feed_head SET "
        "seq = 800";

    event_handler_metrics_open();
    verify_setup();
    test_db_open(state);
    if (test_db_wanted())
        test_db_run(fill);
    return 0;
}

/* ---- tests ---- */

static void test_before_the_database_is_there(void **state)
{
    (void)state;
    start(false);
    assert_true(api_healthcheck(&service.cfg));
    assert_int_equal(status_of("GET", "/healthz", ""), 200);
    assert_int_equal(status_of("GET", "/metrics", ""), 200);
    assert_int_equal(status_of("GET", "/readyz", ""), 503);
    assert_int_equal(status_of("POST", "/v1/query", "{}"), 503);
    assert_int_equal(status_of("POST", "/v1/events", ""), 503);
    assert_int_equal(status_of("GET", "/v1/feed?after=0", ""), 503);
    stop();
    service.api = NULL;
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name, *method, *path, *body;
        int status;
    } rows[] = {
        {"no such path", "GET", "/v2/feed", "", 404},
        {"no such path, with a body", "POST", "/", "hello", 404},
        {"wrong method", "GET", "/v1/query", "", 405},
        {"not JSON", "POST", "/v1/query", "hello", 400},
        {"no body", "POST", "/v1/query", "", 400},
        {"no filters", "POST", "/v1/count", "{\"filters\":[]}", 400},
        {"not records", "POST", "/v1/events", "xx", 400},
        {"a feed from nowhere", "GET", "/v1/feed", "", 400},
        {"a feed from a word", "GET", "/v1/feed?after=abc", "", 400},
        {"a feed from below", "GET", "/v1/feed?after=-1", "", 400},
        {"a feed of nothing", "GET", "/v1/feed?after=1&limit=0", "", 400},
        {"a good query", "POST", "/v1/query", "{\"filters\":[{\"limit\":1}]}", 200},
        {"a good count", "POST", "/v1/count", "{\"filters\":[{}]}", 200},
        {"a good feed", "GET", "/v1/feed?after=1&limit=2", "", 200},
        {"no events at all", "POST", "/v1/events", "", 200},
    };

    TEST_NEEDS_DB();
    start(true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (status_of(rows[i].method, rows[i].path, rows[i].body) != rows[i].status)
            fail_msg("%s", rows[i].name);
}

static void test_token(void **state)
{
    static const char *const wrong[] = {"", "Authorization: Bearer tokem\r\n",
                                        "Authorization: token\r\n"};

    TEST_NEEDS_DB();
    start(true);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct answer a = ask_with("POST", "/v1/query", wrong[i], SLICE("{\"filters\":[{}]}"));

        assert_int_equal(a.status, 401);
        buf_deinit(&a.raw);
        a = ask_with("GET", "/readyz", wrong[i], SLICE(""));
        assert_true(a.status == 200 || a.status == 503);
        buf_deinit(&a.raw);
    }
}

static void test_bodies_that_are_too_large(void **state)
{
    static const char chunked[] =
        "POST /v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer token\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    static const char announced[] =
        "POST /v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    struct answer a = {0};
    struct buf big;
    int fd;

    TEST_NEEDS_DB();
    start(true);
    fd = dial();
    assert_true(send_all(fd, announced, sizeof announced - 1));
    buf_init(&a.raw, MIB);
    read_all(fd, &a.raw);
    close(fd);
    take_answer(&a);
    assert_int_equal(a.status, 413);
    buf_reset(&a.raw);

    buf_init(&big, 8 * MIB);
    buf_printf(&big, "%s%x\r\n", chunked, 5 * 1024 * 1024);
    for (size_t i = 0; i < 5 * MIB; i++)
        buf_add_char(&big, ' ');
    buf_add_str(&big, "\r\n0\r\n\r\n");
    fd = dial();
    send_all(fd, big.ptr, big.len);
    read_all(fd, &a.raw);
    close(fd);
    take_answer(&a);
    assert_int_equal(a.status, 413);
    buf_deinit(&a.raw);
    buf_deinit(&big);
}

static size_t count_lines(struct slice body, bool *ended)
{
    struct query_end end;
    size_t n = 0;

    *ended = false;
    while (body.len > 0) {
        const char *newline = memchr(body.ptr, '\n', body.len);

        if (!newline)
            break;
        *ended = query_end_parse(slice_of(body.ptr, (size_t)(newline - body.ptr)), &end);
        n += !*ended;
        body.len -= (size_t)(newline + 1 - body.ptr);
        body.ptr = newline + 1;
    }
    return n;
}

static const char everything[] = "{\"filters\":[{\"limit\":5000}]}";

static void test_an_answer_of_many_pages(void **state)
{
    struct answer a;
    bool ended;

    TEST_NEEDS_DB();
    start(true);
    a = ask("POST", "/v1/query", everything);
    assert_int_equal(a.status, 200);
    assert_int_equal(count_lines(a.body, &ended), STORED);
    assert_true(ended);
    buf_deinit(&a.raw);
}

/* ---- many clients ---- */

static atomic_bool enough;
static atomic_int answered, half_answers;

/* Whole answers, and now and then a client that leaves after the first bytes. */
static void *client_main(void *arg)
{
    unsigned turn = *(unsigned *)arg;

    while (!atomic_load(&enough)) {
        if (turn++ % 3 == 0) {
            struct buf request;
            char byte;
            int fd = dial();

            buf_init(&request, MIB);
            write_request(&request, "POST", "/v1/query", "Authorization: Bearer token\r\n",
                          slice_str(everything));
            if (fd >= 0 && send_all(fd, request.ptr, request.len))
                (void)!recv(fd, &byte, 1, 0);
            if (fd >= 0)
                close(fd);
            buf_deinit(&request);
        } else {
            struct answer a = ask("POST", "/v1/query", everything);
            bool ended;
            size_t n = count_lines(a.body, &ended);

            if (a.status == 200 && n == STORED && ended)
                atomic_fetch_add(&answered, 1);
            else if (a.status == 200 && ended)
                atomic_fetch_add(&half_answers, 1); /* an end line that lies */
            buf_deinit(&a.raw);
        }
    }
    return NULL;
}

static void test_stopping_under_load(void **state)
{
    pthread_t client[CLIENTS];
    unsigned turn[CLIENTS];
    struct timespec a_moment = {.tv_nsec = 700 * 1000000};

    TEST_NEEDS_DB();
    start(true);
    atomic_store(&enough, false);
    for (unsigned i = 0; i < CLIENTS; i++) {
        turn[i] = i;
        assert_int_equal(pthread_create(&client[i], NULL, client_main, &turn[i]), 0);
    }
    nanosleep(&a_moment, NULL);
    stop();
    service.api = NULL;
    atomic_store(&enough, true);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(client[i], NULL);
    assert_true(atomic_load(&answered) > 0);
    assert_int_equal(atomic_load(&half_answers), 0);
}

/* A client that reads nothing holds one page, and nobody up. */
static void test_a_slow_reader(void **state)
{
    struct buf request;
    int fd, small = 128 * 1024;
    bool ended;

    TEST_NEEDS_DB();
    start(true);
    buf_init(&request, 64 * MIB);
    write_request(&request, "POST", "/v1/query", "Authorization: Bearer token\r\n",
                  slice_str(everything));
    fd = dial();
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_true(send_all(fd, request.ptr, request.len));
    for (int i = 0; i < 5; i++) {
        struct answer a = ask("POST", "/v1/query", everything);

        assert_int_equal(count_lines(a.body, &ended), STORED);
        buf_deinit(&a.raw);
    }
    buf_reset(&request);
    read_all(fd, &request);
    close(fd);
    assert_true(request.len > (size_t)STORED * 3000);
    buf_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_before_the_database_is_there, stop_service),
        cmocka_unit_test_teardown(test_refusals, stop_service),
        cmocka_unit_test_teardown(test_token, stop_service),
        cmocka_unit_test_teardown(test_bodies_that_are_too_large, stop_service),
        cmocka_unit_test_teardown(test_an_answer_of_many_pages, stop_service),
        cmocka_unit_test_teardown(test_a_slow_reader, stop_service),
        cmocka_unit_test_teardown(test_stopping_under_load, stop_service),
    };

    return cmocka_run_group_tests(tests, open_tests, test_db_close);
}
