#ifndef COMMON_BASE_BASE_H
#define COMMON_BASE_BASE_H
/*
 * Attributes and small macros that every file may use. No functions, no state.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Three kinds of "no": impossible (assert), refused (enum verdict), broken (enum err). */
enum err {
    OK = 0,
    ERR_NOMEM,   /* a named cap was reached, or the system is out of memory */
    ERR_INVALID, /* bytes from outside do not follow their format */
    ERR_IO,      /* a peer, a socket or a file failed */
    ERR_TIMEOUT, /* a deadline passed */
    ERR_BUSY,    /* a bounded queue or pool is full */
    ERR_GONE,    /* the thing asked for does not exist any more */
    ERR_AUTH,    /* a peer refused our credentials */
    ERR_CONFIG,  /* the configuration is wrong; a line naming the setting was logged */
};

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof(a)[0])
#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
