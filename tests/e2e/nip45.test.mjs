// NIP-45: COUNT and HyperLogLog.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack({ env: { COUNT_CAP: '1000' } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

// The NIP's algorithm, written a second time.
function registers(value, pubkeys) {
    const offset = parseInt(value[32], 16) + 8, out = new Uint8Array(256);
    for (const pubkey of pubkeys) {
        const bytes = Buffer.from(pubkey, 'hex');
        let zeros = 0;
        for (let i = offset + 1; i < 32; i++) {
            if (bytes[i] === 0) { zeros += 8; continue; }
            zeros += Math.clz32(bytes[i]) - 24;
            break;
        }
        out[bytes[offset]] = Math.max(out[bytes[offset]], zeros + 1);
    }
    return Buffer.from(out).toString('hex');
}

describe('NIP-45', () => {
    it('counts 0, 1 and n; overlapping filters count once; limit does not matter', async () => {
        const a = new Person();
        assert.equal((await client.count({ authors: [a.pubkey] })).count, 0);
        await client.accept(a.event({ kind: 1 }));
        assert.equal((await client.count({ authors: [a.pubkey] })).count, 1);
        const start = now(); // a clock that ticks meanwhile would give two of them one id
        for (let i = 0; i < 9; i++) await client.accept(a.event({ kind: 7, created_at: start - i }));
        assert.equal((await client.count({ authors: [a.pubkey], limit: 3 })).count, 10);
        assert.equal((await client.count({ authors: [a.pubkey] }, { authors: [a.pubkey], kinds: [7] }, { kinds: [1], authors: [a.pubkey] })).count, 10);
        assert.equal((await client.count({ authors: [a.pubkey], kinds: [7], since: now() - 4 })).count <= 5, true);
    });

    it('replaced and deleted events are not counted', async () => {
        const a = new Person();
        await client.accept(a.event({ kind: 0, created_at: now() - 5 }));
        await client.accept(a.event({ kind: 0 }));
        const note = await client.accept(a.note('x'));
        await client.accept(a.event({ kind: 5, tags: [['e', note.id]], content: '' }));
        assert.equal((await client.count({ authors: [a.pubkey] })).count, 2);
    });

    it('is no subscription: it leaves a REQ of the same id alone and delivers nothing later', async () => {
        const a = new Person(), c = await Client.open(stack.url());
        await c.req('same', { authors: [a.pubkey] });
        const from = c.messages.length;
        c.send(['COUNT', 'same', { kinds: [1], authors: [a.pubkey] }]);
        await c.find((m) => m[0] === 'COUNT' && m[1] === 'same', { from });
        const event = await client.accept(a.note('x'));
        await c.live('same', event.id);
        await c.settle();
        assert.equal(c.received('same').length, 1);
        c.close();
    });

    it('hll: for one filter with one tag letter, by the algorithm; absent otherwise', async () => {
        const target = hex(), people = Array.from({ length: 30 }, () => new Person());
        for (const p of people) await client.accept(p.event({ kind: 7, tags: [['e', target]], content: '+' }));
        await client.accept(people[0].event({ kind: 7, tags: [['e', target]], content: '-' }));
        const reply = await client.count({ '#e': [target], kinds: [7] });
        assert.equal(reply.count, 31);
        assert.equal(reply.hll, registers(target, people.map((p) => p.pubkey)));
        assert.equal((await client.count({ kinds: [7] })).hll, undefined);
        assert.equal((await client.count({ '#e': [target] }, { '#e': [target], kinds: [7] })).hll, undefined);
        assert.equal((await client.count({ '#e': [target], '#p': [hex()] })).hll, undefined);
    });

    it('above the cap the answer says approximate', async () => {
        const a = new Person(), n = 1100;
        await client.acceptAll(Array.from({ length: n }, (_, i) => a.event({ created_at: now() - i, content: `${i}` })));
        const reply = await client.count({ authors: [a.pubkey] });
        assert.equal(reply.approximate, true);
        assert.ok(reply.count >= 1000 && reply.count <= n);
    });

    it('bad input: CLOSED for a bad filter, NOTICE for an id that is no string', async () => {
        assert.match((await client.count({ authors: 'x' })).closed, /^invalid: /);
        assert.match((await client.count({ foo: 1 })).closed, /^unsupported: /);
        const from = client.messages.length;
        client.send(['COUNT', 5, {}]);
        await client.find((m) => m[0] === 'NOTICE', { from });
        client.send(['COUNT', 'nofilter']);
        assert.match((await client.find((m) => m[0] === 'CLOSED' && m[1] === 'nofilter', { from }))[2], /^invalid: /);
    });
});
