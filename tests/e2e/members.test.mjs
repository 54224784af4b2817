// AUTH_MODE=members: a private relay on which its own people read, and nobody else; over two front ends and two event handlers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, word } from './lib/events.mjs';

const [admin, listed, stranger] = [new Person(), new Person(), new Person()];
let stack, operator;
before(async () => {
    stack = await startStack({ frontEnds: 2, eventHandlers: 2, env: { INTERNAL_TOKEN: 'a-token-for-tests', ADMIN_PUBKEY: admin.pubkey, POLICY_ALLOW_PUBKEYS: listed.pubkey, AUTH_MODE: 'members', NIP43_ENABLED: 'True', NOSTPY_DOMAIN: 'relay.test' } });
    operator = new Manager(stack, null);
});
after(() => stack.stop());

const authenticate = async (c, person) => {
    const from = c.messages.length, event = person.auth(await c.challenge(), 'wss://relay.test/');
    c.send(['AUTH', event]);
    assert.deepEqual((await c.find((m) => m[0] === 'OK' && m[1] === event.id, { from })).slice(2), [true, '']);
};
const as = async (person, front = 0) => {
    const c = await Client.open(stack.url(front));
    await authenticate(c, person);
    return c;
};
const reads = async (c) => (await c.query({ kinds: [1], limit: 1 })).closed === null;
const member = (person, yes) => until(async () => (await Promise.all([0, 1].map((i) => fetch(`http://127.0.0.1:${stack.handlerPort(i)}/v1/access?pubkey=${person.pubkey}`, { headers: { Authorization: 'Bearer a-token-for-tests' } }).then((r) => r.json())))).every((a) => a.member === yes), { ms: 5000 });

describe('AUTH_MODE=members', () => {
    it('is announced: NIP-11, and the landing page', async () => {
        const { limitation } = await (await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } })).json();
        assert.deepEqual([limitation.auth_required, limitation.restricted_writes], [true, true]);
        assert.match(await (await fetch(stack.http(), { headers: { Accept: 'text/html' } })).text(), /only members read/);
    });

    it('strangers read nothing, by no verb and not live, before and after AUTH (NIP-42)', async () => {
        const writer = await as(listed), note = await writer.accept(listed.note(word()));
        const c = await Client.open(stack.url(1));
        assert.match((await c.query({ ids: [note.id] })).closed, /^auth-required: /);
        assert.match((await c.count({ ids: [note.id] })).closed, /^auth-required: /);
        assert.match((await c.publish(stranger.note(word()))).message, /^auth-required: /);
        await authenticate(c, stranger);
        for (const filter of [{ ids: [note.id] }, { search: 'a' }, { kinds: [1059], '#p': [stranger.pubkey] }, { authors: [stranger.pubkey], kinds: [3], search: 'history:true' }]) {
            assert.match((await c.query(filter)).closed, /^restricted: only members read/, JSON.stringify(filter));
            assert.match((await c.count(filter)).closed, /^restricted: only members read/, JSON.stringify(filter));
        }
        assert.match((await c.publish(stranger.note(word()))).message, /^restricted: /);
        await writer.accept(listed.note(word()));
        await c.settle();
        assert.ok(c.messages.every((m) => m[0] !== 'EVENT'));
        c.close();
        writer.close();
    });

    it('who is listed, and the admin, read and write: the first REQ after the OK is served', async () => {
        for (const person of [listed, admin]) {
            const c = await as(person, 1), note = await c.accept(person.note(word()));
            assert.deepEqual(await c.ids({ ids: [note.id] }), [note.id]);
            c.close();
        }
    });

    it('whom an admin allows reads from then on; who is allowed no longer is disconnected', async () => {
        const p = new Person(), waiting = await as(p, 1);
        assert.equal(await reads(waiting), false);
        await operator.call('allowpubkey', p.pubkey);
        await until(() => reads(waiting), { ms: 5000 });
        const c = await as(p);
        assert.equal(await reads(c), true);
        await operator.call('unallowpubkey', p.pubkey);
        await member(p, false);
        for (const client of [waiting, c]) {
            await client.waitClosed(40000);
            assert.ok(client.messages.some((m) => m[0] === 'NOTICE' && /not a member of this relay any more/.test(m[1])));
        }
        const again = await as(p);
        assert.equal(await reads(again), false);
        again.close();
    });

    it('who joins by an invitation (NIP-43) reads on the same connection', async () => {
        const p = new Person(), c = await as(p), { code } = await operator.call('createinvite');
        await c.publish(p.event({ kind: 28934, tags: [['-'], ['claim', code]], content: '' }));
        await until(() => reads(c), { ms: 5000 });
        c.close();
    });

    it('while no event handler answers, AUTH fails with a reason and may be repeated; who reads goes on afterwards', async () => {
        const reader = await as(listed);
        for (const h of stack.handlers) await h.kill();
        const c = await Client.open(stack.url(0)), event = listed.auth(await c.challenge(), 'wss://relay.test/');
        c.send(['AUTH', event]);
        const ok = await c.find((m) => m[0] === 'OK' && m[1] === event.id, { ms: 10000 });
        assert.equal(ok[2], false);
        assert.match(ok[3], /^error: cannot tell now whether you are a member/);
        assert.match((await c.query({ kinds: [1] })).closed, /^restricted: /);
        for (const h of stack.handlers) await h.start();
        await until(async () => (await fetch(`${stack.http()}readyz`)).status === 200, { ms: 10000 });
        await authenticate(c, listed);
        assert.equal(await reads(c), true);
        assert.equal(await reads(reader), true);
        c.close();
        reader.close();
    });
});
