#ifndef EVENT_HANDLER_MANAGE_LISTS_H
#define EVENT_HANDLER_MANAGE_LISTS_H
/* What methods that keep a list have in common: one row of the moderation table per entry. */
#include "manage/method.h"

/* {"reason": reason}, or {} for an empty one. */
json_t *reason_value(const char *reason);
/* One change: value (taken over) under area and key, or nothing under it when value is NULL. */
NODISCARD enum err list_set(struct manage_call *call, const char *area, const char *key,
                            json_t *value, const char *reason);
/* The result: an array of {<member>: key} and what the values hold, oldest first. */
NODISCARD enum err list_answer(struct manage_call *call, const char *area, const char *member);
/* The result: an array of what the query's first column holds, which SQL has cast to text. */
NODISCARD enum err rows_answer(struct manage_call *call, const char *name, const char *sql,
                               size_t n, const char *const *values);
/* The JSON of a result column, which SQL has cast to text; NULL for SQL NULL. */
json_t *json_column(const PGresult *r, int row, int col);

#endif
