#include "limit/lease.h"

#include <math.h>

#include "base/hex.h"

#define SPENT_PREFIX "tandem:limit:"
#define COUNT_PREFIX "tandem:open:"

/* Tokens cross as thousandths: a script's numbers reach us as integers. */
enum { UNITS = 1000 };

/* ARGV: per key what a full bucket holds, the time to fill it, and what was spent. A debt is never
 * larger than one full bucket. */
static const char spend_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local out = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local full = tonumber(ARGV[3 * i - 2])\n"
    "  local period = tonumber(ARGV[3 * i - 1])\n"
    "  local had = redis.call('HMGET', key, 'level', 'at')\n"
    "  local level = tonumber(had[1]) or full\n"
    "  local past = math.max(now - (tonumber(had[2]) or now), 0)\n"
    "  level = math.min(level + past * full / period, full) - tonumber(ARGV[3 * i])\n"
    "  level = math.max(level, -full)\n"
    "  redis.call('HSET', key, 'level', level, 'at', now)\n"
    "  redis.call('PEXPIRE', key, math.ceil((full - level) * period / full) + 1000)\n"
    "  out[i] = math.floor(level)\n"
    "end\n"
    "return out\n";

/* ARGV: this process, how long its numbers hold, then per key its number. */
static const char count_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local out = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  if tonumber(ARGV[i + 2]) > 0 then\n"
    "    redis.call('HSET', key, ARGV[1], ARGV[i + 2] .. ':' .. (now + ARGV[2]))\n"
    "  else\n"
    "    redis.call('HDEL', key, ARGV[1])\n"
    "  end\n"
    "  local all = redis.call('HGETALL', key)\n"
    "  out[i] = 0\n"
    "  for j = 1, #all, 2 do\n"
    "    local count, expiry = string.match(all[j + 1], '^(%d+):(%d+)$')\n"
    "    if not count or tonumber(expiry) < now then\n"
    "      redis.call('HDEL', key, all[j])\n"
    "    elseif all[j] ~= ARGV[1] then\n"
    "      out[i] = out[i] + count\n"
    "    end\n"
    "  end\n"
    "  redis.call('PEXPIRE', key, ARGV[2])\n"
    "end\n"
    "return out\n";

/* ---- Redis' protocol ---- */

static void add_word(struct buf *out, struct slice word)
{
    buf_printf(out, "$%zu\r\n", word.len);
    buf_add_slice(out, word);
    buf_add_str(out, "\r\n");
}

static void add_number(struct buf *out, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);

    add_word(out, slice_of(text, (size_t)len));
}

static void add_key(struct buf *out, const char *prefix, const struct lease *lease)
{
    char hex[2 * SUBJECT_MAX_BYTES];
    size_t hex_len = 2 * (size_t)lease->subject.len;

    hex_encode(lease->subject.b, lease->subject.len, hex);
    buf_printf(out, "$%zu\r\n%s%s:%.*s\r\n",
               strlen(prefix) + strlen(lease->class_name) + 1 + hex_len, prefix, lease->class_name,
               (int)hex_len, hex);
}

/* EVAL rather than EVALSHA: the script is a few hundred bytes once per batch, and a Redis that has
 * forgotten it needs no second try. */
static void begin(struct buf *out, const char *script, const char *prefix,
                  const struct lease *leases, size_t n, size_t n_args)
{
    buf_printf(out, "*%zu\r\n", 3 + n + n_args);
    add_word(out, SLICE("EVAL"));
    add_word(out, slice_str(script));
    add_number(out, (int64_t)n);
    for (size_t i = 0; i < n; i++)
        add_key(out, prefix, &leases[i]);
}

void lease_write_spent(struct buf *out, const struct lease *leases, size_t n)
{
    begin(out, spend_script, SPENT_PREFIX, leases, n, 3 * n);
    for (size_t i = 0; i < n; i++) {
        add_number(out, leases[i].amount * UNITS);
        add_number(out, leases[i].period_ms);
        add_number(out, llround(leases[i].spent * UNITS));
    }
}

void lease_write_counts(struct buf *out, const char *process, const struct lease *leases, size_t n)
{
    begin(out, count_script, COUNT_PREFIX, leases, n, 2 + n);
    add_word(out, slice_str(process));
    add_number(out, COUNT_TTL_MS);
    for (size_t i = 0; i < n; i++)
        add_number(out, leases[i].count);
}

bool lease_read_reply(const redisReply *reply, int64_t *values, size_t n)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
        values[i] = reply->element[i]->integer;
    }
    return true;
}

double lease_tokens(int64_t value)
{
    return (double)value / UNITS;
}
