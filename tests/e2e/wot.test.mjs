// The Web of Trust: who may write, across two front ends and two event handlers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const follows = (who, people, template = {}) => who.event({ kind: 3, content: '', tags: people.map((p) => ['p', p.pubkey ?? p]), ...template });

describe('web of trust', () => {
    const admin = new Person(), friends = [1, 2, 3, 4].map(() => new Person()), known = new Person(), nearly = new Person();
    let stack, clients, operator;
    before(async () => {
        stack = await startStack({ frontEnds: 2, eventHandlers: 2, env: {
            WOT_ENABLED: 'True', ADMIN_PUBKEY: admin.pubkey, INTERNAL_TOKEN: 'a-token-for-tests', NOSTPY_DOMAIN: 'relay.test' } });
        clients = [await Client.open(stack.url(0)), await Client.open(stack.url(1))];
        operator = new Manager(stack, null);
        for (const f of friends) await clients[0].accept(follows(f, [known, ...(f === friends[0] ? [nearly] : [])], { created_at: now() - 100 }));
        await clients[0].accept(follows(admin, friends, { created_at: now() - 100 }));
    });
    after(() => stack.stop());

    const may = (client, who, ms = 6000) => until(async () => (await client.publish(who.note(word()))).ok, { ms, what: 'the person to be let in' });
    const mayNot = (client, who, ms = 6000) => until(async () => !(await client.publish(who.note(word()))).ok, { ms, what: 'the person to be put out' });

    it('the admin writes at once, whom the admin follows and the circle follows within seconds, on every replica', async () => {
        for (const c of clients) {
            await c.accept(admin.note(word()));
            for (const f of friends) await may(c, f);
            await may(c, known);
        }
    });

    it('a refusal says how much is missing', async () => {
        for (const c of clients) {
            assert.equal((await c.publish(nearly.note(word()))).message, 'blocked: not in this relay\'s web of trust (followed by 1 of 3 needed)');
            assert.equal((await c.publish(new Person().note(word()))).message, 'blocked: not in this relay\'s web of trust (followed by 0 of 3 needed)');
        }
    });

    it('guests may write their profile, lists and relays, and to members', async () => {
        const guest = new Person(), c = clients[1];
        for (const kind of [0, 3, 10002, 10050]) await c.accept(guest.event({ kind, content: '' }));
        await c.accept(guest.note(word(), { tags: [['p', known.pubkey]] }));
        assert.equal((await c.publish(guest.note(word(), { tags: [['p', nearly.pubkey]] }))).ok, false);
        assert.equal((await c.publish(guest.note(word(), { tags: [['p', known.pubkey.toUpperCase()]] }))).ok, false);
    });

    it('gift wraps are taken for members, whoever signs them', async () => {
        await clients[0].accept(new Person().event({ kind: 1059, content: 'sealed', tags: [['p', known.pubkey]], created_at: now() - 150000 }));
        assert.match((await clients[0].publish(new Person().event({ kind: 1059, content: 'sealed', tags: [['p', nearly.pubkey]] }))).message, /^blocked: none of its recipients/);
    });

    const tierAt = async (handler, who) => (await (await fetch(`http://127.0.0.1:${stack.handlerPort(handler)}/v1/access?pubkey=${who.pubkey}`, { headers: { Authorization: 'Bearer a-token-for-tests' } })).json()).tier;

    it('a new follow list of the admin acts within two seconds on every event handler', async () => {
        const newcomer = new Person();
        await clients[0].accept(follows(admin, [...friends, newcomer], { created_at: now() - 90 }));
        const start = Date.now();
        await Promise.all([0, 1].map((i) => until(async () => await tierAt(i, newcomer) === 'trusted', { ms: 5000, what: `handler ${i} to trust the newcomer` })));
        assert.ok(Date.now() - start < 2000, `${Date.now() - start} ms`);
        for (const c of clients) await c.accept(newcomer.note(word()));
        await clients[0].accept(follows(admin, friends, { created_at: now() - 80 }));
        for (const c of clients) await mayNot(c, newcomer, 4000);
    });

    it('and so does one of a direct follow', async () => {
        const fan = new Person();
        for (const f of friends.slice(0, 3)) await clients[1].accept(follows(f, [known, fan], { created_at: now() - 70 }));
        for (const c of clients) await may(c, fan, 4000);
    });

    it('attack: an old list that is replayed changes nothing', async () => {
        const replayed = follows(admin, [nearly], { created_at: now() - 5000 });
        assert.equal((await clients[0].publish(replayed)).ok, false);
        await sleep(2500);
        assert.equal((await clients[0].publish(nearly.note(word()))).ok, false);
    });

    it('attack: a list from the far future is refused', async () => {
        assert.match((await clients[0].publish(follows(friends[0], [nearly], { created_at: now() + 100000 }))).message, /^invalid: /);
    });

    it('attack: a ring of strangers who follow each other stays outside', async () => {
        const ring = Array.from({ length: 8 }, () => new Person());
        for (const r of ring) await clients[0].accept(follows(r, ring));
        await sleep(2500);
        assert.match((await clients[0].publish(ring[0].note(word()))).message, /followed by 0 of 3/);
    });

    it('attack: a follow list emptied by accident evicts nobody', async () => {
        const many = Array.from({ length: 12 }, () => new Person());
        for (const f of friends.slice(0, 3)) await clients[0].accept(follows(f, [known, ...many], { created_at: now() - 60 }));
        await may(clients[0], many[0]);
        await clients[0].accept(follows(friends[0], [], { created_at: now() - 50 }));
        await sleep(2500);
        await clients[0].accept(many[11].note(word()));
        await until(async () => /tandem_eh_wot_lists_total\{why="held"\} [1-9]/.test(
            (await Promise.all([0, 1].map(async (i) => (await fetch(`http://127.0.0.1:${stack.handlerPort(i)}/metrics`)).text()))).join('')), { what: 'the list to be held' });
    });

    it('attack: the admin\'s list emptied by accident is not believed, unless forced', async () => {
        await clients[0].accept(follows(admin, [], { created_at: now() - 40 }));
        await until(async () => (await operator.call('wotstatus')).generations.some((g) => g.published === false && /no admin follows/.test(g.refused)), { what: 'the guard to refuse' });
        for (const c of clients) await c.accept(known.note(word()));
        await operator.call('wotrebuild', 'force');
        for (const c of clients) await mayNot(c, known);
        await clients[0].accept(follows(admin, friends, { created_at: now() - 30 }));
        for (const c of clients) await may(c, friends[1]);
    });

    it('mutes of the admin, and banning, put out at once; allowing lets in', async () => {
        const muted = friends[3], banned = new Person();
        await clients[0].accept(admin.event({ kind: 10000, content: '', tags: [['p', muted.pubkey]] }));
        for (const c of clients) await mayNot(c, muted, 4000);
        assert.equal((await clients[1].publish(muted.note(word()))).message, 'blocked: muted by an admin of this relay');
        await operator.call('allowpubkey', banned.pubkey);
        for (const c of clients) await may(c, banned, 4000);
        await operator.call('banpubkey', banned.pubkey, 'spam');
        for (const c of clients) await mayNot(c, banned, 4000);
    });

    it('is explained', async () => {
        const s = await operator.call('wotexplain', known.pubkey);
        assert.equal(s.tier, 'known');
        assert.ok(s.followers >= 2 && s.followed_by.length >= 2);
        assert.equal((await operator.call('wotexplain', hex())).tier, 'guest');
        const status = await operator.call('wotstatus');
        assert.ok(status.people.trusted >= 4 && status.generation > 0);
    });

    it('the last good generation serves after a restart, and another leader takes over', async () => {
        await stack.handlers[0].kill();
        await clients[1].accept(known.note(word()));
        await stack.handlers[0].start();
        const fan = new Person();
        await clients[1].accept(follows(admin, [...friends, fan], { created_at: now() }));
        await until(async () => (await clients[1].publish(fan.note(word()))).ok, { ms: 30000, what: 'a new leader to build' });
    });
});

describe('web of trust without an admin', () => {
    let stack;
    before(async () => { stack = await startStack({ env: { WOT_ENABLED: 'True' } }); });
    after(() => stack.stop());

    it('refuses writes with a sentence that says what to set; the log and /readyz say the same', async () => {
        const client = await Client.open(stack.url());
        assert.match((await client.publish(new Person().note('x'))).message, /^blocked: this relay is not set up yet: its operator must set ADMIN_PUBKEY, or WOT_ENABLED=False/);
        assert.match(await (await fetch(`http://127.0.0.1:${stack.handlerPort(0)}/readyz`)).text(), /ADMIN_PUBKEY/);
        assert.match(stack.handlers[0].output, /all writes are refused: set ADMIN_PUBKEY/);
        client.close();
    });
});
