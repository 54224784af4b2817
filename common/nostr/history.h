#ifndef COMMON_NOSTR_HISTORY_H
#define COMMON_NOSTR_HISTORY_H
/*
 * Asking for replaced versions of one's own lists, an extension of search (NIP-50, docs/NIPS.md):
 *
 *   {"kinds":[3],"authors":["<own pubkey>"],"search":"history:true"}
 *
 * The author must be authenticated (NIP-42). since, until and limit work as usual; the answer is of
 * the past only, and nothing live follows. Any thread.
 */
#include "nostr/filter.h"
#include "nostr/verdict.h"

/* Does any of the filters ask for history? */
bool history_asked(const struct filter *filters, size_t n);

/*
 * Of filters that do: VERDICT_ACCEPTED when this is one request that somebody authenticated as
 * readers[n_readers] may make. Otherwise why not, with the sentence behind the prefix.
 */
enum verdict history_judge(const struct filter *filters, size_t n, const struct pubkey *readers,
                           size_t n_readers, const char **sentence);

#endif
