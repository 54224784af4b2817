#ifndef COMMON_BASE_LIST_TEXT_H
#define COMMON_BASE_LIST_TEXT_H
/* Comma-separated lists as people write them in settings. Any thread. */
#include "base/slice.h"

/*
 * Takes the next entry off *text, without the blanks around it; entries may also be separated by
 * blanks or line ends alone, and empty ones are skipped. False at the end.
 */
NODISCARD bool list_text_next(struct slice *text, struct slice *entry);

#endif
