/* The table of methods, in the order in which supportedmethods names them. */
#include "manage/method.h"

const struct manage_method manage_methods[] = {
    {"whoami", RIGHT_ANY, method_whoami},
};
const size_t n_manage_methods = ARRAY_LEN(manage_methods);
