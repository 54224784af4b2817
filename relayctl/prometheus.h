#ifndef RELAYCTL_PROMETHEUS_H
#define RELAYCTL_PROMETHEUS_H
/* Looking a number up in Prometheus' text format. Any thread. */
#include "base/slice.h"

/* The sum of all samples of metric, or of those that have a label with this value (label may be
 * NULL). False when there is none. */
NODISCARD bool prometheus_sum(struct slice text, const char *metric, const char *label,
                              double *sum);

#endif
