// Membership (NIP-43): invitations made by admins and handed out on request, joining, leaving, and what the relay says about it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { verifyEvent } from 'nostr-tools/pure';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const TOKEN = 'a-token-for-tests', secret = new Person();
const admin = new Person();
let stack, mine, c, self;
before(async () => {
    stack = await startStack({ env: { INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey, WOT_ENABLED: 'True', NIP43_ENABLED: 'True', RELAY_SECRET_KEY: Buffer.from(secret.secret).toString('hex'), NOSTPY_DOMAIN: 'relay.test', MIN_POW_DIFFICULTY: '0' } });
    mine = new Manager(stack, null);
    c = await Client.open(stack.url());
    self = (await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/v1/control`, { headers: { Authorization: `Bearer ${TOKEN}` } })).json()).self;
});
after(async () => {
    c?.close();
    await stack.stop();
});

const authed = async (who) => {
    const client = await Client.open(stack.url()), event = who.auth(await client.challenge(), 'wss://relay.test/'), from = client.messages.length;
    client.send(['AUTH', event]);
    const ok = await client.find((m) => m[0] === 'OK' && m[1] === event.id, { from });
    assert.equal(ok[2], true, ok[3]);
    return client;
};
const join = (who, code, more = {}) => who.event({ kind: 28934, tags: code === null ? [] : [['claim', code]], content: '', ...more });
const leave = (who) => who.event({ kind: 28936, tags: [['-']], content: '' });
const tier = async (who) => (await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/v1/access?pubkey=${who.pubkey}`, { headers: { Authorization: `Bearer ${TOKEN}` } })).json()).tier;
const memberList = async () => (await c.query({ kinds: [13534] })).events[0];
const listed = async (who) => (await memberList())?.tags.find((t) => t[0] === 'member' && t[1] === who.pubkey);

