#include "control/access_answer.h"

#include <jansson.h>

bool access_answer_parse(struct slice json, struct access_answer *out)
{
    json_t *object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *banned = json_object_get(object, "banned");
    const char *tier = json_string_value(json_object_get(object, "tier"));
    bool good = tier && json_is_boolean(banned) && tier_parse(slice_str(tier), &out->tier);

    if (good) {
        out->banned = json_is_true(banned);
        out->member = json_is_true(json_object_get(object, "member"));
    }
    json_decref(object);
    return good;
}
