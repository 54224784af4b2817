// NIP-67: EOSE completeness hints. NIP-13: proof of work.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

describe('NIP-67', () => {
    let stack, client;
    before(async () => {
        stack = await startStack({ env: { DEFAULT_LIMIT: '5' } });
        client = await Client.open(stack.url());
    });
    after(() => stack.stop());

    it('finish only when nothing further is stored, more when something is known to be', async () => {
        const [a, b] = [new Person(), new Person()];
        for (let i = 0; i < 4; i++) await client.accept(a.event({ created_at: now() - i, content: word() }));
        const hint = async (...filters) => (await client.query(...filters)).eose[2];
        assert.deepEqual(await hint({ authors: [a.pubkey], limit: 10 }), ['finish']);
        assert.deepEqual(await hint({ authors: [a.pubkey], limit: 4 }), ['finish']);
        assert.deepEqual(await hint({ authors: [a.pubkey], limit: 3 }), ['more']);
        assert.deepEqual(await hint({ authors: [a.pubkey] }), ['finish']);
        for (let i = 0; i < 2; i++) await client.accept(a.event({ created_at: now() - 10 - i, content: word() }));
        assert.deepEqual(await hint({ authors: [a.pubkey] }), ['more']);
        assert.deepEqual(await hint({ authors: [a.pubkey], kinds: [9] }), ['finish']);
        for (let i = 0; i < 3; i++) await client.accept(b.event({ created_at: now() - i, content: word() }));
        assert.deepEqual(await hint({ authors: [a.pubkey], limit: 10 }, { authors: [b.pubkey], limit: 2 }), ['more'], 'one of two filters is cut');
        assert.deepEqual(await hint({ authors: [a.pubkey], limit: 10 }, { authors: [a.pubkey], limit: 2 }), ['finish'], 'what one filter cuts the other gives');
        assert.notDeepEqual(await hint({ authors: [a.pubkey], limit: 0 }), ['finish']);
    });

    it('no hint when private events were withheld', async () => {
        const [a, b] = [new Person(), new Person()];
        await client.accept(a.event({ kind: 4, tags: [['p', b.pubkey]] }));
        await client.accept(a.note('x'));
        assert.notDeepEqual((await client.query({ authors: [a.pubkey] })).eose[2], ['finish']);
    });
});

describe('NIP-13', () => {
    let stack, client;
    before(async () => {
        stack = await startStack({ env: { MIN_POW_DIFFICULTY: '6' } });
        client = await Client.open(stack.url());
    });
    after(() => stack.stop());

    it('the minimum is announced and enforced exactly', async () => {
        const info = await (await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } })).json();
        assert.equal(info.limitation.min_pow_difficulty, 6);
        assert.ok(info.supported_nips.includes(13));
        const a = new Person(), bits = (id) => Math.clz32(parseInt(id.slice(0, 8), 16));
        const mine = (want) => {
            for (let i = 0; ; i++) {
                const e = a.event({ tags: [['nonce', `${i}`, '6']], content: word() });
                if (want(bits(e.id))) return e;
            }
        };
        await client.accept(mine((n) => n >= 6));
        const { ok, message } = await client.publish(mine((n) => n === 5));
        assert.equal(ok, false);
        assert.match(message, /^pow: .*5.*6/);
    });
});
