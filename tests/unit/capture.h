#ifndef TESTS_UNIT_CAPTURE_H
#define TESTS_UNIT_CAPTURE_H
/*
 * What the code under test writes to stderr. Between begin and end the stream goes to a temporary
 * file; nothing else may write there meanwhile.
 */
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

struct capture {
    FILE *file;
    int real_stderr;
    char text[8192];
};

static inline void capture_begin(struct capture *c)
{
    fflush(stderr);
    c->file = tmpfile();
    c->real_stderr = dup(STDERR_FILENO);
    assert(c->file && c->real_stderr >= 0);
    dup2(fileno(c->file), STDERR_FILENO);
}

/* Returns what was written, good until the next begin. */
static inline const char *capture_end(struct capture *c)
{
    size_t n;

    fflush(stderr);
    dup2(c->real_stderr, STDERR_FILENO);
    close(c->real_stderr);
    rewind(c->file);
    n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
    c->text[n] = '\0';
    fclose(c->file);
    return c->text;
}

#endif
