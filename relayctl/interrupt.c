#include "interrupt.h"

static volatile sig_atomic_t seen;
static bool catching;
static sigset_t outside; /* the mask before anything was blocked */

static void on_signal(int number)
{
    (void)number;
    seen = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, &outside);
    sigdelset(&outside, SIGINT);
    sigdelset(&outside, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    catching = true;
}

bool interrupt_seen(void)
{
    return seen;
}

const sigset_t *interrupt_mask(void)
{
    return catching ? &outside : NULL;
}

bool interrupt_pending(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigpending(&set);
    return interrupt_seen() || sigismember(&set, SIGINT) || sigismember(&set, SIGTERM);
}