describe('NIP-43', () => {
    it('the relay signs with the key of RELAY_SECRET_KEY, and announces an empty list', async () => {
        assert.equal(self, secret.pubkey);
        const nip11 = await until(async () => { const doc = await (await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } })).json(); return doc.self && doc; });
        assert.equal(nip11.self, self);
        assert.ok(nip11.supported_nips.includes(43));
        const list = await until(memberList);
        assert.equal(list.pubkey, self);
        assert.ok(verifyEvent(list));
        assert.deepEqual(list.tags, [['-']]);
    });

    it('a claim: none, unknown, stale, good, again; the list and kind 8000 say so; the claim is not broadcast', async () => {
        const p = new Person(), invite = await mine.call('createinvite');
        assert.match(invite.code, /^[0-9a-f]{24}$/);
        const watcher = await Client.open(stack.url());
        await watcher.req('claims', { kinds: [28934, 28936] });
        assert.match((await c.publish(join(p, null))).message, /^invalid: /);
        assert.match((await c.publish(join(p, 'nonsense'))).message, /^restricted: /);
        assert.match((await c.publish(join(p, 'a b\0c'))).message, /^restricted: /);
        assert.match((await c.publish(join(p, invite.code, { created_at: now() - 3600 }))).message, /^invalid: /);
        assert.match((await c.publish(join(p, invite.code, { tags: [['-'], ['claim', invite.code]] }))).message, /^auth-required: /);
        assert.equal(await tier(p), 'guest');
        const good = await c.publish(join(p, invite.code));
        assert.equal(good.ok, true);
        assert.match(good.message, /^info: /);
        await until(async () => (await tier(p)) === 'known', { ms: 2000 });
        const again = await c.publish(join(p, invite.code, { content: ' ' }));
        assert.deepEqual([again.ok, /^duplicate: /.test(again.message)], [true, true]);
        assert.match((await c.publish(join(new Person(), invite.code))).message, /^restricted: /); // it was good once
        await until(() => listed(p));
        const [added] = (await c.query({ kinds: [8000], '#p': [p.pubkey] })).events;
        assert.deepEqual([added.pubkey, added.tags], [self, [['-'], ['p', p.pubkey]]]);
        await watcher.settle();
        assert.deepEqual(watcher.received('claims'), []);
        watcher.close();
    });

    it('a role that was deleted since the invitation was made is not given', async () => {
        const p = new Person(), role = word();
        await mine.call('createrole', role);
        const { code } = await mine.call('createinvite', 1, 1, role);
        await mine.call('deleterole', role);
        await c.accept(join(p, code));
        assert.deepEqual((await mine.call('listmembers')).find((m) => m.pubkey === p.pubkey).roles, []);
    });

    it('an expired invitation is refused, a revoked one too', async () => {
        const { code } = await mine.call('createinvite', 5, 1), revoked = await mine.call('createinvite', 5);
        await stack.sql(`update moderation set value = jsonb_set(value, '{expires_at}', '1') where key = '${code}'`);
        assert.match((await c.publish(join(new Person(), code))).message, /^restricted: .*expired/);
        assert.equal((await mine.call('listinvites')).length, 2);
        await mine.call('revokeinvite', revoked.code);
        assert.match((await c.publish(join(new Person(), revoked.code))).message, /^restricted: /);
    });

    it('leaving: the member goes, kind 8001 says so; leaving twice is fine', async () => {
        const p = new Person();
        await mine.call('addmember', p.pubkey);
        await until(() => listed(p));
        assert.match((await c.publish(leave(p))).message, /^auth-required: /);
        const own = await authed(p);
        assert.equal((await own.publish(leave(p))).ok, true);
        assert.equal((await own.publish(leave(p))).ok, true);
        await until(async () => !(await listed(p)));
        await until(async () => (await c.query({ kinds: [8001], '#p': [p.pubkey] })).events.length === 1);
        await until(async () => (await tier(p)) === 'guest', { ms: 2000 });
        own.close();
    });

    it('roles: made, given, listed, edited, deleted', async () => {
        const p = new Person();
        await mine.call('createrole', '37', 'Elder', 'knows it all', 120, 1);
        assert.equal(await mine.call('createrole', '37', 'Elder', 'knows it all', '120', '1'), true);
        await assert.rejects(mine.call('createrole', '37', 'Other'), /exists already/);
        await assert.rejects(mine.call('editrole', 'none', 'x'), /no such role/);
        await assert.rejects(mine.call('assignrole', p.pubkey, 'none'), /no such role/);
        await assert.rejects(mine.call('createrole', 'x', '', '', 361), /invalid params/);
        await mine.call('assignrole', p.pubkey, '37');
        await until(async () => (await listed(p))?.[2] === '37');
        const role = () => c.query({ kinds: [33534], '#d': ['37'] }).then((r) => r.events[0]);
        await until(role);
        assert.deepEqual((await role()).tags, [['-'], ['d', '37'], ['label', 'Elder'], ['description', 'knows it all'], ['color', '120'], ['order', '1']]);
        await mine.call('editrole', '37', 'Sage', null, 5);
        await until(async () => (await role()).tags.some((t) => t[1] === 'Sage'));
        await mine.call('unassignrole', p.pubkey, '37');
        await until(async () => (await listed(p)).length === 2);
        await mine.call('assignrole', p.pubkey, '37');
        await mine.call('deleterole', '37');
        await until(async () => !(await role()) && (await listed(p)).length === 2);
        assert.deepEqual(await mine.call('listroles'), []);
        const [entry] = await mine.call('listaudit', 1);
        await mine.call('undo', entry.id);
        await until(async () => (await role()) && (await listed(p)).length === 3);
    });

    it('an entitled user gets a fresh invitation with each REQ for 28935, a stranger none; each is good once', async () => {
        const p = new Person(), friend = new Person();
        await mine.call('allowpubkey', p.pubkey);
        await until(async () => (await tier(p)) === 'trusted');
        const own = await authed(p), stranger = await authed(friend);
        const ask = async (client) => (await client.query({ kinds: [28935] })).events;
        const [[one], [two]] = [await ask(own), await ask(own)];
        for (const e of [one, two]) {
            assert.ok(verifyEvent(e));
            assert.deepEqual([e.pubkey, e.kind, e.tags[0]], [self, 28935, ['-']]);
        }
        const [first, second] = [one, two].map((e) => e.tags.find((t) => t[0] === 'claim')[1]);
        assert.notEqual(first, second);
        for (const client of [stranger, c]) assert.deepEqual(await ask(client), []);
        assert.deepEqual((await own.query({ authors: [self] })).events.filter((e) => e.kind === 28935), []); // only by name
        assert.equal((await own.count({ kinds: [28935] })).count, 0);
        assert.match((await c.publish(join(friend, `${first.slice(0, -1)}${first.endsWith('0') ? '1' : '0'}`))).message, /^restricted: /);
        assert.equal((await c.publish(join(friend, first))).ok, true);
        assert.match((await c.publish(join(new Person(), first))).message, /^restricted: .*used/);
        await mine.call('unallowpubkey', p.pubkey);
        await until(async () => (await tier(p)) !== 'trusted');
        assert.match((await c.publish(join(new Person(), second))).message, /^restricted: .*any more/);
        for (const client of [own, stranger]) client.close();
    });

    it("nobody else says who is a member: the relay's kinds are refused", async () => {
        for (const kind of [13534, 8000, 8001, 33534, 28935]) assert.match((await c.publish(admin.event({ kind, tags: kind === 33534 ? [['d', 'x']] : [] }))).message, /^blocked: /, String(kind));
        const forged = { ...secret.event({ kind: 13534, tags: [['-']] }), sig: hex(64) };
        assert.match((await c.publish(forged)).message, /^(invalid|auth-required): /);
    });

    it('who vanishes is no member any more', async () => {
        const p = new Person();
        await mine.call('addmember', p.pubkey);
        await until(async () => (await tier(p)) === 'known');
        await c.accept(p.event({ kind: 62, tags: [['relay', 'ALL_RELAYS']], content: '' }));
        await until(async () => (await tier(p)) === 'guest');
        await until(async () => !(await listed(p)));
    });
});

