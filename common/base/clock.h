#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H
/* Time, replaceable in tests. Any thread. */
#include "base/base.h"

int64_t clock_unix(void);     /* wall clock, seconds since 1970 */
int64_t clock_unix_ms(void);  /* wall clock, milliseconds */
int64_t clock_unix_us(void);  /* wall clock, microseconds */
uint64_t clock_mono_ms(void); /* monotonic milliseconds */
uint64_t clock_mono_us(void); /* monotonic microseconds */
/* Tests: freezes clock_unix() at t; 0 returns to the real clock. */
void clock_freeze_unix(int64_t t);

#endif
