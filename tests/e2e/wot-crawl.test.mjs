// The Web of Trust of a relay that has nothing yet, from what other relays have: a good one, and two that are not.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WebSocketServer } from 'ws';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, now, word } from './lib/events.mjs';

const follows = (who, people, template = {}) => who.event({ kind: 3, content: '', tags: people.map((p) => ['p', p.pubkey]), created_at: now() - 100, ...template });

// A relay that does as `answer` says with each REQ.
async function fakeRelay(answer) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }), asked = [];
    await new Promise((resolve) => server.once('listening', resolve));
    server.on('connection', (ws) => ws.on('message', (data) => {
        const message = JSON.parse(data);
        if (message[0] !== 'REQ') return;
        asked.push(message);
        answer(ws, message[1], message.slice(2));
    }));
    const close = () => new Promise((resolve) => { for (const c of server.clients) c.terminate(); server.close(resolve); });
    return { url: `ws://127.0.0.1:${server.address().port}`, asked, close };
}

describe('web of trust from other relays', () => {
    const admin = new Person(), friends = [1, 2, 3].map(() => new Person()), known = new Person(), spammer = new Person();
    let elsewhere, silent, hostile, stack, client, operator;
    before(async () => {
        elsewhere = await startStack();
        const there = await Client.open(elsewhere.url());
        await there.accept(follows(admin, friends));
        for (const f of friends) await there.accept(follows(f, [known]));
        silent = await fakeRelay(() => {}); // takes the question and never answers
        hostile = await fakeRelay((ws, id) => {
            const forged = { ...follows(admin, [spammer]), sig: '00'.repeat(64) }, changed = { ...follows(admin, friends), tags: [['p', spammer.pubkey]] };
            const foreign = follows(spammer, [spammer]), future = follows(admin, [spammer], { created_at: now() + 100000 }), replayed = follows(admin, [spammer], { created_at: now() - 90000 });
            for (const e of [forged, changed, foreign, future, replayed, { kind: 3 }]) ws.send(JSON.stringify(['EVENT', id, e]));
            ws.send('not JSON');
            ws.send(JSON.stringify(['EOSE', id]));
        });
        stack = await startStack({ env: { WOT_ENABLED: 'True', ADMIN_PUBKEY: admin.pubkey, INTERNAL_TOKEN: 'a-token-for-tests', WOT_CRAWL_ANSWER_SECONDS: '2', WOT_CRAWL_RELAY_SECONDS: '5', LOG_LEVEL: 'debug',
            WOT_SEED_RELAYS: `${silent.url},${hostile.url},ws://127.0.0.1:${elsewhere.port()}` } });
        client = await Client.open(stack.url());
        operator = new Manager(stack, null);
    });
    after(() => Promise.all([stack?.stop(), elsewhere?.stop(), silent?.close(), hostile?.close()]));

    it('before the first crawl has ended everybody is a guest, and the admin an admin', async () => {
        await client.accept(admin.note(word()));
        await client.accept(new Person().event({ kind: 0, content: '{}' }));
        assert.equal((await client.publish(new Person().note(word()))).ok, false);
    });

    it('one rebuild finds the whole circle, level by level', async () => {
        for (const person of [...friends, known]) await until(async () => (await client.publish(person.note(word()))).ok, { ms: 40000, what: `the circle to be found; the log:\n${stack.handlers[0].output.slice(-3000)}` });
        assert.equal((await operator.call('wotexplain', known.pubkey)).followers, 3);
    });

    it('attack: forged, changed, foreign, future and replayed lists of a hostile relay count for nothing', async () => {
        assert.ok(hostile.asked.length > 0 && silent.asked.length > 0);
        assert.match((await client.publish(spammer.note(word()))).message, /followed by 0 of 3/);
        assert.equal((await operator.call('wotexplain', spammer.pubkey)).followed_by.length, 0);
    });

    it('a newer list that is elsewhere counts after a rebuild on demand', async () => {
        const fan = new Person(), there = await Client.open(elsewhere.url());
        await there.accept(follows(admin, [...friends, fan], { created_at: now() - 50 }));
        await operator.call('wotrebuild');
        await until(async () => (await client.publish(fan.note(word()))).ok, { ms: 40000, what: 'the newer list to be found' });
        there.close();
    });
});
