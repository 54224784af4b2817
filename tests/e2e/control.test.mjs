// What moderators decide acts on every front end within a second: two of them, with two workers each, and two event handlers.
// Runs alone: "within a second" is measured by the clock.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, now, word } from './lib/events.mjs';

const TOKEN = 'a-token-for-tests';
const admin = new Person();
let stack, moderator;
before(async () => {
    stack = await startStack({
        frontEnds: 2, eventHandlers: 2,
        env: { INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey, WS_WORKERS: '2', NIP43_ENABLED: 'True', TRUSTED_PROXIES: '127.0.0.1', RELAY_NAME: 'First name', RELAY_ICON: 'https://example.com/i.png', RATE_LIMITS: 'False' },
    });
    moderator = new Manager(stack, null, { token: TOKEN });
});
after(() => stack.stop());

const FRONTS = [0, 1];
// Enough clients on each front end that each worker has some.
const PER_FRONT = 6;
const everywhere = async (options) => Promise.all(FRONTS.flatMap((i) => Array.from({ length: PER_FRONT }, () => Client.open(stack.url(i), options))));
const closeAll = (clients) => clients.forEach((c) => c.close());
const authenticate = async (c, person, i = 0) => {
    const from = c.messages.length, event = person.auth(await c.challenge(), c.ws.url);
    c.send(['AUTH', event]);
    const reply = await c.find((m) => m[0] === 'OK' && m[1] === event.id, { from });
    return { ok: reply[2], message: reply[3] };
};
const notice = (c) => c.messages.filter((m) => m[0] === 'NOTICE').map((m) => m[1]).join();
// Resolves to the milliseconds that it took until probe held for all.
const took = async (probe) => {
    const began = Date.now();
    await until(probe, { ms: 5000, what: probe.toString() });
    return Date.now() - began;
};
// Each event handler learns of a ban by itself, so for a moment one may still take what another refuses.
const refusedWithinASecond = (c, event) => until(async () => (await c.publish(event)).message.startsWith('blocked: '), { ms: 1000, what: 'a refusal' });
const info = async (i) => (await fetch(stack.http(i), { headers: { Accept: 'application/nostr+json' } })).json();

describe('a restored database', () => {
    it('takes its bans back, and the next ones act although their versions begin lower', async () => {
        const [early, late] = [new Person(), new Person()];
        const clients = await everywhere();
        const allowed = (p, c) => async () => (await c.publish(p.note(word()))).ok;
        await moderator.call('banpubkey', new Person().pubkey);
        const before = await stack.sql('SELECT version FROM control_head');
        await moderator.call('banpubkey', early.pubkey);
        await refusedWithinASecond(clients[0], early.note(word()));
        // What a backup from before that ban would bring, and what nobody is told of.
        await stack.sql(`DELETE FROM moderation WHERE key = '${early.pubkey}'; DELETE FROM moderation_moves; UPDATE control_head SET version = ${before}`);
        for (const c of [clients[0], clients.at(-1)]) await until(allowed(early, c), { ms: 3000, what: 'the ban of the past to be forgotten' });
        for (const c of clients) await authenticate(c, late).catch(() => {});
        await moderator.call('banpubkey', late.pubkey);
        assert.ok((await took(() => clients.every((c) => c.closed))) < 2000);
        const again = await everywhere();
        for (const c of again) await refusedWithinASecond(c, late.note(word()));
        closeAll(again);
    });
});

describe('a ban', () => {
    it('closes the connections of the key everywhere within a second, and no others', async () => {
        const [victim, friend] = [new Person(), new Person()];
        const theirs = await everywhere(), others = await everywhere();
        for (const c of theirs) assert.equal((await authenticate(c, victim)).ok, true);
        for (const c of others) assert.equal((await authenticate(c, friend)).ok, true);
        await moderator.call('banpubkey', victim.pubkey, 'spam');
        assert.ok((await took(() => theirs.every((c) => c.closed))) < 1000);
        for (const c of theirs) {
            assert.equal(c.closed.code, 1008);
            assert.match(notice(c), /^blocked: /);
        }
        assert.ok(others.every((c) => !c.closed));
        const again = await everywhere();
        for (const c of again) {
            const { ok, message } = await authenticate(c, victim);
            assert.equal(ok, false);
            assert.match(message, /^blocked: /);
            await refusedWithinASecond(c, victim.note('more'));
        }
        await moderator.call('unbanpubkey', victim.pubkey);
        await until(async () => {
            const back = await everywhere();
            const welcome = await Promise.all(back.map((c) => authenticate(c, victim).then((r) => r.ok, () => false)));
            closeAll(back);
            return welcome.every(Boolean);
        }, { ms: 2000, what: 'AUTH after the ban' });
        closeAll([...others, ...again]);
    });

    it('hides their events from REQ, COUNT and live delivery on every worker', async () => {
        const victim = new Person(), other = new Person(), tag = word();
        const event = (p, content) => p.event({ tags: [['t', tag]], content });
        const writers = await Promise.all(FRONTS.map((i) => Client.open(stack.url(i))));
        const stored = await writers[0].accept(event(victim, 'before'));
        const kept = await writers[0].accept(event(other, 'before'));
        const readers = await everywhere();
        for (const c of readers) assert.deepEqual((await c.req('live', { '#t': [tag] })).events.map((e) => e.id).sort(), [stored.id, kept.id].sort());
        await moderator.call('banpubkey', victim.pubkey);
        const gone = async (c) => !(await c.ids({ '#t': [tag] })).includes(stored.id) && (await c.count({ '#t': [tag] })).count === 1 && (await c.ids({ ids: [stored.id] })).length === 0;
        assert.ok((await took(async () => (await Promise.all(readers.map(gone))).every(Boolean))) < 1500);
        await sleep(1000); // from now on nothing of theirs may come, not even live
        assert.match((await writers[1].publish(event(victim, 'after'))).message, /^blocked: /);
        const last = await writers[1].accept(event(other, 'after'));
        for (const c of readers) {
            await c.live('live', last.id);
            assert.ok(c.received('live').every((e) => e.pubkey !== victim.pubkey || e.id === stored.id));
        }
        closeAll([...readers, ...writers]);
    });

    it('of one event hides it, and is refused again', async () => {
        const c = await Promise.all(FRONTS.map((i) => Client.open(stack.url(i)))), a = new Person();
        const event = await c[0].accept(a.note(word()));
        await moderator.call('banevent', event.id, 'no');
        assert.ok((await took(async () => (await Promise.all(c.map((x) => x.ids({ ids: [event.id] })))).every((ids) => ids.length === 0))) < 1000);
        await refusedWithinASecond(c[1], event);
        for (const x of c) assert.deepEqual(await x.ids({ ids: [event.id] }), [], 'nor does one that slipped in show');
        closeAll(c);
    });

    it('acts without Redis too', async () => {
        const victim = new Person();
        await stack.redis.stop();
        try {
            const c = await everywhere();
            for (const x of c) assert.equal((await authenticate(x, victim)).ok, true);
            await moderator.call('banpubkey', victim.pubkey);
            assert.ok((await took(() => c.every((x) => x.closed))) < 3000);
        } finally {
            await stack.redis.start();
        }
    });

    it('holds on a front end that starts later', async () => {
        const victim = new Person();
        await moderator.call('banpubkey', victim.pubkey);
        await stack.fronts[1].terminate();
        await stack.fronts[1].start();
        const c = await Client.open(stack.url(1));
        assert.match((await authenticate(c, victim)).message, /^blocked: /);
        c.close();
    });
});

