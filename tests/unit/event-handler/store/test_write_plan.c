#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event-handler/events.h"
#include "nostr/kind.h"

/* ---- rows: batches that meet an empty store ---- */

enum { MOST = 6 };

static const struct {
    const char *name;
    struct {
        const char *event;
        enum verdict verdict;
        bool insert;
    } step[MOST];
} rows[] = {
    {"an event twice",
     {{"11 a 1 100", VERDICT_ACCEPTED, true}, {"11 a 1 100", VERDICT_DUPLICATE, false}}},
    {"the newer version comes second",
     {{"11 a 0 100", VERDICT_ACCEPTED, false}, {"12 a 0 101", VERDICT_ACCEPTED, true}}},
    {"the newer version comes first",
     {{"12 a 0 101", VERDICT_ACCEPTED, true}, {"11 a 0 100", VERDICT_STALE, false}}},
    {"a tie goes to the lowest id",
     {{"12 a 0 100", VERDICT_ACCEPTED, false}, {"11 a 0 100", VERDICT_ACCEPTED, true}}},
    {"a tie against the lowest id",
     {{"11 a 0 100", VERDICT_ACCEPTED, true}, {"12 a 0 100", VERDICT_STALE, false}}},
    {"addresses differ by d",
     {{"11 a 30000 100 d=x", VERDICT_ACCEPTED, true},
      {"12 a 30000 101 d=y", VERDICT_ACCEPTED, true}}},
    {"addresses differ by author",
     {{"11 a 30000 100 d=x", VERDICT_ACCEPTED, true},
      {"12 b 30000 101 d=x", VERDICT_ACCEPTED, true}}},
    {"only the first d counts",
     {{"11 a 30000 100 d=x d=y", VERDICT_ACCEPTED, false},
      {"12 a 30000 101 d=x", VERDICT_ACCEPTED, true}}},
    {"d means nothing to replaceable kinds",
     {{"11 a 10002 100 d=x", VERDICT_ACCEPTED, false},
      {"12 a 10002 101 d=y", VERDICT_ACCEPTED, true}}},
    {"d means nothing to regular kinds",
     {{"11 a 78 100 d=x", VERDICT_ACCEPTED, true}, {"12 a 78 101 d=x", VERDICT_ACCEPTED, true}}},
    {"a deletion and then its target",
     {{"21 a 5 200 e=11", VERDICT_ACCEPTED, true}, {"11 a 1 100", VERDICT_BLOCKED, false}}},
    {"a target and then its deletion",
     {{"11 a 1 100", VERDICT_ACCEPTED, false}, {"21 a 5 200 e=11", VERDICT_ACCEPTED, true}}},
    {"a deletion by somebody else",
     {{"11 a 1 100", VERDICT_ACCEPTED, true}, {"21 b 5 200 e=11", VERDICT_ACCEPTED, true}}},
    {"deletions cannot be deleted",
     {{"21 a 5 200 e=11", VERDICT_ACCEPTED, true},
      {"22 a 5 201 e=21", VERDICT_ACCEPTED, true},
      {"11 a 1 100", VERDICT_BLOCKED, false}}},
    {"a gift wrap, deleted by its recipient",
     {{"11 x 1059 100 p=a", VERDICT_ACCEPTED, false},
      {"21 a 5 200 e=11", VERDICT_ACCEPTED, true},
      {"11 x 1059 100 p=a", VERDICT_BLOCKED, false}}},
    {"a gift wrap, deleted by a stranger",
     {{"11 x 1059 100 p=a", VERDICT_ACCEPTED, true}, {"21 b 5 200 e=11", VERDICT_ACCEPTED, true}}},
    {"an address, deleted up to the request's time",
     {{"21 a 5 200 a=30000:a:x", VERDICT_ACCEPTED, true},
      {"11 a 30000 200 d=x", VERDICT_BLOCKED, false},
      {"12 a 30000 201 d=x", VERDICT_ACCEPTED, true}}},
    {"an address, then its deletion",
     {{"11 a 30000 200 d=x", VERDICT_ACCEPTED, false},
      {"21 a 5 200 a=30000:a:x", VERDICT_ACCEPTED, true}}},
    {"somebody else's address",
     {{"11 a 30000 100 d=x", VERDICT_ACCEPTED, true},
      {"21 b 5 200 a=30000:a:x", VERDICT_ACCEPTED, true}}},
    {"a replaceable's address",
     {{"11 a 0 100", VERDICT_ACCEPTED, false}, {"21 a 5 200 a=0:a:", VERDICT_ACCEPTED, true}}},
    {"no older version after a deletion by id",
     {{"12 a 0 100", VERDICT_ACCEPTED, false},
      {"21 a 5 200 e=12", VERDICT_ACCEPTED, true},
      {"11 a 0 90", VERDICT_BLOCKED, false},
      {"13 a 0 101", VERDICT_ACCEPTED, true}}},
    {"a version of somebody else's, deleted by id",
     {{"12 a 0 100", VERDICT_ACCEPTED, true},
      {"21 b 5 200 e=12", VERDICT_ACCEPTED, true},
      {"11 a 0 90", VERDICT_STALE, false}}},
    {"vanished up to the request's time",
     {{"11 a 1 200", VERDICT_ACCEPTED, false},
      {"21 a 62 200", VERDICT_ACCEPTED, true},
      {"12 a 1 200", VERDICT_BLOCKED, false},
      {"13 a 1 201", VERDICT_ACCEPTED, true},
      {"14 b 1 100", VERDICT_ACCEPTED, true}}},
    {"vanished with the deletions, which stay in force",
     {{"21 a 5 100 e=11", VERDICT_ACCEPTED, false},
      {"22 a 62 200", VERDICT_ACCEPTED, true},
      {"11 a 1 300", VERDICT_BLOCKED, false}}},
    {"vanished with the gift wraps",
     {{"11 x 1059 300 p=a", VERDICT_ACCEPTED, false},
      {"21 a 62 200", VERDICT_ACCEPTED, true},
      {"12 x 1059 200 p=a", VERDICT_BLOCKED, false},
      {"13 x 1059 201 p=a", VERDICT_ACCEPTED, true}}},
    {"a gift wrap that comes again after it was erased",
     {{"11 x 1059 300 p=a", VERDICT_ACCEPTED, false},
      {"21 a 62 200", VERDICT_ACCEPTED, true},
      {"11 x 1059 300 p=a", VERDICT_ACCEPTED, true},
      {"11 x 1059 300 p=a", VERDICT_DUPLICATE, false}}},
    {"an older request to vanish is stored too",
     {{"22 a 62 200", VERDICT_ACCEPTED, true}, {"21 a 62 100", VERDICT_ACCEPTED, true}}},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        struct new_event *ne[MOST];
        struct write_known none = {0};
        struct made_events m;
        struct write_plan plan;
        size_t n = 0;

        made_init(&m);
        for (; n < MOST && rows[r].step[n].event; n++)
            ne[n] = made_event(&m, rows[r].step[n].event);
        assert_true(write_plan_make(ne, n, &none, &m.arena, &plan));
        for (size_t i = 0; i < n; i++) {
            if (ne[i]->verdict != rows[r].step[i].verdict ||
                ne[i]->insert != rows[r].step[i].insert)
                fail_msg("%s: event %zu is %s, insert %d", rows[r].name, i,
                         verdict_name(ne[i]->verdict), ne[i]->insert);
        }
        made_free(&m);
    }
}

