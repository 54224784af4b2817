/* The Web of Trust: how it stands, why somebody is in it or not, and building it anew. */
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "manage/method.h"
#include "manage/params.h"

enum { FOLLOWERS_SHOWN = 20, GENERATIONS_SHOWN = 10, PEOPLE_STEP = 500 };

/* Rows of a statement as a list of objects; what each column is called and holds is in spec, a
 * letter a column: i integer, t text, b boolean. */
static enum err list_rows(struct manage_call *call, const char *name, const char *sql,
                          const struct db_params *p, const char *spec, const char *const *columns,
                          json_t **out)
{
    PGresult *r;
    enum err err = db_exec(call->db, name, sql, p, &r);

    if (err)
        return err;
    *out = json_array();
    for (int row = 0; row < PQntuples(r); row++) {
        json_t *object = json_object();

        for (int c = 0; spec[c]; c++) {
            struct slice text = db_get_slice(r, row, c);

            if (!text.ptr)
                continue;
            if (spec[c] == 'i')
                json_object_set_new(object, columns[c], json_integer(db_get_int8(r, row, c)));
            else if (spec[c] == 'b')
                json_object_set_new(object, columns[c], json_boolean(db_get_bool(r, row, c)));
            else
                json_object_set_new(object, columns[c], json_stringn(text.ptr, text.len));
        }
        json_array_append_new(*out, object);
    }
    PQclear(r);
    return OK;
}

static json_t *count_people(const struct trust_table *t)
{
    json_int_t trusted = 0, known = 0, others = 0, muted = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct trust_entry *e = &t->entry[i];

        trusted += e->trusted && e->level <= 1;
        known += e->trusted && e->level > 1;
        others += !e->trusted;
        muted += e->muted;
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "trusted", trusted, "known", known, "others", others,
                     "muted", muted);
}

/* [] -> what is in use, and the latest generations */
enum err method_wotstatus(struct manage_call *call)
{
    static const char *const columns[] = {"generation", "made_at", "reason",  "published",
                                          "trusted",    "added",   "removed", "refused"};
    const struct trust_table *t = call->view->trust;
    json_t *generations;
    struct db_params p;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, GENERATIONS_SHOWN);
    err = list_rows(call, "wot_status",
                    "SELECT generation, made_at, reason, published, trusted::bigint,"
                    " added::bigint, removed::bigint, refused FROM wot_generations"
                    " ORDER BY generation DESC LIMIT $1",
                    &p, "iitbiiit", columns, &generations);
    db_params_reset(&p);
    if (err)
        return err;
    call->result = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "enabled", call->cfg->wot_enabled, "generation",
        (json_int_t)t->generation, "age_seconds",
        (json_int_t)(t->generation ? clock_unix() - t->finished_unix : 0), "depth",
        (json_int_t)call->cfg->wot_depth, "min_followers", (json_int_t)call->cfg->wot_min_followers,
        "memory_bytes", (json_int_t)trust_table_memory(t), "people", count_people(t), "generations",
        generations);
    return OK;
}

/* Those of n people whose lists name key, at most so many. */
static enum err find_followers(struct manage_call *call, const struct pubkey *key,
                               const struct slice *people, size_t n, json_t *out)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, key->b, sizeof key->b);
    db_param_bytea_array(&p, people, n);
    db_param_int8(&p, FOLLOWERS_SHOWN - (int64_t)json_array_size(out));
    err = db_exec(call->db, "wot_followers",
                  "SELECT author FROM wot_lists WHERE kind = 3 AND author = ANY($2::bytea[])"
                  " AND position($1::bytea IN keys) % 32 = 1 LIMIT $3",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    for (int i = 0; i < PQntuples(r); i++) {
        struct slice author = db_get_slice(r, i, 0);
        char hex[65] = "";

        hex_encode((const uint8_t *)author.ptr, author.len, hex);
        json_array_append_new(out, json_string(hex));
    }
    PQclear(r);
    return OK;
}

/* Some of those of the circle who follow key. Only their lists are looked at: anybody may store
 * one. */
static enum err list_followers(struct manage_call *call, const struct pubkey *key, size_t followers,
                               json_t *out)
{
    size_t wanted = followers < FOLLOWERS_SHOWN ? followers : FOLLOWERS_SHOWN, n = 0;
    const struct trust_table *t = call->view->trust;
    struct slice people[PEOPLE_STEP];
    enum err err = OK;

    for (size_t i = 0; !err && i < t->n && json_array_size(out) < wanted; i++) {
        const struct trust_entry *e = &t->entry[i];

        if (e->trusted && e->level < call->cfg->wot_depth)
            people[n++] = slice_of((const char *)e->pubkey.b, sizeof e->pubkey.b);
        if (n == PEOPLE_STEP || (n > 0 && i + 1 == t->n)) {
            err = find_followers(call, key, people, n, out);
            n = 0;
        }
    }
    return err;
}

/* [pubkey] -> tier, why, and who of the circle follows */
enum err method_wotexplain(struct manage_call *call)
{
    struct standing s;
    struct pubkey pk;
    json_t *followers;
    char hex[65];
    enum err err;

    if (!param_pubkey(call, 0, hex))
        return ERR_INVALID;
    (void)!hex_decode(slice_of(hex, 64), pk.b, sizeof pk.b);
    s = access_standing(call->view, &pk);
    followers = json_array();
    err = list_followers(call, &pk, s.followers, followers);
    if (err) {
        json_decref(followers);
        return err;
    }
    call->result = json_pack(
        "{s:s, s:s, s:s, s:o, s:i, s:I, s:o, s:I}", "pubkey", hex, "tier", tier_name(s.tier), "why",
        s.why, "level", s.level == TRUST_LEVEL_NONE ? json_null() : json_integer(s.level),
        "followers", (int)s.followers, "needed", (json_int_t)call->cfg->wot_min_followers,
        "followed_by", followers, "generation", (json_int_t)call->view->trust->generation);
    return OK;
}

/* ["force"?]: the leader begins within a second */
enum err method_wotrebuild(struct manage_call *call)
{
    const char *word;
    struct db_params p;
    PGresult *r;
    enum err err;

    if (!call->cfg->wot_enabled || access_lacks_admin(call->view))
        return manage_refuse(call, "the web of trust needs WOT_ENABLED=True and ADMIN_PUBKEY");
    if (!param_optional_text(call, 0, "\"force\"", &word))
        return ERR_INVALID;
    if (word[0] && strcmp(word, "force") != 0)
        return manage_refuse(call, "invalid params: number 1 must be \"force\" or left out");
    db_params_init(&p);
    db_param_int8(&p, clock_unix());
    db_param_bool(&p, word[0] != '\0');
    err = db_exec(call->db, "wot_request",
                  "INSERT INTO wot_requests (asked_at, force) VALUES ($1, $2)", &p, &r);
    db_params_reset(&p);
    if (!err)
        PQclear(r);
    return err;
}
