#include "usage.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

struct process {
    pid_t pid, parent;
    double cpu_s;
    bool ours;
};

struct process_list {
    struct process *item;
    size_t n, room;
};

void usage_roots_load(struct usage_roots *roots, const char *path)
{
    FILE *f;
    int pid;

    *roots = (struct usage_roots){0};
    if (path == NULL)
        return;
    f = fopen(path, "r");
    if (f == NULL)
        bench_die("cannot read %s", path);
    while (roots->n < USAGE_MAX_ROOTS && fscanf(f, "%d", &pid) == 1) {
        if (pid <= 1 || (kill(pid, 0) != 0))
            bench_die("%s: process %d does not run", path, pid);
        roots->pid[roots->n++] = pid;
    }
    fclose(f);
}

/* Reads a file of /proc into text, terminated; false when the process has gone. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    f = fopen(path, "r");
    if (f == NULL)
        return false;
    n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = '\0';
    return n > 0;
}

/* proc(5): pid (name) state ppid ...; fields 14 to 17 are the clock ticks of the process and of its
 * children that have been waited for. The name may hold anything, so reading begins behind it. */
static bool read_process(pid_t pid, struct process *p)
{
    char text[1024];
    const char *behind_name;
    unsigned long user, system;
    long child_user, child_system;
    int parent;

    if (!read_proc(pid, "stat", text, sizeof text))
        return false;
    behind_name = strrchr(text, ')');
    if (behind_name == NULL ||
        sscanf(behind_name + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
               &parent, &user, &system, &child_user, &child_system) != 5)
        return false;
    *p = (struct process){
        .pid = pid,
        .parent = parent,
        .cpu_s = ((double)(user + system) + (double)(child_user + child_system)) /
                 (double)sysconf(_SC_CLK_TCK),
    };
    return true;
}

static void list_processes(struct process_list *list)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;

    if (dir == NULL)
        bench_die("cannot read /proc");
    while ((entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct process p;

        if (pid <= 0 || !read_process(pid, &p))
            continue;
        bench_grow((void **)&list->item, &list->room, list->n, sizeof *list->item);
        list->item[list->n++] = p;
    }
    closedir(dir);
}

static bool is_root(const struct usage_roots *roots, pid_t pid)
{
    for (size_t i = 0; i < roots->n; i++)
        if (roots->pid[i] == pid)
            return true;
    return false;
}

static bool has_our_parent(const struct process_list *list, const struct process *p)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].pid == p->parent)
            return list->item[i].ours;
    return false;
}

/* Marks the roots, then children of what is marked until nothing is added. */
static void mark_trees(struct process_list *list, const struct usage_roots *roots)
{
    bool added = true;

    while (added) {
        added = false;
        for (size_t i = 0; i < list->n; i++) {
            struct process *p = &list->item[i];

            if (p->ours || !(is_root(roots, p->pid) || has_our_parent(list, p)))
                continue;
            p->ours = added = true;
        }
    }
}

static double read_pss_mib(pid_t pid)
{
    char text[2048];
    const char *line;

    if (!read_proc(pid, "smaps_rollup", text, sizeof text))
        return 0;
    line = strstr(text, "\nPss:");
    return line != NULL ? strtod(line + strlen("\nPss:"), NULL) / 1024 : 0;
}

static double own_cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct usage usage_read(const struct usage_roots *roots, bool with_memory)
{
    struct process_list list = {0};
    struct usage sum = {.own_s = own_cpu_s()};

    if (roots->n == 0)
        return sum;
    list_processes(&list);
    mark_trees(&list, roots);
    for (size_t i = 0; i < list.n; i++) {
        const struct process *p = &list.item[i];

        if (!p->ours)
            continue;
        sum.cpu_s += p->cpu_s;
        sum.processes++;
        if (with_memory)
            sum.pss_mib += read_pss_mib(p->pid);
    }
    free(list.item);
    return sum;
}
