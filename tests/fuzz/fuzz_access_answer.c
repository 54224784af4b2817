/* What is said about one person, from any bytes. */
#include "control/access_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct access_answer answer;

    if (access_answer_parse(slice_of((const char *)data, size), &answer))
        assert(answer.tier < TIERS);
    return 0;
}
