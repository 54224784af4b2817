#include "event_source.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ws_client.h"
#include "lines.h"
#include "output.h"
#include "json/jwrite.h"

struct event_source {
    uint64_t position;
    /* A file. */
    struct lines lines;
    int fd; /* -1: a database */
    /* A database. */
    PGconn *conn;
    PGresult *rows;
    int row;
    struct buf json;
};

static struct event_source *source_new(int fd)
{
    struct event_source *s = calloc(1, sizeof *s);

    if (!s) {
        output_error("out of memory");
        return NULL;
    }
    s->fd = fd;
    buf_init(&s->json, WS_MAX_MESSAGE);
    return s;
}

uint64_t event_source_position(const struct event_source *s)
{
    return s->position;
}

/* ---- a file ---- */

struct event_source *event_source_open_file(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct event_source *s;

    if (fd < 0) {
        output_error("%s: %s", path, strerror(errno));
        return NULL;
    }
    s = source_new(fd);
    if (s)
        lines_init(&s->lines, fd, WS_MAX_MESSAGE);
    return s;
}

static enum event_source_result next_line(struct event_source *s, struct slice *json,
                                          const char **error)
{
    for (;;) {
        switch (lines_next(&s->lines, json)) {
        case LINES_LINE:
            s->position++;
            if (json->len > 0)
                return SOURCE_EVENT;
            break;
        case LINES_TOO_LONG:
            s->position++;
            *error = "the line is too long";
            return SOURCE_BAD;
        case LINES_END:
            return SOURCE_END;
        case LINES_MORE:
            if (lines_read(&s->lines))
                break;
            output_error("cannot read on: %s", strerror(errno));
            return SOURCE_FAILED;
        }
    }
}

/* ---- Nostpy's database ---- */

enum { ID, PUBKEY, KIND, CREATED_AT, TAGS, CONTENT, SIG };

static bool run_sql(struct event_source *s, const char *sql, ExecStatusType wanted)
{
    PQclear(s->rows);
    s->rows = PQexec(s->conn, sql);
    s->row = 0;
    if (PQresultStatus(s->rows) == wanted)
        return true;
    output_error("the database says: %s", PQerrorMessage(s->conn));
    return false;
}

struct event_source *event_source_open_nostpy(const char *conninfo)
{
    struct event_source *s = source_new(-1);

    if (!s)
        return NULL;
    s->conn = PQconnectdb(conninfo);
    if (PQstatus(s->conn) != CONNECTION_OK) {
        output_error("cannot connect: %s", PQerrorMessage(s->conn));
    } else {
        PQsetClientEncoding(s->conn, "UTF8");
        if (run_sql(s, "BEGIN TRANSACTION READ ONLY ISOLATION LEVEL REPEATABLE READ",
                    PGRES_COMMAND_OK) &&
            run_sql(s,
                    "DECLARE import NO SCROLL CURSOR FOR SELECT id, pubkey, kind, created_at, "
                    "tags::text, content, sig FROM events ORDER BY created_at",
                    PGRES_COMMAND_OK) &&
            run_sql(s, "FETCH 1000 FROM import", PGRES_TUPLES_OK))
            return s;
    }
    event_source_close(s);
    return NULL;
}

static struct slice column(const struct event_source *s, int n)
{
    return slice_of(PQgetvalue(s->rows, s->row, n), (size_t)PQgetlength(s->rows, s->row, n));
}

/* Columns that hold no number or no list make malformed JSON, which the parser will name. */
static void write_row(struct event_source *s)
{
    buf_reset(&s->json);
    buf_add_str(&s->json, "{\"id\":");
    jwrite_string(&s->json, column(s, ID));
    buf_add_str(&s->json, ",\"pubkey\":");
    jwrite_string(&s->json, column(s, PUBKEY));
    buf_add_str(&s->json, ",\"created_at\":");
    buf_add_slice(&s->json, column(s, CREATED_AT));
    buf_add_str(&s->json, ",\"kind\":");
    buf_add_slice(&s->json, column(s, KIND));
    buf_add_str(&s->json, ",\"tags\":");
    buf_add_slice(&s->json, column(s, TAGS));
    buf_add_str(&s->json, ",\"content\":");
    jwrite_string(&s->json, column(s, CONTENT));
    buf_add_str(&s->json, ",\"sig\":");
    jwrite_string(&s->json, column(s, SIG));
    buf_add_char(&s->json, '}');
}

static enum event_source_result next_row(struct event_source *s, struct slice *json,
                                         const char **error)
{
    if (s->row == PQntuples(s->rows) && !run_sql(s, "FETCH 1000 FROM import", PGRES_TUPLES_OK))
        return SOURCE_FAILED;
    if (PQntuples(s->rows) == 0)
        return SOURCE_END;
    s->position++;
    write_row(s);
    s->row++;
    *json = buf_slice(&s->json);
    if (!s->json.failed)
        return SOURCE_EVENT;
    *error = "the event is too long";
    return SOURCE_BAD;
}

/* ---- both ---- */

enum event_source_result event_source_next(struct event_source *s, struct slice *json,
                                           const char **error)
{
    return s->conn ? next_row(s, json, error) : next_line(s, json, error);
}

void event_source_close(struct event_source *s)
{
    if (!s)
        return;
    if (s->conn) {
        PQclear(s->rows);
        PQfinish(s->conn);
    } else {
        lines_deinit(&s->lines);
        if (s->fd > STDIN_FILENO)
            close(s->fd);
    }
    buf_deinit(&s->json);
    free(s);
}
