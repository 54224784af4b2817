/* What comes back from a management request, from any bytes: a known status and a JSON object. */
#include "manage/manage_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf body;
    int status;

    buf_init(&body, MIB);
    if (manage_answer_parse(slice_of((const char *)data, size), &status, &body)) {
        assert(status == 200 || status == 400 || status == 401 || status == 403);
        assert(body.len >= 2 && body.ptr[0] == '{' && body.ptr[body.len - 1] == '}');
    }
    buf_deinit(&body);
    return 0;
}