/* ---- a model: the batch, one event after the other, on a store that is a list ---- */

enum { MODEL_MOST = 512 }; /* more than a run can make */

struct model {
    const struct new_event *stored[MODEL_MOST];
    struct tombstone tomb[MODEL_MOST];
    struct floor floor[MODEL_MOST];
    struct vanish vanish[MODEL_MOST];
    size_t n_stored, n_tombs, n_floors, n_vanish;
};

static void model_remove(struct model *m, size_t i)
{
    m->stored[i] = m->stored[--m->n_stored];
}

static bool is_party(const struct event *ev, const struct pubkey *pk)
{
    return pubkey_eq(&ev->pubkey, pk) || (ev->kind == KIND_GIFT_WRAP && event_names_pubkey(ev, pk));
}

static enum verdict model_judge(const struct model *m, const struct new_event *ne)
{
    const struct event *ev = ne->ev;

    for (size_t i = 0; i < m->n_vanish; i++) {
        if (ev->kind != KIND_VANISH && is_party(ev, &m->vanish[i].pubkey) &&
            ev->created_at <= m->vanish[i].up_to)
            return VERDICT_BLOCKED;
    }
    for (size_t i = 0; i < m->n_tombs; i++) {
        if (ev->kind != KIND_DELETION && ev->kind != KIND_VANISH &&
            event_id_eq(&m->tomb[i].id, &ev->id) && is_party(ev, &m->tomb[i].deleter))
            return VERDICT_BLOCKED;
    }
    for (size_t i = 0; i < m->n_stored; i++) {
        if (event_id_eq(&m->stored[i]->ev->id, &ev->id))
            return VERDICT_DUPLICATE;
    }
    for (size_t i = 0; ne->has_address && i < m->n_floors; i++) {
        if (memcmp(m->floor[i].address, ne->address, 32) == 0 &&
            ev->created_at <= m->floor[i].up_to)
            return VERDICT_BLOCKED;
    }
    for (size_t i = 0; ne->has_address && i < m->n_stored; i++) {
        const struct new_event *other = m->stored[i];

        if (other->has_address && memcmp(other->address, ne->address, 32) == 0 &&
            (other->ev->created_at > ev->created_at || (other->ev->created_at == ev->created_at &&
                                                        memcmp(other->ev->id.b, ev->id.b, 32) < 0)))
            return VERDICT_STALE;
    }
    return VERDICT_ACCEPTED;
}

