// NIP-01: REQ, CLOSE, subscription ids, NOTICE; and what naive clients send.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(() => stack.stop());

describe('NIP-01 subscriptions', () => {
    it('a REQ with an id in use replaces silently: no CLOSED, the old filter no longer matches', async () => {
        const [a, b] = [new Person(), new Person()];
        const watcher = await Client.open(stack.url());
        await watcher.req('s', { authors: [a.pubkey] });
        await watcher.req('s', { authors: [b.pubkey] });
        await client.accept(a.note('old filter'));
        const event = await client.accept(b.note('new filter'));
        await watcher.live('s', event.id);
        assert.deepEqual(watcher.received('s').map((e) => e.id), [event.id]);
        assert.ok(!watcher.messages.some((m) => m[0] === 'CLOSED'));
        watcher.close();
    });

    it('rapid REQs with one id end with one EOSE for the last of them', async () => {
        const a = new Person();
        await client.accept(a.note('x'));
        const watcher = await Client.open(stack.url());
        for (let i = 0; i < 30; i++) watcher.send(['REQ', 'scroll', { authors: [a.pubkey], limit: i + 1 }]);
        await watcher.settle();
        await sleep(200);
        const eoses = watcher.messages.filter((m) => m[0] === 'EOSE' && m[1] === 'scroll').length;
        assert.ok(eoses >= 1 && eoses <= 30, `${eoses} EOSE`);
        assert.equal(watcher.messages.findLast((m) => m[1] === 'scroll')[0], 'EOSE');
        const event = await client.accept(a.note('live'));
        await watcher.live('scroll', event.id);
        assert.equal(watcher.received('scroll').filter((e) => e.id === event.id).length, 1);
        watcher.close();
    });

    it('CLOSE ends delivery and is answered by nothing; CLOSE of an unknown id is silence', async () => {
        const a = new Person();
        const watcher = await Client.open(stack.url());
        await watcher.req('s', { authors: [a.pubkey] });
        const from = watcher.messages.length;
        watcher.send(['CLOSE', 's']);
        watcher.send(['CLOSE', 'never opened']);
        await client.accept(a.note('unheard'));
        await watcher.settle();
        assert.deepEqual(watcher.messages.slice(from).filter((m) => !m[1]?.startsWith?.('settle')), []);
        watcher.close();
    });

    it('REQ then CLOSE at once: nothing comes after the CLOSE was read', async () => {
        const watcher = await Client.open(stack.url());
        watcher.send(['REQ', 'brief', {}]);
        watcher.send(['CLOSE', 'brief']);
        await watcher.settle();
        const end = watcher.messages.length;
        await client.accept(new Person().note(word()));
        await sleep(100);
        assert.deepEqual(watcher.messages.slice(end).filter((m) => m[1] === 'brief'), []);
        watcher.close();
    });

    it('two connections with the same id do not touch each other', async () => {
        const [a, b] = [new Person(), new Person()];
        const [one, two] = await Promise.all([Client.open(stack.url()), Client.open(stack.url())]);
        await one.req('feed', { authors: [a.pubkey] });
        await two.req('feed', { authors: [b.pubkey] });
        two.send(['CLOSE', 'feed']);
        await two.settle();
        const event = await client.accept(a.note('x'));
        await one.live('feed', event.id);
        assert.deepEqual(two.received('feed'), []);
        one.close();
        two.close();
    });

    it('ids of 64 characters are fine (emoji too), 65 and empty are refused, odd characters come back escaped', async () => {
        for (const id of ['x'.repeat(64), '😀'.repeat(64), 'quote " backslash \\ newline \n', '<b>:7']) {
            const answer = await client.req(id, { limit: 0 });
            assert.ok(answer.eose, id);
            client.send(['CLOSE', id]);
        }
        for (const id of ['x'.repeat(65), '']) {
            const answer = await client.req(id, { limit: 0 });
            assert.match(answer.closed ?? 'EOSE', /^invalid: /);
        }
    });

    it('one subscription gets an event once though several of its filters match', async () => {
        const a = new Person();
        const watcher = await Client.open(stack.url());
        await watcher.req('s', { authors: [a.pubkey] }, { kinds: [1], authors: [a.pubkey] }, { since: now() - 1000, authors: [a.pubkey] });
        const [one, two] = [await client.accept(a.note('1')), await client.accept(a.note('2'))];
        await watcher.live('s', two.id);
        assert.deepEqual(watcher.received('s').map((e) => e.id), [one.id, two.id]);
        watcher.close();
    });

    it('a long answer does not hold up what the same connection sends behind it', async () => {
        const a = new Person(), c = await Client.open(stack.url());
        await c.acceptAll(Array.from({ length: 1200 }, (_, i) => a.event({ created_at: now() - i, content: 'x'.repeat(3000) })), 100);
        c.ws.pause();
        c.send(['REQ', 'long', { authors: [a.pubkey], limit: 5000 }]);
        const note = a.note('behind it');
        c.send(['EVENT', note]);
        const other = await Client.open(stack.url());
        for (let i = 0; i < 100 && !(await other.ids({ ids: [note.id] })).length; i++) await sleep(20);
        assert.deepEqual(await other.ids({ ids: [note.id] }), [note.id], 'stored while nobody reads the long answer');
        c.ws.resume();
        await c.find((m) => m[0] === 'EOSE' && m[1] === 'long');
        await c.find((m) => m[0] === 'OK' && m[1] === note.id);
        other.close();
        c.close();
    });

    it('the seam: events published while the query runs arrive exactly once', async () => {
        const a = new Person();
        const stored = Array.from({ length: 300 }, (_, i) => a.event({ created_at: now() - 400 + i, content: `${i}` }));
        await client.acceptAll(stored);
        const live = Array.from({ length: 150 }, (_, i) => a.note(`live ${i}`));
        const watchers = await Promise.all(Array.from({ length: 15 }, () => Client.open(stack.url())));
        let published = 0;
        const publisher = (async () => {
            for (const e of live) {
                client.send(['EVENT', e]);
                published++;
                await sleep(4);
            }
        })();
        const starts = watchers.map(async (w, i) => {
            await sleep(i * 35);
            w.req('seam', { authors: [a.pubkey], limit: 5000 });
        });
        await Promise.all([publisher, ...starts]);
        const all = new Set([...stored, ...live].map((e) => e.id));
        for (const w of watchers) {
            await w.find((m) => m[0] === 'EVENT' && m[2].id === live.at(-1).id);
            const got = w.received('seam').map((e) => e.id);
            assert.equal(got.length, all.size, 'each once');
            assert.equal(new Set(got).size, all.size);
            assert.equal(w.messages.filter((m) => m[0] === 'EOSE').length, 1);
            w.close();
        }
    });
});

