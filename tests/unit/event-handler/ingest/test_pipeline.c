#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/pipeline.h"

static void no_answer(struct ingest_batch *b, void *ctx)
{
    (void)b;
    (void)ctx;
}

static struct ingest_batch *make_batch(size_t records, size_t text)
{
    struct ingest_batch *b;
    struct buf body;
    char *event = calloc(1, text + 1);

    assert_non_null(event);
    buf_init(&body, 64 * MIB);
    for (size_t i = 0; i < records; i++)
        ingest_record_write(&body, &(struct ingest_record){.event = slice_of(event, text)});
    assert_int_equal(batch_new(&body, 1000, no_answer, NULL, NULL, &b), OK);
    assert_null(body.ptr);
    free(event);
    return b;
}

static void test_chunks(void **state)
{
    static const struct {
        size_t records, text, chunks;
    } rows[] = {
        {0, 0, 1},
        {1, 10, 1},
        {16, 10, 1},
        {17, 10, 2},
        {3, CHUNK_BYTES, 3},
        {4, CHUNK_BYTES / 2, 2},
        {2, 2 * CHUNK_BYTES, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ingest_batch *b = make_batch(rows[i].records, rows[i].text);
        size_t items = 0;

        assert_int_equal(b->n_items, rows[i].records);
        assert_int_equal(b->n_chunks, rows[i].chunks);
        for (size_t c = 0; c < b->n_chunks; c++) {
            assert_ptr_equal(b->chunk[c].item, b->n_items ? &b->item[items] : NULL);
            items += b->chunk[c].n;
        }
        assert_int_equal(items, rows[i].records);
        ingest_batch_free(b);
    }
}

static void test_malformed(void **state)
{
    struct ingest_batch *b;
    struct buf body;

    (void)state;
    buf_init(&body, MIB);
    ingest_record_write(&body, &(struct ingest_record){.event = SLICE("{}")});
    buf_add_str(&body, "xyz");
    assert_int_equal(batch_new(&body, 1000, no_answer, NULL, NULL, &b), OK);
    assert_int_equal(b->status, 400);
    assert_int_equal(b->n_items, 0);
    assert_int_equal(b->n_chunks, 1);
    ingest_batch_free(b);
}

/* Checked in any order, released in order of arrival. */
static void test_order(void **state)
{
    struct ingest_batch *first = make_batch(40, 10),
                        *second = make_batch(5, 10); /* 3 chunks, 1 chunk */
    struct ingest_item *taken[50];
    struct pipeline p;
    struct chunk *c[4];
    struct list released;

    (void)state;
    pipeline_init(&p, 1000, MIB);
    for (size_t i = 0; i < first->n_items; i++)
        first->item[i].route = i == 3 ? ROUTE_DECIDED : ROUTE_STORE;
    for (size_t i = 0; i < second->n_items; i++)
        second->item[i].route = ROUTE_STORE;
    assert_int_equal(pipeline_submit(&p, first), OK);
    assert_int_equal(pipeline_submit(&p, second), OK);
    for (int i = 0; i < 4; i++)
        c[i] = pipeline_next_chunk(&p);
    assert_ptr_equal(c[3]->batch, second);

    pipeline_release(&p, c[3], &released);
    assert_true(list_empty(&released));
    pipeline_release(&p, c[1], &released);
    assert_true(list_empty(&released));
    pipeline_release(&p, c[0], &released);
    assert_ptr_equal(list_pop(&released), &c[0]->link);
    assert_ptr_equal(list_pop(&released), &c[1]->link);
    assert_true(list_empty(&released));
    assert_int_equal(pipeline_take(&p, taken, 10, MIB), 10);
    assert_ptr_equal(taken[3], &first->item[4]); /* the third was refused */
    assert_int_equal(pipeline_take(&p, taken, 50, MIB), 21);
    pipeline_release(&p, c[2], &released);
    assert_int_equal(pipeline_take(&p, taken, 50, MIB), 13);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(taken[8 + i], &second->item[i]);
    pipeline_leave(&p, first->n_items, first->body.len);
    pipeline_leave(&p, second->n_items, second->body.len);
    assert_true(pipeline_drain(&p, 0));
    pipeline_deinit(&p);
    ingest_batch_free(first);
    ingest_batch_free(second);
}

static void test_bounds(void **state)
{
    struct ingest_batch *large = make_batch(20, 100), *small = make_batch(1, 100);
    struct pipeline p;

    (void)state;
    pipeline_init(&p, 10, MIB);
    assert_int_equal(pipeline_submit(&p, large), OK); /* into an empty pipeline always */
    assert_int_equal(pipeline_submit(&p, small), ERR_BUSY);
    assert_false(pipeline_drain(&p, 0));
    pipeline_leave(&p, 20, large->body.len);
    assert_int_equal(pipeline_submit(&p, small), OK);
    pipeline_leave(&p, 1, small->body.len);
    pipeline_close(&p);
    assert_int_equal(pipeline_submit(&p, small), ERR_BUSY);
    pipeline_deinit(&p);
    ingest_batch_free(large);
    ingest_batch_free(small);
}

static void test_settle(void **state)
{
    struct ingest_batch *b = make_batch(20, 10); /* 2 chunks */

    (void)state;
    assert_false(batch_settle(b, 0));
    assert_false(batch_settle(b, 20));
    assert_false(batch_settle(b, 1));
    assert_true(batch_settle(b, 1));
    ingest_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_order),  cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_settle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