describe('without NIP43_ENABLED', () => {
    it('there is nothing to join', async () => {
        const other = await startStack({ env: { INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey } });
        try {
            const client = await Client.open(other.url());
            assert.match((await client.publish(join(new Person(), word()))).message, /^blocked: /);
            await assert.rejects(new Manager(other, null).call('createinvite'), /NIP43_ENABLED/);
            assert.deepEqual((await client.query({ kinds: [13534] })).events, []);
            client.close();
        } finally {
            await other.stop();
        }
    });
});

describe('NIP-43 under strangers', () => {
    it('who ask to join as fast as they can do not keep a moderator waiting', async () => {
        const own = await startStack({ env: { INTERNAL_TOKEN: TOKEN, NIP43_ENABLED: 'True' } }), clients = await Promise.all(Array.from({ length: 4 }, () => Client.open(own.url())));
        const p = new Person(), requests = Array.from({ length: 2000 }, () => join(p, hex()));
        let answered = 0;
        try {
            const all = requests.map((e, i) => clients[i % 4].publish(e).then(() => { answered++; }));
            await sleep(30);
            await new Manager(own, null).call('whoami');
            const before = answered;
            await Promise.all(all);
            assert.ok(before < 1900, `only after ${before} others`);
        } finally {
            for (const client of clients) client.close();
            await own.stop();
        }
    });
});

describe('NIP-43 with many roles', () => {
    it('a list that does not fit into one event is cut, whatever makes it long', async () => {
        const own = await startStack({ env: { INTERNAL_TOKEN: TOKEN, NIP43_ENABLED: 'True', MAX_EVENT_BYTES: '4096' } }), role = 'x'.repeat(300);
        const op = new Manager(own, null), client = await Client.open(own.url());
        try {
            await op.call('createrole', role);
            const people = Array.from({ length: 20 }, () => new Person().pubkey);
            for (const p of people) await op.call('assignrole', p, role);
            await op.call('removemember', people[0]);
            await until(async () => await own.sql('SELECT count(*) FROM relay_outbox') === '0', { what: 'the list to be published' });
            const [list] = (await client.query({ kinds: [13534] })).events;
            assert.ok(list.tags.length > 5 && list.tags.length < 14, `${list.tags.length} tags`);
            assert.ok(!list.tags.some((t) => t[1] === people[0]), 'a list of before');
        } finally {
            client.close();
            await own.stop();
        }
    });
});
