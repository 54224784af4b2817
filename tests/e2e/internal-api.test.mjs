// The event handler's HTTP API, as docs/PROTOCOL.md describes it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const TOKEN = 'a-token-for-tests';
let stack, base;
before(async () => {
    stack = await startStack({ env: { INTERNAL_TOKEN: TOKEN } });
    base = `http://127.0.0.1:${stack.handlerPort()}`;
});
after(() => stack.stop());

const call = (path, options = {}) => fetch(base + path, { ...options, headers: { Authorization: `Bearer ${TOKEN}`, ...options.headers } });

function record(event, { auth = [], address = '127.0.0.1' } = {}) {
    const body = Buffer.concat([Buffer.from([auth.length]), ...auth.map((p) => Buffer.from(p, 'hex')), Buffer.from([address.length]), Buffer.from(address), Buffer.from(typeof event === 'string' ? event : JSON.stringify(event))]);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    return Buffer.concat([head, body]);
}

const publish = async (...records) => {
    const res = await call('/v1/events', { method: 'POST', body: Buffer.concat(records) });
    assert.equal(res.status, 200);
    return (await res.text()).trimEnd().split('\n').map((line) => ({ seq: Number(line.split(' ')[0]), ok: JSON.parse(line.slice(line.indexOf(' ') + 1)) }));
};

const query = async (request) => {
    const res = await call('/v1/query', { method: 'POST', body: JSON.stringify(request) });
    assert.equal(res.status, 200);
    const lines = (await res.text()).trimEnd().split('\n').map((l) => JSON.parse(l));
    const end = lines.pop();
    assert.equal(end.end, true);
    return { events: lines, end };
};

describe('internal API', () => {
    it('wants the token on /v1, not on health and metrics', async () => {
        for (const [method, path] of [['GET', '/v1/feed?after=0'], ['POST', '/v1/query'], ['POST', '/v1/count'], ['POST', '/v1/events']])
            for (const Authorization of [undefined, 'Bearer wrong', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN])
                assert.equal((await fetch(base + path, { method, headers: Authorization && { Authorization }, body: method === 'POST' ? '{}' : undefined })).status, 401, `${path} ${Authorization}`);
        for (const path of ['/healthz', '/readyz', '/metrics']) assert.equal((await fetch(base + path)).status, 200, path);
    });

    it('404 for unknown paths, 405 for wrong methods, 400 for malformed bodies', async () => {
        assert.equal((await call('/nothing')).status, 404);
        assert.equal((await call('/v2/events', { method: 'POST' })).status, 404);
        assert.equal((await call('/v1/events')).status, 405);
        assert.equal((await call('/v1/feed', { method: 'POST', body: 'x' })).status, 405);
        for (const body of ['', 'x', '{}', '{"filters":5}', '{"filters":[]}', '{"filters":[{"authors":["x"]}]}', '[]', '{"filters":[{}],"readers":["zz"]}'])
            assert.equal((await call('/v1/query', { method: 'POST', body })).status, 400, body);
        for (const body of [Buffer.from([0, 0, 0]), Buffer.from([0, 0, 0, 9, 0]), Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.from([0, 0, 0, 2, 17, 0])])
            assert.equal((await call('/v1/events', { method: 'POST', body })).status, 400);
        assert.equal((await call('/v1/feed?after=x')).status, 400);
    });

    it('a batch gets one verdict per record, in order, good and bad mixed', async () => {
        const a = new Person(), good = a.note(word()), bad = { ...a.note('y'), content: 'z' };
        const verdicts = await publish(record(good), record(bad), record('{"id":5}'), record(good), record('nonsense'));
        assert.deepEqual(verdicts.map((v) => [v.ok[0], v.ok[1]]), [[good.id, true], [bad.id, false], ['', false], [good.id, true], ['', false]]);
        assert.match(verdicts[3].ok[2], /^duplicate: /);
        assert.ok(verdicts[0].seq > 0);
        const { events, end } = await query({ filters: [{ ids: [good.id] }], min_seq: verdicts[0].seq });
        assert.deepEqual(events, [good]);
        assert.ok(end.seq >= verdicts[0].seq);
    });

    it('readers decide over private kinds; hidden says that some were withheld', async () => {
        const [a, b] = [new Person(), new Person()];
        const dm = a.event({ kind: 4, tags: [['p', b.pubkey]] });
        await publish(record(dm));
        const filters = [{ authors: [a.pubkey] }];
        assert.deepEqual((await query({ filters, readers: [b.pubkey] })).events, [dm]);
        for (const readers of [[], [hex()]]) {
            const answer = await query({ filters, readers });
            assert.deepEqual(answer.events, []);
            assert.equal(answer.end.hidden, true);
        }
    });

    it('the feed lists what was stored after a seq, in order, page by page, and the head', async () => {
        const a = new Person(), events = Array.from({ length: 25 }, () => a.note(word()));
        const head = async (after, limit = '') => {
            const text = await (await call(`/v1/feed?after=${after}${limit && `&limit=${limit}`}`)).text();
            const [first, ...lines] = text.trimEnd().split('\n');
            const [version, prev, seq] = first.split(' ').map(Number);
            assert.equal(version, 1);
            return { prev, seq, lines: lines.map((l) => ({ seq: Number(l.split(' ')[0]), event: JSON.parse(l.slice(l.indexOf(' ') + 1)) })) };
        };
        const start = (await head('18446744073709551615')).seq;
        await publish(...events.map((e) => record(e)));
        const got = [];
        for (let after = start; ; ) {
            const page = await head(after, 10);
            assert.equal(page.prev, after);
            got.push(...page.lines);
            if (page.seq === after || page.lines.length === 0) break;
            after = page.seq;
        }
        assert.deepEqual(got.map((l) => l.event.id).sort(), events.map((e) => e.id).sort());
        assert.deepEqual(got.map((l) => l.seq), got.map((_, i) => start + 1 + i));
        const after = await query({ filters: [{ authors: [a.pubkey] }], after: start + 20 });
        assert.deepEqual(after.events.map((e) => e.id), got.slice(20).map((l) => l.event.id));
    });

    it('count answers as documented', async () => {
        const a = new Person();
        await publish(record(a.note('1')), record(a.note('2')));
        const res = await call('/v1/count', { method: 'POST', body: JSON.stringify({ filters: [{ authors: [a.pubkey] }] }) });
        const [answer, cost] = (await res.text()).trim().split('\n').map((line) => JSON.parse(line));
        assert.deepEqual(answer, { count: 2, approximate: false });
        assert.ok(Number.isInteger(cost.cost) && cost.cost >= 0);
    });

    it('a body over the cap is refused with 413 without being read whole', async () => {
        const status = await call('/v1/query', { method: 'POST', body: 'x'.repeat(64 * 1024 * 1024) }).then((r) => r.status, () => 'cut');
        assert.ok(status === 413 || status === 'cut', String(status));
    });
});
