#ifndef RELAYCTL_INTERRUPT_H
#define RELAYCTL_INTERRUPT_H
/*
 * Ctrl-C as an orderly end, for commands that run until then. Between waits the signals are
 * blocked, so that none is missed: whoever waits does it in ppoll() with interrupt_mask() and looks
 * at interrupt_seen() afterwards. One thread.
 */
#include <signal.h>

#include "base/base.h"

/* From now on SIGINT and SIGTERM are noted instead of ending the program. */
void interrupt_catch(void);
bool interrupt_seen(void);
/* The same for those who never wait. */
bool interrupt_pending(void);
/* The mask to wait with; NULL, which leaves it alone, when nothing is caught. */
const sigset_t *interrupt_mask(void);

#endif
