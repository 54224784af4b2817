#ifndef COMMON_OPS_SETTINGS_FILE_H
#define COMMON_OPS_SETTINGS_FILE_H
/*
 * Settings from a file, which unlike the environment can change while a program runs (SIGHUP). One
 * NAME=value per line, as in an env file: blank lines and lines that begin with # are skipped, and
 * a pair of quotes around a value is taken off. One thread.
 */
#include "base/base.h"
#include "base/slice.h"

struct settings_file {
    char *text; /* owned; names and values are terminated in place */
    struct settings_line {
        const char *name, *value;
    } * line;
    size_t n;
};

/* False after one line on stderr that names path and line. */
NODISCARD bool settings_file_read(const char *path, struct settings_file *out);
void settings_file_free(struct settings_file *f); /* a zeroed one is fine */
/* NULL when the file does not set it; the last line of a name counts. */
const char *settings_file_find(const struct settings_file *f, const char *name);

#endif