describe('NIP-01 messages that are none', () => {
    it('text ping, empty frame, JSON that is not a message: at most a NOTICE each, and the connection stays', async () => {
        const c = await Client.open(stack.url());
        const bad = ['ping', '', ' ', '{}', '"x"', '5', 'null', '[]', '[5]', '["FOO",1]', '["EVENT"]', '["REQ"]', '["CLOSE"]', '["AUTH"]', '["AUTH","text"]', '["COUNT"]', '["REQ",5,{}]',
            '["COUNT",null,{}]', '["EVENT",', '["EVENT",{}', '[[[[', '{"a":', '["REQ","x",{}', '["NEG-OPEN"]', '\u0000', '[1,2', '["EVENT",{}]extra'];
        for (const text of bad) {
            const from = c.messages.length;
            c.send(text);
            await c.settle();
            const answers = c.messages.slice(from).filter((m) => m[0] !== 'EOSE' && m[0] !== 'AUTH');
            assert.ok(answers.length <= 1, `${JSON.stringify(text)}: ${JSON.stringify(answers)}`);
            for (const m of answers) assert.ok(m[0] === 'NOTICE' || m[0] === 'CLOSED' || (m[0] === 'OK' && m[2] === false), JSON.stringify(m));
        }
        c.send(Buffer.from([1, 2, 3]));
        await c.settle();
        assert.equal(c.closed, null);
        c.close();
    });

    it('white space around a message is fine', async () => {
        const from = client.messages.length;
        client.send('  \n["REQ" , "spaced" , { "limit" : 0 } ]\r\n ');
        await client.find((m) => m[0] === 'EOSE' && m[1] === 'spaced', { from });
    });

    it('one hostile connection does not disturb others', async () => {
        const rude = await Client.open(stack.url());
        for (let i = 0; i < 500; i++) rude.send('[' + '['.repeat(i));
        rude.send(JSON.stringify(['REQ', 'x', ...Array(101).fill({})]));
        const event = await client.accept(new Person().note('still here'));
        assert.deepEqual(await client.ids({ ids: [event.id] }), [event.id]);
        rude.kill();
    });
});
