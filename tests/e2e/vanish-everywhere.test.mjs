// NIP-62 on two front ends and two event handlers: what vanishes is gone from every table and every replica, and stays refused.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';
import { Manager } from './lib/manage.mjs';

const TOKEN = 'a-token-for-tests', admin = new Person();
let stack, clients;
before(async () => {
    stack = await startStack({ frontEnds: 2, eventHandlers: 2, env: { NOSTPY_DOMAIN: 'relay.test', INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey } });
    clients = await Promise.all([0, 1].map((i) => Client.open(stack.url(i))));
});
after(() => stack.stop());

const vanish = (p, created_at) => p.event({ kind: 62, created_at, content: '', tags: [['relay', 'ALL_RELAYS']] });
const login = async (i, person) => {
    const c = await Client.open(stack.url(i)), event = person.auth(await c.challenge(), 'wss://relay.test');
    c.send(['AUTH', event]);
    await c.find((m) => m[0] === 'OK' && m[1] === event.id && m[2]);
    return c;
};
// Every row of every table that holds the hex or the bytes of a key, by table; the request itself and what refuses a return aside.
const traces = async (key) => JSON.parse(await stack.sql(`
    SELECT coalesce(json_object_agg(t, n), '{}') FROM (
        SELECT 'events' t, count(*) n FROM events WHERE kind <> 62 AND (pubkey = decode('${key}', 'hex') OR (kind = 1059 AND event LIKE '%${key}%'))
        UNION ALL SELECT 'event_tags', count(*) FROM event_tags x WHERE NOT EXISTS (SELECT FROM events e WHERE e.seq = x.seq)
        UNION ALL SELECT 'event_search', count(*) FROM event_search x WHERE NOT EXISTS (SELECT FROM events e WHERE e.seq = x.seq)
        UNION ALL SELECT 'withheld_events', count(*) FROM withheld_events WHERE pubkey = decode('${key}', 'hex') OR event LIKE '%${key}%'
        UNION ALL SELECT 'event_history', count(*) FROM event_history WHERE pubkey = decode('${key}', 'hex')
        UNION ALL SELECT 'reports', count(*) FROM reports WHERE reporter = decode('${key}', 'hex')
        UNION ALL SELECT 'wot_lists', count(*) FROM wot_lists WHERE author = decode('${key}', 'hex')
    ) x WHERE n > 0`));

describe('vanishing', () => {
    it('leaves nothing in any table, and nothing comes back on any replica', async () => {
        const a = new Person(), b = new Person(), t = now() - 100, operator = new Manager(stack, null, { token: TOKEN });
        await operator.call('allowpubkey', a.pubkey);
        const mine = [];
        const add = async (i, event) => mine.push(await clients[i].accept(event));
        for (let i = 0; i < 4; i++) await add(i % 2, a.event({ kind: 3, created_at: t + i, content: '', tags: [['p', b.pubkey]] }));
        await add(0, a.note(word(), { created_at: t }));
        await add(1, a.event({ kind: 1984, created_at: t, content: 'spam', tags: [['p', b.pubkey, 'spam']] }));
        await add(0, a.event({ kind: 5, created_at: t, content: '', tags: [['e', 'ab'.repeat(32)]] }));
        const hidden = await clients[0].accept(a.note('hidden', { created_at: t }));
        const wraps = [];
        for (const i of [0, 1]) wraps.push(await clients[i].accept(new Person().event({ kind: 1059, created_at: t + 5 * i, tags: [['p', a.pubkey]] })));
        const mention = await clients[0].accept(b.event({ tags: [['p', a.pubkey]] }));
        await operator.call('banevent', hidden.id);
        await until(async () => Object.keys(await traces(a.pubkey)).sort().join() === 'event_history,events,reports,withheld_events', { what: 'traces in many tables' });

        const watchers = await Promise.all([0, 1].map((i) => login(i, a)));
        const request = await clients[1].accept(vanish(a, now()));
        assert.deepEqual(await traces(a.pubkey), {});
        for (const [i, w] of watchers.entries()) {
            assert.deepEqual(await w.ids({ authors: [a.pubkey] }), [request.id], `front end ${i}`);
            assert.deepEqual(await w.ids({ kinds: [1059], '#p': [a.pubkey] }), []);
            assert.deepEqual(await w.ids({ kinds: [3], authors: [a.pubkey], search: 'history:true' }), []);
            assert.equal((await w.count({ authors: [a.pubkey], kinds: [1, 3, 1984] })).count, 0);
            assert.deepEqual(await w.ids({ ids: [mention.id] }), [mention.id], 'what others have said stays');
        }
        for (const c of clients) for (const e of [...mine, ...wraps]) assert.match((await c.publish(e)).message, /^blocked: /);
        await operator.call('allowevent', hidden.id); // nothing is left to bring back
        await until(async () => (await operator.call('stats')).pending_moves === 0);
        assert.deepEqual(await traces(a.pubkey), {});
        await clients[0].accept(a.note('back again', { created_at: now() + 1 }));
    });

    it('a subscriber on the other front end sees none of it, from its ring neither', async () => {
        const a = new Person(), topic = word(), t = now() - 10;
        const notes = Array.from({ length: 300 }, (_, i) => a.event({ created_at: t - i, tags: [['t', topic]], content: 'x'.repeat(2000) }));
        await clients[0].acceptAll(notes);
        const request = await clients[0].accept(vanish(a, now()));
        const late = await Client.open(stack.url(1));
        await until(async () => (await late.ids({ ids: [request.id] })).length === 1);
        const { events } = await late.req('s', { '#t': [topic] });
        assert.deepEqual(events, []);
        await sleep(300);
        assert.deepEqual(late.received('s'), [], 'nor from the ring of the front end');
    });

    it('a long history vanishes while both event handlers store more of it', async () => {
        const a = new Person(), t = now() - 1000;
        for (const i of [0, 1]) await clients[i].acceptAll(Array.from({ length: 990 }, (_, n) => a.event({ created_at: t - n, content: `${i} ${n}` })));
        let going = true, n = 0;
        const more = clients.map(async (c, i) => {
            while (going) await Promise.all(Array.from({ length: 20 }, () => c.publish(a.event({ created_at: t - 2000 - n++, content: `more ${i}` }), 20000)));
        });
        const requester = await Client.open(stack.url(1));
        assert.equal((await requester.publish(vanish(a, t), 30000)).ok, true);
        await sleep(200);
        going = false;
        await Promise.all(more);
        assert.deepEqual(await traces(a.pubkey), {});
    });

    it('a request of long ago, sent by anybody, takes only what is as old', async () => {
        const a = new Person(), t = now() - 30 * 86400;
        const [old, recent] = [t - 10, now() - 100].map((created_at) => new Person().event({ kind: 1059, created_at, tags: [['p', a.pubkey]] }));
        for (const e of [old, recent]) await clients[0].accept(e);
        await clients[1].accept(vanish(a, t));
        const c = await login(0, a);
        assert.deepEqual(await c.ids({ kinds: [1059], '#p': [a.pubkey] }), [recent.id]);
    });
});