static void model_floor(struct model *m, const uint8_t address[32], int64_t up_to)
{
    struct floor *f = &m->floor[m->n_floors++];

    *f = (struct floor){.up_to = up_to, .by_author = true};
    memcpy(f->address, address, sizeof f->address);
}

static void model_delete_id(struct model *m, const struct event_id *id,
                            const struct pubkey *deleter)
{
    m->tomb[m->n_tombs++] = (struct tombstone){*id, *deleter};
    for (size_t i = m->n_stored; i-- > 0;) {
        const struct new_event *ne = m->stored[i];

        if (!event_id_eq(&ne->ev->id, id) || !is_party(ne->ev, deleter) ||
            ne->ev->kind == KIND_DELETION || ne->ev->kind == KIND_VANISH)
            continue;
        if (ne->has_address)
            model_floor(m, ne->address, ne->ev->created_at);
        model_remove(m, i);
    }
}

static void model_delete_address(struct model *m, const uint8_t address[32], int64_t up_to)
{
    model_floor(m, address, up_to);
    for (size_t i = m->n_stored; i-- > 0;) {
        if (m->stored[i]->has_address && memcmp(m->stored[i]->address, address, 32) == 0 &&
            m->stored[i]->ev->created_at <= up_to)
            model_remove(m, i);
    }
}

static void model_apply(struct model *m, const struct new_event *ne)
{
    const struct event *ev = ne->ev;

    for (size_t i = m->n_stored; ne->has_address && i-- > 0;) {
        if (m->stored[i]->has_address && memcmp(m->stored[i]->address, ne->address, 32) == 0)
            model_remove(m, i);
    }
    m->stored[m->n_stored++] = ne;
    for (uint32_t t = 0; ev->kind == KIND_DELETION && t < ev->n_tags; t++) {
        struct event_id id;
        uint8_t address[32];

        if (deletion_names_event(&ev->tag[t], &id))
            model_delete_id(m, &id, &ev->pubkey);
        else if (deletion_names_address(ev, &ev->tag[t], address))
            model_delete_address(m, address, ev->created_at);
    }
    if (ev->kind != KIND_VANISH)
        return;
    m->vanish[m->n_vanish++] = vanish_of_request(ne);
    for (size_t i = m->n_stored; i-- > 0;) {
        const struct event *old = m->stored[i]->ev;

        if ((pubkey_eq(&old->pubkey, &ev->pubkey) && old->kind != KIND_VANISH &&
             old->created_at <= ev->created_at) ||
            (old->kind == KIND_GIFT_WRAP && event_names_pubkey(old, &ev->pubkey)))
            model_remove(m, i);
    }
}

