#ifndef EVENT_HANDLER_MANAGE_METHOD_H
#define EVENT_HANDLER_MANAGE_METHOD_H
/*
 * The methods of NIP-86 and our own: one ordered table (dispatch.c) of name, right and function;
 * the functions are in methods_<area>.c. The manage thread.
 */
#include <jansson.h>

#include "access/access.h"
#include "base/buf.h"
#include "manage/change.h"
#include "store/db.h"

struct config;
struct ingest;

/* Admins and the operator may do everything; a moderator has a set of these (grantmoderator). */
enum manage_right {
    RIGHT_ANY = 0,          /* whoever may call at all */
    RIGHT_PEOPLE = 1,       /* ban and allow pubkeys */
    RIGHT_EVENTS = 2,       /* ban and allow events */
    RIGHT_REPORTS = 4,      /* see and resolve reports */
    RIGHT_KINDS = 8,        /* allow and refuse kinds */
    RIGHT_ADDRESSES = 16,   /* block IP addresses */
    RIGHT_RELAY = 32,       /* name, description, icon */
    RIGHT_ROLES = 64,       /* roles and who has them (NIP-43) */
    RIGHT_INVITES = 128,    /* invitations (NIP-43) */
    RIGHT_POLICY = 256,     /* explainpolicy */
    RIGHT_TRUST = 512,      /* the Web of Trust */
    RIGHT_RETENTION = 1024, /* what is kept for how long */
    RIGHT_AUDIT = 2048,     /* the audit log, and undoing what is in it */
    RIGHT_ADMIN = 1 << 30,  /* never granted: admins and the operator only */
};

enum manage_role {
    ROLE_OPERATOR, /* on the internal network, with INTERNAL_TOKEN */
    ROLE_ADMIN,    /* ADMIN_PUBKEY, CO_ADMIN_PUBKEYS */
    ROLE_MODERATOR
};

struct manage_caller {
    enum manage_role role;
    struct pubkey pubkey; /* zero for the operator */
    char actor[65];       /* hex of the pubkey, or "operator": for the audit log */
    const char *address;  /* as text; "" when unknown */
    unsigned rights;      /* of a moderator */
};

struct manage_call {
    struct db *db; /* connected; no transaction is open */
    const struct access_view *view;
    const struct config *cfg;
    struct ingest *ingest; /* may be NULL */
    struct manage_caller caller;
    const char *method;
    const json_t *params; /* an array */
    json_t *result;       /* set by the method; the dispatcher lets go of it */
    char error[512];      /* the sentence of a refusal */
};

/*
 * OK: result is set (leaving it NULL answers true). ERR_INVALID: error says why, the caller gets it
 * as {"error":...}; without a sentence, and for other errors, the database is at fault. An open
 * transaction is rolled back by the dispatcher.
 */
typedef enum err manage_method_fn(struct manage_call *call);

struct manage_method {
    const char *name;
    unsigned right;
    manage_method_fn *run;
};

/* The table; without supportedmethods itself, whose answer it is. */
extern const struct manage_method manage_methods[];
extern const size_t n_manage_methods;

/* Sets error and returns ERR_INVALID. */
NODISCARD enum err manage_refuse(struct manage_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* In whose name the call changes things; borrows from it. */
struct change_author manage_author(const struct manage_call *call);

/* The names of rights, for grantmoderator and its kin; the array ends with NULL. */
struct manage_right_name {
    const char *name;
    unsigned right;
};
extern const struct manage_right_name manage_right_names[];

/* Whoever runs the methods. */
struct manage_env {
    const struct config *cfg;
    struct access *access;
    struct ingest *ingest; /* may be NULL */
    struct db *db;
};

/*
 * Answers the envelope of POST /v1/manage: 200 with out filled, 400 when the envelope is malformed,
 * 503 when the database is away.
 */
NODISCARD int manage_answer(const struct manage_env *env, struct slice envelope, struct buf *out);

/* The right that changing an area of the moderation table takes. */
unsigned manage_area_right(const char *area);

/* ---- methods_<area>.c ---- */

/* methods_people.c: pubkeys, events, and the lists of both */
manage_method_fn method_banpubkey, method_unbanpubkey, method_allowpubkey, method_unallowpubkey,
    method_listbannedpubkeys, method_listallowedpubkeys, method_banevent, method_allowevent,
    method_listbannedevents;
/* methods_relay.c: texts, kinds, addresses */
manage_method_fn method_changerelayname, method_changerelaydescription, method_changerelayicon,
    method_allowkind, method_disallowkind, method_listallowedkinds, method_listdisallowedkinds,
    method_blockip, method_unblockip, method_listblockedips;
/* methods_members.c: roles, members, invitations (NIP-43) */
manage_method_fn method_createrole, method_editrole, method_deleterole, method_listroles,
    method_assignrole, method_unassignrole, method_addmember, method_removemember,
    method_listmembers, method_createinvite, method_listinvites, method_revokeinvite;
/* methods_reports.c */
manage_method_fn method_listeventsneedingmoderation, method_listreports, method_resolvereport;
/* methods_audit.c: who did what, and who may */
manage_method_fn method_whoami, method_listaudit, method_undo, method_grantmoderator,
    method_revokemoderator, method_listmoderators, method_stats;
/* methods_trust.c: the Web of Trust */
manage_method_fn method_wotstatus, method_wotexplain, method_wotrebuild;
/* methods_policy.c */
manage_method_fn method_explainpolicy;
/* methods_retention.c */
manage_method_fn method_retentionplan, method_retentionstatus;

#endif
