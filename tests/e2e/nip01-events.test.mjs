// NIP-01: what is an event, what is refused, and with which words.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

let stack, client, alice;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
    alice = new Person();
});
after(() => stack.stop());

const publishRaw = async (text, id) => {
    const from = client.messages.length;
    client.send(`["EVENT",${text}]`);
    const reply = await client.find((m) => m[0] === 'OK' || m[0] === 'NOTICE', { from });
    if (id !== undefined && reply[0] === 'OK') assert.equal(reply[1], id, 'OK names the event');
    return reply;
};

const refused = async (event, prefix = /^invalid: /) => {
    const { ok, message } = await client.publish(event);
    assert.equal(ok, false);
    assert.match(message, prefix);
    return message;
};

describe('NIP-01 events', () => {
    it('an EVENT is answered with a four-element OK, boolean true, and is readable by id', async () => {
        const event = alice.note('hello');
        const { reply } = await client.publish(event);
        assert.deepEqual(reply, ['OK', event.id, true, '']);
        const { events } = await client.query({ ids: [event.id] });
        assert.deepEqual(events, [event]);
    });

    it('a stored event comes back with the seven standard members and the same bytes in content and tags', async () => {
        const content = 'a\nb"c\\d\re\tf\bg\fh /<>&\u2028\u2029\u007f 😀 e\u0301';
        const event = alice.note(content, { tags: [['t', 'x"y\\z'], ['alt', '', 'third'], ['emoji', '🤙', '']] });
        await client.accept(event);
        const { events } = await client.query({ ids: [event.id] });
        assert.deepEqual(events[0], event);
        assert.deepEqual(Object.keys(events[0]), ['id', 'pubkey', 'created_at', 'kind', 'tags', 'content', 'sig']);
    });

    it('wire spelling does not matter: escapes, shuffled members, white space, unknown members', async () => {
        const event = alice.note('A/é');
        const text = ` { "sig" : "${event.sig}" , "extra" : {"a":[1,null,"x"]}, "content":"\\u0041\\/\\u00e9",\n "tags":[ ], "kind":1,
            "created_at": ${event.created_at}, "pubkey":"${event.pubkey}", "id":"${event.id}" } `;
        const reply = await publishRaw(text, event.id);
        assert.equal(reply[2], true, reply[3]);
        const { events } = await client.query({ ids: [event.id] });
        assert.deepEqual(events, [event], 'unknown members are not served');
    });

    it('vector A2: DEL is hashed raw', async () => {
        const event = {
            id: '19d451f01bb257f059a829089dd3b81a5582e4f2116cdb7e944ebf866c47b3b1',
            pubkey: 'f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9',
            created_at: 1700000000, kind: 1, tags: [], content: '\u007f',
            sig: 'e8ea8c60d35b3bd0c318ded642523506d5e799dbf0157fcc1273a40b11b098876f2c2f0cbf4cd27554c2e32bb07c0eac448a2be68d0a749c4b2f434ab45ddf32',
        };
        await client.accept(event);
    });

    it('control characters are accepted in the \\u00xx form of the ecosystem and in the raw form of the text', async () => {
        const content = 'x\u0001\u001fy';
        await client.accept(alice.sign({ content }));
        const raw = alice.sign({ content }, `[0,"${alice.pubkey}",${now()},1,[],"${content}"]`);
        await client.accept(raw);
        const { events } = await client.query({ ids: [raw.id] });
        assert.equal(events[0].content, content);
    });

    it('U+0000 in content is kept whole', async () => {
        const event = alice.note(`before\u0000after ${word()}`);
        await client.accept(event);
        assert.equal((await client.query({ ids: [event.id] })).events[0].content, event.content);
    });

    it('an id that is not the hash is refused, so a signature cannot carry other content', async () => {
        const event = alice.note('true words');
        await refused({ ...event, content: 'forged words' });
        await refused({ ...event, tags: [['t', 'forged']] });
        await refused({ ...event, kind: 2 });
        await refused({ ...event, created_at: event.created_at - 1 });
        assert.deepEqual(await client.ids({ ids: [event.id] }), []);
    });

    it('a wrong signature or a pubkey that is no point on the curve is refused', async () => {
        const event = alice.note('signed');
        await refused({ ...event, sig: event.sig.replace(/^../, (c) => (c === '00' ? '01' : '00')) });
        await refused(new Person().sign({ pubkey: 'ff'.repeat(32) }));
    });

    it('upper-case hex is refused in id, pubkey and sig', async () => {
        const event = alice.note('capital');
        for (const member of ['id', 'pubkey', 'sig']) {
            const reply = await publishRaw(JSON.stringify({ ...event, [member]: event[member].toUpperCase() }));
            assert.equal(reply[0] === 'NOTICE' || reply[2] === false, true, `${member}: ${JSON.stringify(reply)}`);
        }
    });

    it('missing members and wrong types are refused with OK false invalid naming the event', async () => {
        for (const member of ['pubkey', 'created_at', 'kind', 'tags', 'content', 'sig']) {
            const event = alice.note('complete');
            delete event[member];
            const reply = await publishRaw(JSON.stringify(event), event.id);
            assert.deepEqual([reply[0], reply[2]], ['OK', false], member);
            assert.match(reply[3], /^invalid: /);
        }
        for (const wrong of [{ kind: '1' }, { kind: 1.5 }, { kind: -1 }, { kind: 65536 }, { created_at: '1700000000' }, { created_at: -1 },
            { created_at: 1700000000.5 }, { content: null }, { content: 5 }, { tags: {} }, { tags: ['t'] }, { tags: [['t', 1]] }, { tags: [['t', null]] },
            { tags: [[['t']]] }, { tags: [[]] }, { sig: 'ab' }, { pubkey: 'ab' }]) {
            const event = { ...alice.note('typed'), ...wrong };
            const reply = await publishRaw(JSON.stringify(event), event.id);
            assert.deepEqual([reply[0], reply[2]], ['OK', false], JSON.stringify(wrong));
            assert.match(reply[3], /^invalid: /, JSON.stringify(wrong));
        }
        for (const spelled of ['1700000000.0', '1.7e9', '01700000000']) {
            const event = alice.note('number');
            const reply = await publishRaw(JSON.stringify(event).replace(String(event.created_at), spelled));
            assert.ok(reply[0] === 'NOTICE' || reply[2] === false, spelled);
        }
    });

    it('a lone surrogate and a doubled member are refused', async () => {
        const event = alice.note('x');
        let reply = await publishRaw(JSON.stringify(event).replace('"content":"x"', '"content":"\\ud83d"'));
        assert.ok(reply[0] === 'NOTICE' || reply[2] === false);
        reply = await publishRaw(JSON.stringify(event).replace('"content":"x"', '"content":"x","content":"x"'), event.id);
        assert.equal(reply[2], false);
    });

    it('an EVENT without a usable id gets OK with an empty id or a NOTICE, never silence', async () => {
        for (const text of ['{}', '{"id":5}', '{"content":"x"}', '5', '"text"', 'null', '[]']) {
            const reply = await publishRaw(text);
            assert.ok(reply[0] === 'NOTICE' || (reply[0] === 'OK' && reply[2] === false), text);
        }
    });

    it('kind 65535 and unclassified kinds 45, 78, 444, 999, 40000 are stored like regular events', async () => {
        for (const kind of [45, 78, 444, 999, 40000, 65535]) {
            const [one, two] = [alice.note('1', { kind, tags: [['d', 'same']] }), alice.note('2', { kind, tags: [['d', 'same']] })];
            await client.accept(one);
            await client.accept(two);
            assert.equal((await client.ids({ ids: [one.id, two.id] })).length, 2, `kind ${kind}`);
        }
    });

    it('publishing twice answers true with duplicate: and is not broadcast again', async () => {
        const event = alice.note(`once ${word()}`);
        const watcher = await Client.open(stack.url());
        await watcher.req('live', { authors: [alice.pubkey], limit: 0 });
        await client.accept(event);
        await watcher.live('live', event.id);
        const again = await client.publish(event);
        assert.equal(again.ok, true);
        assert.match(again.message, /^duplicate: /);
        const later = await client.accept(alice.note('later'));
        await watcher.live('live', later.id);
        assert.equal(watcher.received('live').filter((e) => e.id === event.id).length, 1);
        watcher.close();
    });

    it('created_at more than 15 minutes ahead is refused, a little ahead or long ago is fine', async () => {
        await refused(alice.event({ created_at: now() + 1000 }), /^invalid: created_at/);
        await client.accept(alice.event({ created_at: now() + 600, content: word() }));
        await client.accept(alice.event({ created_at: 1, content: word() }));
        await client.accept(alice.event({ created_at: 0, content: word() }));
    });

    it('tokens (22242, 24242, 27235) are refused as EVENT and never forwarded', async () => {
        const watcher = await Client.open(stack.url());
        await watcher.req('tokens', { kinds: [22242, 24242, 27235] });
        for (const kind of [22242, 24242, 27235]) assert.equal((await client.publish(alice.event({ kind }))).ok, false);
        await client.accept(alice.note(word()));
        await watcher.settle();
        assert.deepEqual(watcher.received('tokens'), []);
        watcher.close();
    });

    it('long tag values are stored and found by their whole value', async () => {
        const long = 'v'.repeat(6400);
        const [one, two] = [alice.event({ tags: [['r', long + '1']] }), alice.event({ tags: [['r', long + '2']] })];
        await client.accept(one);
        await client.accept(two);
        assert.deepEqual(await client.ids({ '#r': [long + '2'] }), [two.id]);
    });

    it('non-hex e and p values in events are accepted', async () => {
        await client.accept(alice.event({ tags: [['e', 'not hex'], ['p', ''], ['p']] }));
    });
});