/* What the database would answer about everything: more than a batch asks for, which must not
 * matter. */
static void model_known(const struct model *m, struct made_events *mem, struct write_known *k)
{
    struct event_id *stored = arena_calloc(&mem->arena, m->n_stored, sizeof *stored);
    struct holder *holder = arena_calloc(&mem->arena, m->n_stored, sizeof *holder);

    *k = (struct write_known){.stored = stored,
                              .holder = holder,
                              .tombstone = m->tomb,
                              .floor = m->floor,
                              .vanish = m->vanish,
                              .n_tombstones = m->n_tombs,
                              .n_floors = m->n_floors,
                              .n_vanish = m->n_vanish};
    for (size_t i = 0; i < m->n_stored; i++) {
        const struct new_event *ne = m->stored[i];

        if (ne->has_address) {
            struct holder *h = &holder[k->n_holders++];

            *h = (struct holder){.id = ne->ev->id,
                                 .pubkey = ne->ev->pubkey,
                                 .created_at = ne->ev->created_at,
                                 .seq = i + 1};
            memcpy(h->address, ne->address, 32);
        } else {
            stored[k->n_stored++] = ne->ev->id;
        }
    }
}

static bool is_among(const struct model *m, const struct new_event *ne)
{
    for (size_t i = 0; i < m->n_stored; i++) {
        if (m->stored[i] == ne)
            return true;
    }
    return false;
}

static bool is_replaced(const struct write_plan *plan, uint64_t seq)
{
    for (size_t i = 0; i < plan->n_replaced; i++) {
        if (plan->replaced[i] == seq)
            return true;
    }
    return false;
}

static void run_model(unsigned seed)
{
    static struct model model, before;
    struct made_events mem;
    struct write_known known;
    struct write_plan plan;
    struct new_event *ne[24];
    enum verdict expected[24];

    made_init(&mem);
    memset(&model, 0, sizeof model);
    for (int round = 0; round < 4; round++) {
        size_t n = 1 + made_number(&seed, ARRAY_LEN(ne));

        before = model;
        model_known(&before, &mem, &known);
        for (size_t i = 0; i < n; i++) {
            ne[i] = made_random(&mem, &seed);
            expected[i] = model_judge(&model, ne[i]);
            if (expected[i] == VERDICT_ACCEPTED)
                model_apply(&model, ne[i]);
        }
        assert_true(write_plan_make(ne, n, &known, &mem.arena, &plan));
        for (size_t i = 0; i < n; i++) {
            if (ne[i]->verdict != expected[i])
                fail_msg("seed %u, round %d, event %zu of %zu: %s instead of %s", seed, round, i, n,
                         verdict_name(ne[i]->verdict), verdict_name(expected[i]));
            assert_int_equal(ne[i]->insert, is_among(&model, ne[i]));
        }
        for (size_t i = 0; i < before.n_stored; i++) {
            if (before.stored[i]->has_address && is_replaced(&plan, i + 1))
                assert_false(is_among(&model, before.stored[i]));
        }
    }
    made_free(&mem);
}

static void test_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 3000; seed++)
        run_model(seed);
}

/* ---- addresses in deletions ---- */

static void test_addresses(void **state)
{
    static const struct {
        const char *event;
        bool named;
    } cases[] = {
        {"21 a 5 200 a=30000:a:x", true},
        {"21 a 5 200 a=30000:a:", true},
        {"21 a 5 200 a=30000:a:x:y", true},
        {"21 a 5 200 a=30000:b:x", false},
        {"21 a 5 200 a=1:a:x", false},
        {"21 a 5 200 a=20000:a:x", false},
        {"21 a 5 200 a=x", false},
        {"21 a 5 200 a=030000:a:x", true}, /* the helper's %d drops the zero */
        {"21 a 5 200 a=99999:a:x", false},
        {"21 a 5 200 e=11", false},
    };
    struct made_events m;
    uint8_t address[32];

    (void)state;
    made_init(&m);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct event *ev = made_event(&m, cases[i].event)->ev;

        if (deletion_names_address(ev, &ev->tag[0], address) != cases[i].named)
            fail_msg("%s", cases[i].event);
    }
    made_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
