#ifndef EVENT_HANDLER_TRUST_CRAWL_TALK_H
#define EVENT_HANDLER_TRUST_CRAWL_TALK_H
/*
 * The conversation with one relay, without its connection: what to say next, what to make of an
 * answer, and when to give up. Time is handed in, milliseconds of clock_mono_ms(). One thread.
 */
#include "trust/crawl_judge.h"
#include "trust/crawl_queue.h"

enum crawl_turn {
    CRAWL_WAIT, /* for an answer, until crawl_talk_due() */
    CRAWL_SAY,  /* t->words holds what is to be sent */
    CRAWL_DONE, /* all was asked and answered */
    CRAWL_FAIL, /* t->report->error says why */
};

struct crawl_talk {
    const struct crawl_request *request; /* borrowed, as are the following */
    struct crawl_judge *judge;
    struct crawl_relay_report *report;
    struct crawl_queue queue;
    struct arena arena; /* of one message */
    struct buf words;
    char sub_id[16];
    unsigned n_questions;
    bool asked;      /* a question is open */
    bool complained; /* a NOTICE came since, and no event */
    bool failed;
    uint64_t due_ms; /* the end of patience; while no question is open: when to ask the next */
    unsigned n_slow; /* questions without EOSE in time */
    unsigned n_faults;
};

void crawl_talk_init(struct crawl_talk *t, const struct crawl_request *request,
                     struct crawl_judge *judge, struct crawl_relay_report *report,
                     const struct crawl_queue *queue);
void crawl_talk_deinit(struct crawl_talk *t);

/* What now? Call it when connected, after each message, and when due. */
enum crawl_turn crawl_talk_turn(struct crawl_talk *t, uint64_t now_ms);
/* Milliseconds of the clock at which crawl_talk_turn() is due though nothing comes. */
uint64_t crawl_talk_due(const struct crawl_talk *t);
/* A message of the relay; events that are taken go to the request's on_event. */
void crawl_talk_hear(struct crawl_talk *t, struct slice text, uint64_t now_ms);

#endif
