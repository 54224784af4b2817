// Recovery of overwritten lists: replaced versions are kept for members and shown to their authenticated owner alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { binary, startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now } from './lib/events.mjs';
import { Manager } from './lib/manage.mjs';

const TOKEN = 'a-token-for-tests';
let stack, client;
before(async () => {
    stack = await startStack({ env: { INTERNAL_TOKEN: TOKEN, HISTORY_VERSIONS: '3', EXPIRY_SWEEP_SECONDS: '1', HISTORY_KINDS: '0,3,10002,30000' } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const login = async (person) => {
    const c = await Client.open(stack.url());
    const event = person.auth(await c.challenge(), stack.url());
    c.send(['AUTH', event]);
    assert.equal((await c.find((m) => m[0] === 'OK' && m[1] === event.id))[2], true);
    return c;
};
const past = (person, more = {}) => ({ kinds: [3], authors: [person.pubkey], search: 'history:true', ...more });
const follows = (person, n, at) => person.event({ kind: 3, created_at: at, content: '', tags: Array.from({ length: n }, () => ['p', new Person().pubkey]) });

describe('overwritten lists', () => {
    it('come back to their owner: newest first, with kinds, since, until and limit', async () => {
        const a = new Person(), t = now() - 100, versions = [];
        for (let i = 0; i < 4; i++) versions.push(await client.accept(follows(a, 3, t + i)));
        const profiles = [];
        for (let i = 0; i < 2; i++) profiles.push(await client.accept(a.event({ kind: 0, created_at: t + 10 + i, content: `{"name":"${i}"}` })));
        const c = await login(a), ids = versions.map((e) => e.id);
        assert.deepEqual(await c.ids(past(a)), [ids[2], ids[1], ids[0]]);
        assert.deepEqual((await c.query(past(a))).events[0], versions[2]);
        assert.deepEqual(await c.ids(past(a, { kinds: [0, 3] })), [profiles[0].id, ids[2], ids[1], ids[0]]);
        assert.deepEqual(await c.ids(past(a, { kinds: [10002] })), []);
        assert.deepEqual(await c.ids(past(a, { since: t + 1 })), [ids[2], ids[1]]);
        assert.deepEqual(await c.ids(past(a, { until: t + 1 })), [ids[1], ids[0]]);
        const limited = await c.query(past(a, { limit: 2 }));
        assert.deepEqual(limited.events.map((e) => e.id), [ids[2], ids[1]]);
        assert.equal(limited.eose[2]?.[0] ?? limited.eose[2], 'more');
        assert.deepEqual(await c.ids({ kinds: [3], authors: [a.pubkey] }), [ids[3]]); // as ever
        c.close();
    });

    it('the good version can be published again', async () => {
        const a = new Person(), t = now() - 50;
        const good = await client.accept(follows(a, 50, t));
        await client.accept(follows(a, 1, t + 1));
        const c = await login(a);
        const [lost] = (await c.query(past(a))).events;
        assert.equal(lost.id, good.id);
        await c.accept(a.event({ kind: 3, created_at: t + 2, content: '', tags: lost.tags }));
        assert.equal((await c.query(past(a))).events.length, 2);
        c.close();
    });

    it('versions of one burst are all kept', async () => {
        const a = new Person(), t = now() - 50;
        const versions = Array.from({ length: 3 }, (_, i) => follows(a, 2, t + i));
        await client.acceptAll(versions);
        const c = await login(a);
        assert.deepEqual(await c.ids(past(a)), [versions[1].id, versions[0].id]);
        c.close();
    });

    it('nobody else sees them', async () => {
        const a = new Person(), b = new Person(), t = now() - 50;
        const old = await client.accept(follows(a, 2, t));
        await client.accept(follows(a, 1, t + 1));
        assert.match((await client.query(past(a))).closed, /^auth-required: /);
        const c = await login(b);
        assert.match((await c.query(past(a))).closed, /^restricted: /);
        assert.match((await c.query(past(a, { authors: [a.pubkey, b.pubkey] }))).closed, /^invalid: /);
        for (const filter of [{ ids: [old.id] }, { kinds: [3], authors: [a.pubkey] }, { '#p': [old.tags[0][1]] }]) assert.ok(!(await c.ids(filter)).includes(old.id));
        for (const readers of [[], [b.pubkey]]) {
            const res = await fetch(`http://127.0.0.1:${stack.handlerPort()}/v1/query`, { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` }, body: JSON.stringify({ filters: [past(a)], readers }) });
            assert.equal(res.status, 400, 'the event handler looks for itself');
        }
        c.close();
    });

    it('malformed requests and COUNT are told so', async () => {
        const a = new Person(), c = await login(a);
        for (const filter of [past(a, { search: 'history:true cats' }), past(a, { kinds: undefined }), past(a, { authors: undefined }), past(a, { '#t': ['x'] })]) assert.match((await c.query(filter)).closed, /^invalid: /);
        assert.match((await c.query(past(a), { kinds: [1] })).closed, /^invalid: .*alone/);
        assert.match((await c.count(past(a))).closed, /^unsupported: /);
        c.close();
    });

    it('no live event follows', async () => {
        const a = new Person(), t = now() - 50, c = await login(a);
        await client.accept(follows(a, 2, t));
        assert.deepEqual((await c.req('past', past(a))).events, []);
        await c.req('now', { kinds: [3], authors: [a.pubkey], limit: 0 });
        const next = await client.accept(follows(a, 1, t + 1));
        await c.live('now', next.id);
        await sleep(200);
        assert.deepEqual(c.received('past'), []);
        c.close();
    });

    it('deletion removes them: one by id, all by address or with the newest', async () => {
        const a = new Person(), b = new Person(), t = now() - 50, c = await login(a), d = await login(b);
        const versions = [];
        for (let i = 0; i < 4; i++) versions.push(await client.accept(follows(a, 1, t + i)));
        await client.accept(a.event({ kind: 5, content: '', tags: [['e', versions[1].id]] }));
        assert.deepEqual(await c.ids(past(a)), [versions[2].id, versions[0].id]);
        await client.accept(a.event({ kind: 5, created_at: t, content: '', tags: [['a', `3:${a.pubkey}:`]] }));
        assert.deepEqual(await c.ids(past(a)), [versions[2].id]);
        await client.accept(a.event({ kind: 5, content: '', tags: [['e', versions[3].id]] }));
        assert.deepEqual(await c.ids(past(a)), []);
        for (let i = 0; i < 3; i++) await client.accept(b.event({ kind: 30000, created_at: t + i, content: '', tags: [['d', 'list']] }));
        assert.equal((await d.ids(past(b, { kinds: [30000] }))).length, 2);
        await client.accept(b.event({ kind: 5, content: '', tags: [['a', `30000:${b.pubkey}:list`]] }));
        assert.deepEqual(await d.ids(past(b, { kinds: [30000] })), []);
        c.close();
        d.close();
    });

    it('a ban hides them', async () => {
        const a = new Person(), t = now() - 50, c = await login(a), operator = new Manager(stack, null, { token: TOKEN });
        await client.accept(follows(a, 2, t));
        const hidden = await client.accept(follows(a, 2, t + 1));
        await client.accept(follows(a, 1, t + 2));
        assert.equal((await c.ids(past(a))).length, 2);
        await operator.call('banevent', hidden.id);
        await until(async () => (await c.ids(past(a))).length === 1, { what: 'the version to be hidden' });
        await operator.call('allowevent', hidden.id);
        await until(async () => (await c.ids(past(a))).length === 2, { what: 'the version to be shown again' });
        c.close();
    });

    it('only the last HISTORY_VERSIONS stay', async () => {
        const a = new Person(), t = now() - 50, c = await login(a);
        for (let i = 0; i < 8; i++) await client.accept(follows(a, 1, t + i));
        await stack.sql(`UPDATE event_history SET replaced_at = replaced_at - 60 WHERE pubkey = decode('${a.pubkey}', 'hex')`);
        await stack.handlers[0].terminate(); // which looks at everything once when it starts
        await stack.handlers[0].start();
        await until(async () => (await stack.sql(`SELECT count(*) FROM event_history WHERE pubkey = decode('${a.pubkey}', 'hex')`)) === '3', { what: 'three versions' });
        assert.equal((await until(async () => { const r = await c.query(past(a)); return r.eose && r; })).events.length, 3);
        c.close();
    });

    it('relayctl asks for them', async () => {
        const a = new Person(), old = await client.accept(follows(a, 2, now() - 50));
        await client.accept(follows(a, 1, now() - 40));
        const run = spawnSync(binary('relayctl'), ['--relay', stack.url(), 'req', JSON.stringify(past(a))], { env: { ...process.env, TANDEM_KEY: Buffer.from(a.secret).toString('hex') }, encoding: 'utf8' });
        assert.equal(run.status, 0, run.stderr);
        assert.deepEqual(JSON.parse(run.stdout), old);
    });
});

describe('guests of a Web of Trust', () => {
    it('have no history', async () => {
        const admin = new Person(), guest = new Person(), t = now() - 50;
        const other = await startStack({ env: { WOT_ENABLED: 'True', ADMIN_PUBKEY: admin.pubkey } });
        try {
            const c = await Client.open(other.url());
            for (const p of [admin, guest]) for (let i = 0; i < 2; i++) await c.accept(p.event({ kind: 3, created_at: t + i, content: '', tags: [] }));
            assert.equal(await other.sql("SELECT string_agg(encode(pubkey, 'hex'), ' ') FROM event_history"), admin.pubkey);
        } finally {
            await other.stop();
        }
    });
});
