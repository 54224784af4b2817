// NIP-67: EOSE completeness hints. NIP-13: proof of work.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

describe('NIP-67', () => {
    let stack, client, challenge;
    const authenticate = async (person) => {
        const proof = person.auth(challenge, stack.url());
        client.send(['AUTH', proof]);
        await client.find((m) => m[0] === 'OK' && m[1] === proof.id && m[2]);
    };
    before(async () => {
        stack = await startStack({ env: { DEFAULT_LIMIT: '5' } });
        client = await Client.open(stack.url());
        challenge = await client.challenge();
    });
    after(() => stack.stop());

    it('finish only when nothing further is stored, more when something is known to be', async () => {
        const [a, b] = [new Person(), new Person()];
        for (let i = 0; i < 4; i++) await client.accept(a.event({ created_at: now() - i, content: word() }));
        const hint = async (...filters) => (await client.query(...filters)).eose[2];
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey], limit: 10 }), ['finish']);
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey], limit: 4 }), ['finish']);
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey], limit: 3 }), ['more']);
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey] }), ['finish']);
        for (let i = 0; i < 2; i++) await client.accept(a.event({ created_at: now() - 10 - i, content: word() }));
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey] }), ['more']);
        assert.deepEqual(await hint({ authors: [a.pubkey], kinds: [9] }), ['finish']);
        for (let i = 0; i < 3; i++) await client.accept(b.event({ created_at: now() - i, content: word() }));
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey], limit: 10 }, { kinds: [1], authors: [b.pubkey], limit: 2 }), ['more'], 'one of two filters is cut');
        assert.deepEqual(await hint({ kinds: [1], authors: [a.pubkey], limit: 10 }, { kinds: [1], authors: [a.pubkey], limit: 2 }), ['finish'], 'what one filter cuts the other gives');
        assert.notDeepEqual(await hint({ kinds: [1], authors: [a.pubkey], limit: 0 }), ['finish']);
    });

    it('never finish where private events may have been withheld, and nothing tells whether there are any', async () => {
        const [a, b, other, stranger] = [new Person(), new Person(), new Person(), new Person()];
        const message = await client.accept(a.event({ kind: 4, tags: [['p', b.pubkey]] }));
        const wrap = await client.accept(other.event({ kind: 1059, tags: [['p', b.pubkey]] }));
        await client.accept(a.note('x'));
        await authenticate(stranger);
        const hint = async (filter) => (await client.query(filter)).eose[2];
        for (const [has, hasNot] of [
            [{ authors: [a.pubkey] }, { authors: [stranger.pubkey] }],
            [{ authors: [a.pubkey], kinds: [1, 4] }, { authors: [b.pubkey], kinds: [1, 4] }],
            [{ '#p': [b.pubkey], kinds: [1059] }, { '#p': [a.pubkey], kinds: [1059] }],
            [{ '#p': [b.pubkey], authors: [a.pubkey] }, { '#p': [other.pubkey], authors: [a.pubkey] }],
            [{ ids: [message.id] }, { ids: ['0'.repeat(64)] }],
            [{ ids: [wrap.id] }, { ids: ['1'.repeat(64)] }],
        ]) {
            assert.deepEqual(await hint(has), await hint(hasNot), JSON.stringify(has));
            assert.notDeepEqual(await hint(has), ['finish'], JSON.stringify(has));
        }
        await authenticate(b);
        assert.deepEqual(await hint({ '#p': [b.pubkey], kinds: [1059] }), ['finish'], 'all of it is theirs');
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
