// NIP-50: search.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(() => stack.stop());

// Search is filled in the background, seconds at most.
const searched = (filter, ids) => until(async () => {
    const got = await client.ids(filter);
    return got.length === ids.length && got;
}, { what: `search ${JSON.stringify(filter)} to find ${ids.length}` });

describe('NIP-50', () => {
    it('orders by quality, not by time; limit comes after ranking', async () => {
        const a = new Person(), x = word(), filler = Array.from({ length: 60 }, () => word()).join(' ');
        const best = await client.accept(a.note(`${x} ${x} ${x}`, { created_at: now() - 1000 }));
        const weak = await client.accept(a.note(`${filler} ${x} ${filler}`, { created_at: now() }));
        const got = await searched({ search: x }, [best.id, weak.id]);
        assert.deepEqual(got, [best.id, weak.id]);
        assert.deepEqual(await client.ids({ search: x, limit: 1 }), [best.id]);
    });

    it('other members restrict; all words must occur; case does not matter; extensions are ignored', async () => {
        const [a, b] = [new Person(), new Person()], [x, y] = [word(), word()];
        const both = await client.accept(a.note(`${x.toUpperCase()} and ${y}`));
        const one = await client.accept(b.note(`${x} alone`));
        await client.accept(b.event({ kind: 7, content: x }));
        await searched({ search: x }, [both.id, one.id]);
        assert.deepEqual(await client.ids({ search: `${y} ${x}` }), [both.id]);
        assert.deepEqual(await client.ids({ search: x, authors: [b.pubkey] }), [one.id]);
        assert.deepEqual(await client.ids({ search: x, kinds: [30023] }), []);
        assert.deepEqual(await client.ids({ search: x, until: now() - 5000 }), []);
        assert.equal((await client.ids({ search: `${x} language:en foo:bar` })).length, 2);
    });

    it('profiles and titles are found', async () => {
        const a = new Person(), [x, y] = [word(), word()];
        const profile = await client.accept(a.event({ kind: 0, content: JSON.stringify({ name: x, about: 'b' }) }));
        const article = await client.accept(a.event({ kind: 30023, tags: [['d', '1'], ['title', y]], content: 'text' }));
        await searched({ search: x }, [profile.id]);
        await searched({ search: y }, [article.id]);
    });

    it('deleted, replaced and expired events are not found', async () => {
        const a = new Person(), x = word();
        const note = await client.accept(a.note(x));
        await client.accept(a.event({ kind: 0, created_at: now() - 5, content: JSON.stringify({ name: x }) }));
        await client.accept(a.event({ tags: [['expiration', String(now() + 2)]], content: x }));
        await until(async () => (await client.ids({ search: x })).length >= 2);
        await client.accept(a.event({ kind: 5, tags: [['e', note.id]], content: '' }));
        await client.accept(a.event({ kind: 0, content: '{}' }));
        await searched({ search: x }, []);
    });

    it('text that is syntax elsewhere is just text', async () => {
        for (const search of ['"; DROP TABLE events; --', 'NEAR(', '"', '*', "'", '\\', '& | !', '()', '<->', ':*', '😀', '検索', '%', '_', 'a:b', 'https://a.b/c', ' ', 'x'.repeat(200)])
            assert.ok((await client.query({ search, limit: 5 })).eose, search);
        const quoted = word(), event = await client.accept(new Person().note(`see '${quoted}'!`));
        await searched({ search: `"${quoted}"` }, [event.id]);
    });

    it('live events that hold the words arrive', async () => {
        const a = new Person(), x = word(), c = await Client.open(stack.url());
        await c.req('s', { search: x, kinds: [1] });
        await client.accept(a.note('nothing'));
        const hit = await client.accept(a.note(`here ${x}`));
        await c.live('s', hit.id);
        assert.equal(c.received('s').length, 1);
        c.close();
    });
});
