/* Who did what, undoing it, and who may. */
#include "manage/method.h"

static const char *const role_names[] = {"operator", "admin", "moderator"};

/* [] -> {"actor","role","rights"} */
enum err method_whoami(struct manage_call *call)
{
    const struct manage_caller *caller = &call->caller;
    json_t *rights = json_array();

    for (const struct manage_right_name *r = manage_right_names; r->name; r++) {
        if (caller->role != ROLE_MODERATOR || (caller->rights & r->right))
            json_array_append_new(rights, json_string(r->name));
    }
    call->result = json_pack("{s:s,s:s,s:o}", "actor", caller->actor, "role",
                             role_names[caller->role], "rights", rights);
    return OK;
}
