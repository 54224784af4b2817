#ifndef EVENT_HANDLER_PLUGIN_PLUGIN_PROCESS_H
#define EVENT_HANDLER_PLUGIN_PLUGIN_PROCESS_H
/*
 * One running plugin: a command for /bin/sh, as strfry has it, that reads lines from its standard
 * input and writes lines to its standard output. It is the head of a process group of its own, all
 * of which ends with it, and gets none of our descriptors and none of our secrets. What it writes
 * to standard error goes to the log. One thread.
 */
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "ops/log.h"

enum { PLUGIN_LINE_MOST = 64 * 1024 };

struct plugin_process {
    const char *command;      /* borrowed */
    int stop_fd;              /* readable when all of it shall end; borrowed */
    pid_t pid;                /* 0: it does not run */
    int in, out, err;         /* our ends of its pipes */
    struct buf lines;         /* read from out */
    size_t taken;             /* of them, by the last plugin_process_line() */
    struct timespec modified; /* when the file was, as far as the command is one */
    struct log_gate said;     /* for standard error */
};

enum plugin_io {
    PLUGIN_IO_OK,
    PLUGIN_IO_TIMEOUT,
    PLUGIN_IO_GONE,     /* it has ended, or closed its pipes */
    PLUGIN_IO_OVERLONG, /* a line of more than PLUGIN_LINE_MOST */
    PLUGIN_IO_STOP,     /* stop_fd */
    PLUGIN_IO_WOKEN,    /* wake_fd */
};

void plugin_process_init(struct plugin_process *p, const char *command, int stop_fd);
/* The process must have been stopped. */
void plugin_process_deinit(struct plugin_process *p);

/* ERR_IO (logged) when nothing could be started. That a command does not exist shows by its end. */
NODISCARD enum err plugin_process_start(struct plugin_process *p);
/* Asks it to end, and makes it after grace_ms. Harmless when it does not run. */
void plugin_process_stop(struct plugin_process *p, uint32_t grace_ms);
/* Has its file changed since it was started? Only for a command without blanks. */
bool plugin_process_outdated(const struct plugin_process *p);

/* deadline_ms is of clock_mono_ms(); UINT64_MAX for none. */
enum plugin_io plugin_process_send(struct plugin_process *p, struct slice text,
                                   uint64_t deadline_ms);
/* The next line that it writes, without its end, valid until the next call. wake_fd, or -1, ends
 * the waiting once it is readable. */
enum plugin_io plugin_process_line(struct plugin_process *p, int wake_fd, uint64_t deadline_ms,
                                   struct slice *line);

/* A setting's check: a command without blanks that names a file must be one that can be run. */
bool plugin_check_command(const char *command, struct buf *error);

#endif
