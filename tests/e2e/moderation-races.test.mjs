// Decisions against each other and against writes, on two event handlers, one of which is killed again and again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, word } from './lib/events.mjs';

let stack, both, ops;
before(async () => {
    stack = await startStack({ eventHandlers: 2, env: { INTERNAL_TOKEN: 'a-token-for-tests', NIP43_ENABLED: 'True', NOSTPY_DOMAIN: 'relay.test', HISTORY_KINDS: '' } });
    both = [0, 1].map((handler) => new Manager(stack, null, { handler }));
    ops = await Client.open(stack.url());
});
after(async () => {
    ops?.close();
    await stack.stop();
});

const settled = () => until(async () => await stack.sql('SELECT count(*) FROM moderation_moves') === '0', { ms: 30000, what: 'moves to end' });
const patiently = (work) => until(() => work().then(() => true, () => false), { ms: 20000 });

describe('bans', () => {
    it('set and lifted while the author writes and event handlers die: nothing shows that is banned, nothing is lost', async () => {
        const p = new Person(), kept = new Set();
        let publishing = true;
        const old = Array.from({ length: 900 }, (_, i) => p.note(`${word()} ${i}`));
        await ops.acceptAll(old);
        for (const e of old) kept.add(e.id);
        const writer = (async () => {
            while (publishing) {
                const e = p.note(word());
                try {
                    if ((await ops.publish(e)).ok) kept.add(e.id);
                } catch { ops = await Client.open(stack.url()); }
            }
        })();
        const killer = (async () => {
            while (publishing) {
                await sleep(300 + Math.random() * 700);
                await stack.handlers[1].kill();
                await stack.handlers[1].start();
            }
        })();
        for (let i = 0; i < 14; i++) {
            await patiently(() => both[Math.random() < 0.7 ? 0 : 1].call(i % 2 ? 'unbanpubkey' : 'banpubkey', p.pubkey));
            await sleep(Math.random() * 900);
        }
        publishing = false;
        await Promise.all([writer, killer]);
        await patiently(() => both[0].call('unbanpubkey', p.pubkey));
        await settled();
        const stored = (await stack.sql(`SELECT encode(id, 'hex') FROM events WHERE pubkey = '\\x${p.pubkey}'`)).split('\n');
        assert.deepEqual([...kept].filter((id) => !stored.includes(id)), []);
        assert.equal(await stack.sql('SELECT count(*) FROM withheld_events'), '0');
        await both[1].call('banpubkey', p.pubkey);
        await settled();
        assert.equal(await stack.sql(`SELECT count(*) FROM events WHERE pubkey = '\\x${p.pubkey}'`), '0');
        assert.equal(await stack.sql('SELECT count(*) FROM withheld_events'), `${stored.length}`);
    });
});

describe('members', () => {
    it('who join on two event handlers at once are all on the list', async () => {
        for (let round = 0; round < 12; round++) {
            const people = Array.from({ length: 2 }, () => new Person());
            await Promise.all(people.map((p, i) => both[i % 2].call('addmember', p.pubkey)));
            await until(async () => await stack.sql('SELECT count(*) FROM relay_outbox') === '0', { what: 'the list to be published' });
            const [list] = (await ops.query({ kinds: [13534] })).events, listed = list.tags.filter((t) => t[0] === 'member').map((t) => t[1]);
            assert.deepEqual(people.filter((p) => !listed.includes(p.pubkey)).map((p) => p.pubkey), [], `round ${round}`);
        }
    });

    it('an invitation for three takes three of those who come at once', async () => {
        const { code } = await both[0].call('createinvite', 3), people = Array.from({ length: 12 }, () => new Person());
        const clients = await Promise.all(people.map(() => Client.open(stack.url())));
        const answers = await Promise.all(people.map((p, i) => clients[i].publish(p.event({ kind: 28934, tags: [['claim', code]], content: '' }))));
        for (const c of clients) c.close();
        assert.equal(answers.filter((x) => x.ok).length, 3);
    });
});
