// NIP-09: deletion requests.
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

const deletion = (person, tags, template = {}) => person.event({ kind: 5, tags, content: '', ...template });
const blocked = async (event, prefix = /^blocked: /) => {
    const { ok, message } = await client.publish(event);
    assert.equal(ok, false);
    assert.match(message, prefix);
};

describe('NIP-09', () => {
    it('e: the event is gone from ids, authors, tags and COUNT; the request itself is served and heard live', async () => {
        const a = new Person(), x = word();
        const watcher = await Client.open(stack.url());
        await watcher.req('five', { kinds: [5], authors: [a.pubkey] });
        const note = await client.accept(a.event({ tags: [['t', x]] }));
        const del = await client.accept(deletion(a, [['e', note.id], ['k', '1']]));
        assert.deepEqual(await client.ids({ ids: [note.id] }), []);
        assert.deepEqual(await client.ids({ authors: [a.pubkey] }), [del.id]);
        assert.deepEqual(await client.ids({ '#t': [x] }), []);
        assert.equal((await client.count({ '#t': [x] })).count, 0);
        assert.deepEqual(await client.ids({ kinds: [5], '#e': [note.id] }), [del.id]);
        await watcher.live('five', del.id);
        await blocked(note);
        watcher.close();
    });

    it('only the author may: a foreign e or a tag has no effect, own ones beside it have', async () => {
        const [a, mallory] = [new Person(), new Person()];
        const note = await client.accept(a.note('mine'));
        const profile = await client.accept(a.event({ kind: 30023, tags: [['d', 'x']], created_at: now() - 10 }));
        const own = await client.accept(mallory.note('own'));
        await client.accept(deletion(mallory, [['e', note.id], ['a', `30023:${a.pubkey}:x`], ['e', own.id]]));
        assert.equal((await client.ids({ ids: [note.id, profile.id, own.id] })).length, 2);
    });

    it('a deletion that comes first refuses its target later, but not an event of somebody else', async () => {
        const [a, mallory] = [new Person(), new Person()];
        const [mine, spared] = [a.note(word()), a.note(word())];
        await client.accept(deletion(a, [['e', mine.id]]));
        await client.accept(deletion(mallory, [['e', spared.id]]));
        await blocked(mine);
        await client.accept(spared);
    });

    it('a: versions up to the request are gone and stay refused, a later one lives', async () => {
        const a = new Person(), t = now() - 100, address = ['a', `30023:${a.pubkey}:x:y`];
        const make = (n) => a.event({ kind: 30023, created_at: t + n, tags: [['d', 'x:y']], content: `${n}` });
        await client.accept(make(-1));
        await client.accept(make(0));
        await client.accept(deletion(a, [address], { created_at: t }));
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [30023] }), []);
        await blocked(make(-1));
        await blocked(make(0));
        const later = await client.accept(make(1));
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [30023] }), [later.id]);
    });

    it('a: respects kind and d, works for replaceables with and without the trailing colon', async () => {
        const a = new Person(), t = now() - 50;
        const keep = [a.event({ kind: 30023, created_at: t, tags: [['d', 'other']] }), a.event({ kind: 30024, created_at: t, tags: [['d', 'x']] })];
        const gone = [a.event({ kind: 30023, created_at: t, tags: [['d', 'x']] }), a.event({ kind: 10002, created_at: t }), a.event({ kind: 0, created_at: t }), a.event({ kind: 30023, created_at: t, tags: [] })];
        for (const e of [...keep, ...gone]) await client.accept(e);
        await client.accept(deletion(a, [['a', `30023:${a.pubkey}:x`], ['a', `10002:${a.pubkey}:`], ['a', `0:${a.pubkey}`], ['a', `30023:${a.pubkey}:`], ['a', `1:${a.pubkey}:`], ['a', 'nonsense'], ['a']]));
        assert.deepEqual((await client.ids({ ids: [...keep, ...gone].map((e) => e.id) })).sort(), keep.map((e) => e.id).sort());
    });

    it('a deletion of a deletion does nothing', async () => {
        const a = new Person();
        const note = await client.accept(a.note('x'));
        const del = await client.accept(deletion(a, [['e', note.id]]));
        await client.accept(deletion(a, [['e', del.id]]));
        assert.deepEqual(await client.ids({ ids: [del.id] }), [del.id]);
        await blocked(note);
    });

    it('deleting one version of a replaceable by e does not let an older one return', async () => {
        const a = new Person(), t = now() - 20;
        const [v1, v2] = [a.event({ kind: 0, created_at: t }), a.event({ kind: 0, created_at: t + 1 })];
        await client.accept(v1);
        await client.accept(v2);
        await client.accept(deletion(a, [['e', v2.id]]));
        assert.deepEqual(await client.ids({ authors: [a.pubkey], kinds: [0] }), []);
        assert.equal((await client.publish(v1)).ok, false);
        assert.equal((await client.publish(v2)).ok, false);
        await client.accept(a.event({ kind: 0, created_at: t + 2 }));
    });

    it('malformed e tags are ignored one by one; a request without any e or a is invalid; k is never needed', async () => {
        const a = new Person();
        const note = await client.accept(a.note('x'));
        await blocked(deletion(a, [['k', '1']]), /^invalid: /);
        await client.accept(deletion(a, [['e'], ['e', 'nonsense'], ['k', '999'], ['e', note.id]]));
        assert.deepEqual(await client.ids({ ids: [note.id] }), []);
    });

    it('the request again is a duplicate', async () => {
        const a = new Person();
        const del = await client.accept(deletion(a, [['e', hex()]]));
        const again = await client.publish(del);
        assert.equal(again.ok, true);
        assert.match(again.message, /^duplicate: /);
    });

    it('NIP-59: a gift wrap is deleted by its recipient, not by a stranger', async () => {
        const [recipient, wrapper, stranger] = [new Person(), new Person(), new Person()];
        const wrap = await client.accept(wrapper.event({ kind: 1059, tags: [['p', recipient.pubkey]] }));
        await client.accept(deletion(stranger, [['e', wrap.id]]));
        assert.equal(await stack.sql(`SELECT count(*) FROM events WHERE id = decode('${wrap.id}','hex')`), '1');
        await client.accept(deletion(recipient, [['e', wrap.id]]));
        assert.equal(await stack.sql(`SELECT count(*) FROM events WHERE id = decode('${wrap.id}','hex')`), '0');
        await blocked(wrap);
    });

    it('an event and its deletion in one burst, in either order, leave only the deletion', async () => {
        for (const reversed of [false, true]) {
            const a = new Person(), note = a.note(word()), del = deletion(a, [['e', note.id]]);
            for (const e of reversed ? [del, note] : [note, del]) client.send(['EVENT', e]);
            await client.find((m) => m[0] === 'OK' && m[1] === note.id);
            await client.find((m) => m[0] === 'OK' && m[1] === del.id);
            assert.deepEqual(await client.ids({ authors: [a.pubkey] }), [del.id]);
        }
    });

    it('no tag rows stay behind', async () => {
        assert.equal(await stack.sql('SELECT count(*) FROM event_tags t WHERE NOT EXISTS (SELECT FROM events e WHERE e.seq = t.seq)'), '0');
    });
});
