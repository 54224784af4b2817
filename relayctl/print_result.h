#ifndef RELAYCTL_PRINT_RESULT_H
#define RELAYCTL_PRINT_RESULT_H
/*
 * The result of a management method for people: true is "done", an object is a line per member, a
 * list of objects a table. One thread.
 */
#include <jansson.h>

void print_result(const json_t *result);

#endif
