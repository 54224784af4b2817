// NIP-62: request to vanish.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack({ env: { NOSTPY_DOMAIN: 'relay.example.com' } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const vanish = (p, created_at, ...relays) => p.event({ kind: 62, created_at, content: 'bye', tags: relays.map((r) => ['relay', r]) });

describe('NIP-62', () => {
    it('erases everything up to the request, deletions included, and gift wraps to the key; later events live', async () => {
        const [a, b] = [new Person(), new Person()], t = now() - 100;
        const notes = [-10, -1, 0].map((n) => a.event({ created_at: t + n, content: `${n}` }));
        const target = a.note('deleted earlier', { created_at: t - 50 });
        for (const e of [...notes, target]) await client.accept(e);
        await client.accept(a.event({ kind: 5, created_at: t - 20, tags: [['e', target.id]], content: '' }));
        const wrap = await client.accept(b.event({ kind: 1059, created_at: t - 5, tags: [['p', a.pubkey]] }));
        const mention = await client.accept(b.event({ kind: 1, tags: [['p', a.pubkey]] }));
        const later = await client.accept(a.event({ created_at: t + 1 }));
        const request = await client.accept(vanish(a, t, 'wss://elsewhere.example', 'wss://RELAY.example.com/'));
        assert.deepEqual((await client.ids({ authors: [a.pubkey] })).sort(), [later.id, request.id].sort());
        assert.deepEqual(await client.ids({ '#p': [a.pubkey] }), [mention.id]);
        assert.equal(await stack.sql(`SELECT count(*) FROM events WHERE id = decode('${wrap.id}','hex')`), '0');
        for (const e of [...notes, target, wrap]) {
            const { ok, message } = await client.publish(e);
            assert.equal(ok, false, message);
            assert.match(message, /^blocked: /);
        }
        await client.accept(a.event({ created_at: t + 2 }));
        await client.accept(b.event({ kind: 1059, created_at: t + 2, tags: [['p', a.pubkey]] }));
    });

    it('ALL_RELAYS works, other relays and lower case do not', async () => {
        const a = new Person(), t = now() - 10;
        const note = await client.accept(a.event({ created_at: t }));
        for (const relays of [['wss://elsewhere.example'], ['all_relays'], []]) {
            const { ok, message } = await client.publish(vanish(a, t, ...relays));
            assert.equal(ok, false);
            assert.match(message, /^invalid: /);
        }
        assert.deepEqual(await client.ids({ ids: [note.id] }), [note.id]);
        await client.accept(vanish(a, t, 'ALL_RELAYS'));
        assert.deepEqual(await client.ids({ ids: [note.id] }), []);
    });

    it('cannot be undone by deleting the request; an older request changes nothing', async () => {
        const a = new Person(), t = now() - 50;
        const note = a.event({ created_at: t - 1 });
        const request = await client.accept(vanish(a, t, 'ALL_RELAYS'));
        await client.accept(a.event({ kind: 5, tags: [['e', request.id]], content: '' }));
        await client.publish(vanish(a, t - 1000, 'ALL_RELAYS'));
        assert.equal((await client.publish(note)).ok, false);
        assert.deepEqual(await client.ids({ kinds: [62], authors: [a.pubkey], limit: 1 }), [request.id]);
    });

    it('a long history goes whole', async () => {
        const a = new Person(), t = now() - 10;
        await client.acceptAll(Array.from({ length: 1500 }, (_, i) => a.event({ created_at: t - i, content: word() })));
        await client.accept(vanish(a, t, 'ALL_RELAYS'));
        assert.equal((await client.count({ authors: [a.pubkey], kinds: [1] })).count, 0);
        assert.equal(await stack.sql(`SELECT count(*) FROM events WHERE pubkey = decode('${a.pubkey}','hex') AND kind = 1`), '0');
        assert.equal(await stack.sql('SELECT count(*) FROM event_tags t WHERE NOT EXISTS (SELECT FROM events e WHERE e.seq = t.seq)'), '0');
    });
});