describe('a blocked address', () => {
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const refused = (i, address) => Client.open(stack.url(i), from(address)).then((c) => (c.close(), false), (e) => e.message === 'HTTP 403');

    it('loses its connections and gets no new ones, until it is unblocked', async () => {
        const theirs = await everywhere(from('192.0.2.7')), neighbours = await everywhere(from('192.0.2.8'));
        await moderator.call('blockip', '192.0.2.7', 'floods');
        assert.ok((await took(() => theirs.every((c) => c.closed))) < 1000);
        for (const c of theirs) {
            assert.equal(c.closed.code, 1008);
            assert.match(notice(c), /^blocked: /);
        }
        assert.ok(neighbours.every((c) => !c.closed));
        for (const i of FRONTS) for (let n = 0; n < PER_FRONT; n++) assert.equal(await refused(i, '192.0.2.7'), true);
        const page = await fetch(stack.http(0), { headers: { 'X-Forwarded-For': '192.0.2.7' } });
        assert.equal(page.status, 200, 'pages stay readable');
        await moderator.call('unblockip', '192.0.2.7');
        await until(async () => (await Promise.all(FRONTS.map((i) => refused(i, '192.0.2.7')))).every((r) => !r), { ms: 2000, what: 'to be let in' });
        closeAll(neighbours);
    });

    it('may be IPv6, however it is written', async () => {
        const theirs = await everywhere(from('2001:db8:0:0::1'));
        await moderator.call('blockip', '2001:DB8::1');
        assert.ok((await took(() => theirs.every((c) => c.closed))) < 1000);
        await moderator.call('unblockip', '2001:db8::1');
    });
});

describe('what the admins say of the relay', () => {
    it('is in NIP-11 and on the page of every front end within a second', async () => {
        assert.deepEqual([(await info(0)).name, (await info(1)).icon], ['First name', 'https://example.com/i.png']);
        await moderator.call('changerelayname', 'Second <name>');
        await moderator.call('changerelaydescription', 'New words');
        await moderator.call('changerelayicon', 'https://example.com/new.png');
        const changed = (d) => d.name === 'Second <name>' && d.description === 'New words' && d.icon === 'https://example.com/new.png';
        const probes = () => Promise.all(FRONTS.flatMap((i) => Array.from({ length: PER_FRONT }, () => info(i))));
        assert.ok((await took(async () => (await probes()).every(changed))) < 1500);
        const document = await info(0);
        assert.ok([42, 43, 86].every((nip) => document.supported_nips.includes(nip)));
        assert.match(document.self, /^[0-9a-f]{64}$/);
        const page = await (await fetch(stack.http(1))).text();
        assert.ok(page.includes('<h1>Second &lt;name&gt;</h1>') && page.includes('New words') && page.includes('<svg class="qr"'));
        assert.match(page, /<li>Everybody may write\.<\/li>/);
        assert.doesNotMatch(page.replace(/<a href="[^"]*"/g, ''), /(src|href)="https?:/, 'nothing is loaded from elsewhere');
    });
});

describe('while every event handler is away', () => {
    it('what is known stays in force', async () => {
        const victim = new Person();
        await moderator.call('banpubkey', victim.pubkey);
        const c = await everywhere(); // the ban may come before or behind the answer to AUTH
        for (const x of c) await authenticate(x, victim).catch(() => {});
        await sleep(1000);
        closeAll(c);
        await Promise.all(stack.handlers.map((h) => h.kill()));
        await sleep(500);
        const again = await everywhere();
        for (const x of again) assert.match((await authenticate(x, victim)).message, /^blocked: /);
        await Promise.all(stack.handlers.map((h) => h.start()));
        closeAll(again);
    });
});
