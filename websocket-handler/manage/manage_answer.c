#include "manage/manage_answer.h"

#include <jansson.h>
#include <stdlib.h>

static bool is_status(const json_t *value)
{
    switch (json_integer_value(value)) {
    case 200:
    case 400:
    case 401:
    case 403:
        return true;
    default:
        return false;
    }
}

bool manage_answer_parse(struct slice json, int *status, struct buf *body)
{
    json_t *answer = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *value = json_object_get(answer, "status");
    json_t *object = json_object_get(answer, "body");
    char *text =
        is_status(value) && json_is_object(object) ? json_dumps(object, JSON_COMPACT) : NULL;

    if (text) {
        *status = (int)json_integer_value(value);
        buf_add_str(body, text);
    }
    free(text);
    json_decref(answer);
    return text != NULL && !body->failed;
}
