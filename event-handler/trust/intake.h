#ifndef EVENT_HANDLER_TRUST_INTAKE_H
#define EVENT_HANDLER_TRUST_INTAKE_H
/*
 * How follow and mute lists get into the Web of Trust: events that were stored here or came from
 * other relays are judged (trust_list.h) and written to wot_lists, a step at a time, and the circle
 * is told. The builder's thread.
 */
#include "trust/trust_circle.h"

struct crawl_job;
struct intake;
struct trust_news;

/* circle is borrowed; it may be opened and closed meanwhile. NULL without memory. */
struct intake *intake_new(const struct config *cfg, struct access *access,
                          struct trust_circle *circle);
void intake_free(struct intake *in); /* NULL is fine */

/*
 * Errors as db_exec(), ERR_NOMEM; what was not written will come again. *relevant is set when a
 * list that counts has changed.
 */

/* All stored lists that are new since *news, which is brought up to date. */
NODISCARD enum err intake_stored(struct intake *in, struct db *db, struct trust_news *news,
                                 bool *relevant);
/* The next lists that a finished crawl has brought; *more: there are others. */
NODISCARD enum err intake_crawled(struct intake *in, struct db *db, struct crawl_job *job,
                                  bool *more);
/* Lists of which something was held back, whose time has come. */
NODISCARD enum err intake_ripen(struct intake *in, struct db *db, bool forced);

#endif
