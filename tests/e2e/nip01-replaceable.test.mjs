// NIP-01: replaceable, addressable and ephemeral kinds.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(() => stack.stop());

describe('NIP-01 replaceable and addressable events', () => {
    for (const kind of [0, 3, 10002, 19999])
        it(`kind ${kind}: only the newest survives, whichever arrives first`, async () => {
            const t = now() - 100;
            for (const oldFirst of [true, false]) {
                const a = new Person();
                const [older, newer] = [a.event({ kind, created_at: t, content: 'old' }), a.event({ kind, created_at: t + 1, content: 'new', tags: [['d', 'ignored']] })];
                const replies = [];
                for (const e of oldFirst ? [older, newer] : [newer, older]) replies.push(await client.publish(e));
                assert.equal(replies[0].ok, true);
                assert.equal(replies[1].ok, oldFirst);
                if (!oldFirst) assert.match(replies[1].message, /^duplicate: /);
                assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [kind] }), [newer.id]);
                assert.deepEqual(await client.ids({ ids: [older.id, newer.id] }), [newer.id]);
            }
        });

    it('equal created_at: the lowest id survives, whichever arrives first', async () => {
        for (let round = 0; round < 6; round++) {
            const a = new Person(), t = now() - 10;
            const versions = ['x', 'y', 'z'].map((content) => a.event({ kind: 10000, created_at: t, content }));
            for (const e of versions) await client.publish(e);
            assert.deepEqual(await client.ids({ authors: [a.pubkey] }), [versions.map((e) => e.id).sort()[0]]);
        }
    });

    it('a stale version is not broadcast', async () => {
        const a = new Person(), t = now() - 10;
        const watcher = await Client.open(stack.url());
        await watcher.req('live', { authors: [a.pubkey] });
        const newer = await client.accept(a.event({ kind: 0, created_at: t + 5 }));
        await client.publish(a.event({ kind: 0, created_at: t }));
        const note = await client.accept(a.note('after'));
        await watcher.live('live', note.id);
        assert.deepEqual(watcher.received('live').map((e) => e.id), [newer.id, note.id]);
        watcher.close();
    });

    it('addressable: d tells them apart; missing, valueless and empty d are the same address; the first d counts', async () => {
        const a = new Person(), t = now() - 100, kind = 30023;
        const make = (n, tags) => a.event({ kind, created_at: t + n, tags });
        const [da, db] = [make(0, [['d', 'a']]), make(1, [['d', 'b']])];
        await client.accept(da);
        await client.accept(db);
        assert.equal((await client.ids({ authors: [a.pubkey] })).length, 2);
        const forms = [[], [['d']], [['d', '']], [['d', '', 'x']], [['x', 'y'], ['d', ''], ['d', 'a']]].map((tags, i) => make(10 + i, tags));
        for (const e of forms) await client.accept(e);
        assert.deepEqual((await client.ids({ authors: [a.pubkey] })).sort(), [da.id, db.id, forms.at(-1).id].sort());
        const twice = await client.accept(make(50, [['d', 'a'], ['d', 'b']]));
        assert.deepEqual((await client.ids({ authors: [a.pubkey] })).sort(), [db.id, forms.at(-1).id, twice.id].sort());
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [kind], '#d': ['a'] }), [twice.id]);
    });

    it('the same d under another kind or author is another address', async () => {
        const [a, b] = [new Person(), new Person()];
        const events = [a.event({ kind: 30000, tags: [['d', 'x']] }), a.event({ kind: 30001, tags: [['d', 'x']] }), b.event({ kind: 30000, tags: [['d', 'x']] })];
        for (const e of events) await client.accept(e);
        assert.equal((await client.ids({ authors: [a.pubkey, b.pubkey] })).length, 3);
    });

    it('many versions published at once leave exactly the newest', async () => {
        const a = new Person(), t = now() - 1000;
        const versions = Array.from({ length: 200 }, (_, i) => a.event({ kind: 10002, created_at: t + ((i * 37) % 200), content: `${i}` }));
        const others = await Promise.all([0, 1, 2].map(() => Client.open(stack.url())));
        versions.forEach((e, i) => others[i % 3].send(['EVENT', e]));
        await Promise.all(versions.map((e, i) => others[i % 3].find((m) => m[0] === 'OK' && m[1] === e.id)));
        assert.deepEqual(await client.ids({ authors: [a.pubkey] }), [versions.find((e) => e.created_at === t + 199).id]);
        others.forEach((c) => c.close());
    });

    it('replaced versions vanish from tag queries', async () => {
        const a = new Person(), p = new Person(), q = new Person();
        await client.accept(a.event({ kind: 3, created_at: now() - 5, tags: [['p', p.pubkey]] }));
        const newer = await client.accept(a.event({ kind: 3, tags: [['p', q.pubkey]] }));
        assert.deepEqual(await client.ids({ kinds: [3], '#p': [p.pubkey] }), []);
        assert.deepEqual(await client.ids({ kinds: [3], '#p': [q.pubkey] }), [newer.id]);
    });

    it('NIP-02: a follow list of 5,000 comes back intact and is found by each follow', async () => {
        const a = new Person(), follows = Array.from({ length: 5000 }, (_, i) => ['p', i.toString(16).padStart(64, '0')]);
        const event = await client.accept(a.event({ kind: 3, tags: follows.slice(0, 3500) }));
        assert.deepEqual((await client.query({ kinds: [3], '#p': [follows[3499][1]] })).events, [event]);
    });
});

describe('NIP-01 ephemeral events', () => {
    it('are delivered to live subscribers, answered with OK, and never stored', async () => {
        const a = new Person();
        const watcher = await Client.open(stack.url());
        await watcher.req('e', { kinds: [20001], authors: [a.pubkey], limit: 0 });
        const event = a.event({ kind: 20001, content: word() });
        assert.equal((await client.publish(event)).ok, true);
        assert.deepEqual(await watcher.live('e', event.id), event);
        assert.deepEqual(await client.ids({ ids: [event.id] }), []);
        assert.equal((await client.count({ ids: [event.id] })).count, 0);
        assert.equal(await stack.sql(`SELECT count(*) FROM events WHERE kind >= 20000 AND kind < 30000`), '0');
        watcher.close();
    });

    it('NIP-46: a request and its response cross between two connections quickly', async () => {
        const [app, signer] = [new Person(), new Person()];
        const [c1, c2] = await Promise.all([Client.open(stack.url()), Client.open(stack.url())]);
        await c1.req('in', { kinds: [24133], '#p': [app.pubkey] });
        await c2.req('in', { kinds: [24133], '#p': [signer.pubkey] });
        const request = app.event({ kind: 24133, tags: [['p', signer.pubkey]], content: 'x'.repeat(65536) });
        c1.send(['EVENT', request]);
        await c2.live('in', request.id);
        const response = signer.event({ kind: 24133, tags: [['p', app.pubkey]] });
        c2.send(['EVENT', response]);
        await c1.live('in', response.id);
        c1.close();
        c2.close();
    });
});
