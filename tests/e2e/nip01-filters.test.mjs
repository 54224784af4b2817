// NIP-01: filters against stored and live events.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(() => stack.stop());

// Newest first, ties by lowest id.
const order = (events) => [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1)).map((e) => e.id);

describe('NIP-01 filters', () => {
    it('ids, authors, kinds: ORed in a list, ANDed across members', async () => {
        const [a, b] = [new Person(), new Person()];
        const events = [a.event({ kind: 1 }), a.event({ kind: 7 }), b.event({ kind: 1 }), b.event({ kind: 9 })];
        for (const e of events) await client.accept(e);
        assert.deepEqual(await client.ids({ authors: [a.pubkey, b.pubkey] }), order(events));
        assert.deepEqual(await client.ids({ authors: [a.pubkey, b.pubkey], kinds: [1, 9] }), order([events[0], events[2], events[3]]));
        assert.deepEqual(await client.ids({ ids: [events[1].id, events[2].id], authors: [a.pubkey] }), [events[1].id]);
        assert.deepEqual(await client.ids({ ids: [events[1].id], kinds: [1] }), []);
    });

    it('since and until are inclusive; since > until answers empty with EOSE', async () => {
        const a = new Person(), t = now() - 1000;
        const events = [0, 1, 2].map((i) => a.event({ created_at: t + i }));
        for (const e of events) await client.accept(e);
        const filter = { authors: [a.pubkey] };
        assert.deepEqual(await client.ids({ ...filter, since: t + 1, until: t + 1 }), [events[1].id]);
        assert.deepEqual(await client.ids({ ...filter, since: t, until: t + 2 }), order(events));
        assert.deepEqual(await client.ids({ ...filter, since: t + 2, until: t }), []);
        assert.deepEqual(await client.ids({ ...filter, since: -5 }), order(events));
        assert.deepEqual(await client.ids({ ...filter, until: 99999999999999 }), order(events));
    });

    it('newest first, ties by lowest id, and limit cuts in that order', async () => {
        const a = new Person(), t = now() - 500;
        const events = Array.from({ length: 12 }, (_, i) => a.event({ created_at: t + Math.floor(i / 4), content: `${i}` }));
        for (const e of events) await client.accept(e);
        for (const limit of [1, 2, 3, 5, 11, 12, 13])
            assert.deepEqual(await client.ids({ authors: [a.pubkey], limit }), order(events).slice(0, limit), `limit ${limit}`);
    });

    it('limit 0: no stored events, EOSE, then live events; limit does not bound live delivery', async () => {
        const a = new Person();
        await client.accept(a.note('stored'));
        const watcher = await Client.open(stack.url());
        assert.equal((await watcher.req('zero', { authors: [a.pubkey], limit: 0 })).events.length, 0);
        assert.equal((await watcher.req('one', { authors: [a.pubkey], limit: 1 })).events.length, 1);
        const live = [a.note('1'), a.note('2'), a.note('3')];
        for (const e of live) await client.accept(e);
        for (const e of live) {
            await watcher.live('zero', e.id);
            await watcher.live('one', e.id);
        }
        watcher.close();
    });

    it('an over-large limit is clamped, not refused', async () => {
        const a = new Person();
        await client.accept(a.note('x'));
        assert.equal((await client.ids({ authors: [a.pubkey], limit: 10_000_000 })).length, 1);
    });

    it('without a limit the newest default_limit events come, exactly', async () => {
        const a = new Person(), t = now() - 10000;
        const events = Array.from({ length: 510 }, (_, i) => a.event({ created_at: t + i }));
        await client.acceptAll(events);
        assert.deepEqual(await client.ids({ authors: [a.pubkey] }), order(events).slice(0, 500));
    });

    it('several filters: union, no doubles, one EOSE', async () => {
        const a = new Person();
        const events = [a.event({ kind: 1 }), a.event({ kind: 7 }), a.event({ kind: 1, created_at: now() - 50 })];
        for (const e of events) await client.accept(e);
        const from = client.messages.length;
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [1] }, { authors: [a.pubkey] }, { ids: events.map((e) => e.id) }), order(events));
        await client.settle();
        assert.equal(client.messages.slice(from).filter((m) => m[0] === 'EOSE' && m[1].startsWith('q')).length, 1);
    });

    it('several filters each keep their own limit', async () => {
        const [a, b] = [new Person(), new Person()];
        const as = [0, 1, 2].map((i) => a.event({ created_at: now() - i }));
        const bs = [0, 1, 2].map((i) => b.event({ created_at: now() - 100 - i }));
        for (const e of [...as, ...bs]) await client.accept(e);
        assert.deepEqual(await client.ids({ authors: [a.pubkey], limit: 1 }, { authors: [b.pubkey], limit: 2 }), [as[0].id, bs[0].id, bs[1].id]);
    });

    it('the second filter of a REQ works live as well', async () => {
        const a = new Person();
        const watcher = await Client.open(stack.url());
        await watcher.req('two', { ids: [hex()] }, { authors: [a.pubkey], kinds: [42] });
        const event = await client.accept(a.event({ kind: 42 }));
        await watcher.live('two', event.id);
        watcher.close();
    });

    it('ids filters match live', async () => {
        const event = new Person().note('announced');
        const watcher = await Client.open(stack.url());
        await watcher.req('byid', { ids: [event.id] });
        await client.accept(event);
        await watcher.live('byid', event.id);
        watcher.close();
    });

    it('tags: any single letter, exact first value, case-sensitive names, any number ANDed across tags', async () => {
        const a = new Person(), [x, y, z] = [word(), word(), word()];
        const both = a.event({ tags: [['t', x], ['q', y], ['T', z]] });
        const one = a.event({ tags: [['t', x], ['z', 'third', y]] });
        const third = a.event({ tags: [['q', 'no', y], ['t', z + 'longer']] });
        for (const e of [both, one, third]) await client.accept(e);
        assert.deepEqual(await client.ids({ '#t': [x] }), order([both, one]));
        assert.deepEqual(await client.ids({ '#t': [x], '#q': [y] }), [both.id]);
        assert.deepEqual(await client.ids({ '#t': [x], '#q': [y], '#T': [z] }), [both.id]);
        assert.deepEqual(await client.ids({ '#t': [x], '#q': [y], '#T': [x] }), []);
        assert.deepEqual(await client.ids({ '#q': [y] }), [both.id], 'only the first value counts');
        assert.deepEqual(await client.ids({ '#t': [z] }), [], 'no prefix or substring match, T is not t');
        assert.deepEqual(await client.ids({ '#t': [z, x], authors: [a.pubkey], kinds: [1], since: 0 }), order([both, one]));
    });

    it('the same tag rules hold live', async () => {
        const a = new Person(), x = word();
        const watcher = await Client.open(stack.url());
        await watcher.req('t', { '#t': [x] });
        await watcher.req('tq', { '#t': [x], '#q': ['1'] });
        const decoys = [a.event({ tags: [['T', x]] }), a.event({ tags: [['t', 'y', x]] }), a.event({ tags: [['t', x + 'x']] }), a.event({ tags: [['t']] })];
        for (const e of decoys) await client.accept(e);
        const one = await client.accept(a.event({ tags: [['t', x]] }));
        const both = await client.accept(a.event({ tags: [['q', '1'], ['t', x]] }));
        await watcher.live('tq', both.id);
        await watcher.live('t', both.id);
        assert.deepEqual(watcher.received('t').map((e) => e.id), [one.id, both.id]);
        assert.deepEqual(watcher.received('tq').map((e) => e.id), [both.id]);
        watcher.close();
    });

    it('an empty tag value is a value; a tag without a value matches nothing', async () => {
        const a = new Person();
        const empty = await client.accept(a.event({ tags: [['t', '']] }));
        await client.accept(a.event({ tags: [['t']] }));
        assert.deepEqual(await client.ids({ '#t': [''], authors: [a.pubkey] }), [empty.id]);
    });

    it('an empty list matches nothing, stored and live, and gets EOSE', async () => {
        const a = new Person();
        await client.accept(a.note('x'));
        const watcher = await Client.open(stack.url());
        for (const [id, filter] of [['a', { authors: [] }], ['k', { authors: [a.pubkey], kinds: [] }], ['i', { ids: [] }], ['t', { '#t': [] }]]) {
            const answer = await watcher.req(id, filter);
            assert.ok(answer.eose, id);
            assert.deepEqual(answer.events, [], id);
        }
        await client.accept(a.event({ tags: [['t', 'x']] }));
        await watcher.settle();
        for (const id of ['a', 'k', 'i', 't']) assert.deepEqual(watcher.received(id), []);
        watcher.close();
    });

    it('{} and {"limit":n} answer the newest events', async () => {
        const event = await client.accept(new Person().event({ created_at: now() + 60 }));
        assert.equal((await client.ids({}))[0], event.id);
        assert.equal((await client.ids({ limit: 3 })).length, 3);
    });

    it('null members count as absent; doubled values are harmless; kinds out of range never match', async () => {
        const a = new Person();
        const event = await client.accept(a.note('x'));
        assert.deepEqual(await client.ids({ authors: [a.pubkey, a.pubkey], since: null, until: null, kinds: null }), [event.id]);
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [65536, 1, 1] }), [event.id]);
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [70000] }), []);
    });

    it('malformed filters get CLOSED invalid: naming the field, and the connection lives on', async () => {
        const cases = [
            [{ authors: 'a'.repeat(64) }, /authors/], [{ authors: [null] }, /authors/], [{ authors: ['a'.repeat(63)] }, /authors/], [{ authors: ['A'.repeat(64)] }, /authors/],
            [{ ids: ['npub1xyz'] }, /ids/], [{ ids: [5] }, /ids/], [{ kinds: ['1'] }, /kinds/], [{ kinds: 1 }, /kinds/], [{ kinds: [1.5] }, /kinds/],
            [{ limit: -1 }, /limit/], [{ limit: '5' }, /limit/], [{ limit: 1.5 }, /limit/], [{ since: 'x' }, /since/], [{ until: 1.5 }, /until/],
            [{ '#e': ['zz'] }, /#e/], [{ '#p': ['A'.repeat(64)] }, /#p/], [{ '#t': 'x' }, /#t/], [{ '#t': [1] }, /#t/], [{ search: 5 }, /search/],
        ];
        for (const [filter, field] of cases) {
            const { closed } = await client.query(filter);
            assert.match(closed ?? 'EOSE', /^invalid: /, JSON.stringify(filter));
            assert.match(closed, field, JSON.stringify(filter));
        }
        for (const filter of [[{}], 'x', 5, null]) assert.match((await client.query(filter)).closed ?? 'EOSE', /^invalid: /, JSON.stringify(filter));
        const from = client.messages.length;
        client.send(['REQ', 'none']);
        assert.match((await client.find((m) => m[0] === 'CLOSED' && m[1] === 'none', { from }))[2], /^invalid: /);
    });

    it('unknown members get CLOSED unsupported:, never unfiltered results', async () => {
        for (const filter of [{ foo: 1 }, { '#emoji': ['x'] }, { '&t': ['x'] }, { content: 'x' }, { '#1': ['x'] }])
            assert.match((await client.query(filter)).closed ?? 'EOSE', /^unsupported: /, JSON.stringify(filter));
    });

    it('hundreds of authors: dense, sparse and unknown, in exact order', async () => {
        const people = Array.from({ length: 40 }, () => new Person()), t = now() - 5000;
        const events = people.flatMap((p, i) => [0, 1, 2].map((k) => p.event({ kind: k === 2 ? 6 : 1, created_at: t + ((i * 7 + k * 13) % 60), content: `${i} ${k}` })));
        await client.acceptAll(events);
        const unknown = Array.from({ length: 300 }, () => hex());
        for (const limit of [5, 50, 500])
            assert.deepEqual(await client.ids({ authors: [...people.map((p) => p.pubkey), ...unknown], kinds: [1, 6], limit }), order(events).slice(0, limit));
        assert.deepEqual(await client.ids({ authors: unknown, limit: 100 }), []);
    });

    it('nostr-tools keep-alive REQ is answered at once', async () => {
        const id = '<forced-ping>:7 ✓';
        const answer = await client.req(id, { ids: ['a'.repeat(64)], limit: 0 });
        assert.ok(answer.eose);
    });
});
