#include "ops/shared_config.h"

const char *auth_mode_name(int64_t mode)
{
    static const char *const names[] = {[AUTH_PRIVATE] = "private",
                                        [AUTH_WRITES] = "writes",
                                        [AUTH_ALL] = "all",
                                        [AUTH_MEMBERS] = "members",
                                        [AUTH_OFF] = "off"};

    return names[mode];
}
