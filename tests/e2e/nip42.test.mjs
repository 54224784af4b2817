// NIP-42 authentication; NIP-04, 17, 59 private kinds on every read path; NIP-70 protected events.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const DOMAIN = 'relay.example.com';
let stack, client;
before(async () => {
    stack = await startStack({ env: { NOSTPY_DOMAIN: `${DOMAIN},other.example.org:8443` } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const authenticated = async (...people) => {
    const c = await Client.open(stack.url());
    const challenge = await c.challenge();
    for (const p of people) assert.equal((await auth(c, p.auth(challenge, `wss://${DOMAIN}/`))).ok, true);
    return c;
};

const auth = async (c, event) => {
    const from = c.messages.length;
    c.send(['AUTH', event]);
    const reply = await c.find((m) => m[0] === 'OK', { from });
    assert.equal(reply[1], event.id);
    return { ok: reply[2], message: reply[3] };
};

describe('NIP-42', () => {
    it('each connection gets its own challenge at once; one of another connection is refused', async () => {
        const [one, two] = await Promise.all([Client.open(stack.url()), Client.open(stack.url())]);
        const [c1, c2] = [await one.challenge(), await two.challenge()];
        assert.notEqual(c1, c2);
        assert.ok(c1.length >= 22);
        const { ok, message } = await auth(one, new Person().auth(c2, `wss://${DOMAIN}`));
        assert.equal(ok, false);
        assert.match(message, /^invalid: /);
        one.close();
        two.close();
    });

    it('relay tag: scheme, case, default port and trailing slash do not matter; host and other ports do', async () => {
        const a = new Person(), c = await Client.open(stack.url()), challenge = await c.challenge();
        for (const url of [`wss://${DOMAIN}`, `wss://${DOMAIN}/`, `ws://${DOMAIN}`, `WSS://${DOMAIN.toUpperCase()}/`, `wss://${DOMAIN}:443/`, `wss://${DOMAIN}/path`, 'wss://other.example.org:8443'])
            assert.equal((await auth(c, a.auth(challenge, url))).ok, true, url);
        for (const url of ['wss://evil.example.com', `wss://${DOMAIN}.evil.com`, `wss://${DOMAIN}:444`, 'wss://other.example.org', '', 'nonsense'])
            assert.match((await auth(c, a.auth(challenge, url))).message, /^invalid: /, url);
        assert.match((await auth(c, a.event({ kind: 22242, tags: [['challenge', challenge]] }))).message, /^invalid: /);
        c.close();
    });

    it('kind, time, challenge and signature are checked; after a failure the right one works', async () => {
        const a = new Person(), c = await Client.open(stack.url()), challenge = await c.challenge(), url = `wss://${DOMAIN}`;
        const bad = [a.auth(challenge, url, { kind: 1 }), a.auth(challenge, url, { created_at: now() - 660 }), a.auth(challenge, url, { created_at: now() + 660 }), a.auth('wrong', url),
            a.event({ kind: 22242, tags: [['relay', url]] }), { ...a.auth(challenge, url), sig: '0'.repeat(128) }, { ...a.auth(challenge, url), content: 'x' }];
        for (const e of bad) assert.match((await auth(c, e)).message, /^invalid: /);
        for (const skew of [-300, 300]) assert.equal((await auth(c, a.auth(challenge, url, { created_at: now() + skew }))).ok, true);
        c.close();
    });

    it('without NOSTPY_DOMAIN the Host that the client used counts', async () => {
        const plain = await startStack();
        const c = await Client.open(plain.url()), challenge = await c.challenge();
        assert.equal((await auth(c, new Person().auth(challenge, plain.url()))).ok, true);
        assert.equal((await auth(c, new Person().auth(challenge, 'wss://elsewhere.example'))).ok, false);
        c.close();
        await plain.stop();
    });
});

describe('NIP-04, 17, 59: private kinds', () => {
    it('a gift wrap is read by its recipient alone, on every path', async () => {
        const [recipient, wrapper, stranger] = [new Person(), new Person(), new Person()];
        const clients = { nobody: await Client.open(stack.url()), author: await authenticated(wrapper), stranger: await authenticated(stranger), recipient: await authenticated(recipient) };
        for (const c of Object.values(clients)) await c.req('live', { '#p': [recipient.pubkey] });
        const wrap = await client.accept(wrapper.event({ kind: 1059, tags: [['p', recipient.pubkey]], created_at: now() - 2 * 86400, content: 'secretword' }));
        const ephemeral = await client.accept(wrapper.event({ kind: 21059, tags: [['p', recipient.pubkey]] }));
        const open = await client.accept(wrapper.event({ kind: 1, tags: [['p', recipient.pubkey]] }));
        for (const [who, c] of Object.entries(clients)) {
            await c.live('live', open.id);
            const reader = who === 'recipient';
            assert.deepEqual(c.received('live').map((e) => e.id), reader ? [wrap.id, ephemeral.id, open.id] : [open.id], `${who}: live`);
            assert.deepEqual(await c.ids({ ids: [wrap.id] }), reader ? [wrap.id] : [], `${who}: ids`);
            assert.deepEqual(await c.ids({ '#p': [recipient.pubkey] }), reader ? [open.id, wrap.id] : [open.id], `${who}: #p`);
            assert.deepEqual(await c.ids({ authors: [wrapper.pubkey] }), reader ? [open.id, wrap.id] : [open.id], `${who}: authors`);
            assert.equal((await c.count({ authors: [wrapper.pubkey] })).count, reader ? 2 : 1, `${who}: COUNT`);
            const only = await c.query({ kinds: [1059], '#p': [recipient.pubkey] });
            if (reader) assert.deepEqual(only.events.map((e) => e.id), [wrap.id]);
            else assert.deepEqual(only.events, [], `${who}: kinds`);
            if (who === 'nobody') {
                assert.match(only.closed, /^auth-required: /);
                assert.match((await c.count({ kinds: [1059] })).closed, /^auth-required: /);
            }
            assert.deepEqual((await c.query({ search: 'secretword' })).events, [], `${who}: search`);
            c.close();
        }
    });

    it('kind 4 is read by both parties', async () => {
        const [from, to, other] = [new Person(), new Person(), new Person()];
        const dm = await client.accept(from.event({ kind: 4, tags: [['p', to.pubkey]], content: 'x?iv=y' }));
        for (const [person, sees] of [[from, true], [to, true], [other, false]]) {
            const c = await authenticated(person);
            assert.deepEqual(await c.ids({ ids: [dm.id] }), sees ? [dm.id] : []);
            assert.deepEqual((await c.query({ kinds: [4], authors: [from.pubkey] })).events.map((e) => e.id), sees ? [dm.id] : []);
            c.close();
        }
    });

    it('a limit is filled with what may be read, not cut by what may not', async () => {
        const [a, b] = [new Person(), new Person()], x = word();
        const notes = [];
        for (let i = 0; i < 30; i++) {
            notes.push(await client.accept(a.event({ created_at: now() - 500 + i, tags: [['t', x]] })));
            await client.accept(a.event({ kind: 1059, created_at: now() - 500 + i, tags: [['t', x], ['p', b.pubkey]] }));
        }
        const expected = notes.reverse().map((e) => e.id);
        for (const c of [await Client.open(stack.url()), await authenticated(new Person())]) {
            assert.deepEqual(await c.ids({ '#t': [x], limit: 20 }), expected.slice(0, 20));
            assert.deepEqual(await c.ids({ authors: [a.pubkey], limit: 20 }), expected.slice(0, 20));
            c.close();
        }
    });

    it('two people on one connection both read theirs; a subscription opened before AUTH does not leak but sees later ones', async () => {
        const [a, b, wrapper] = [new Person(), new Person(), new Person()];
        const c = await Client.open(stack.url());
        await c.req('early', { authors: [wrapper.pubkey] });
        const unseen = await client.accept(wrapper.event({ kind: 1059, tags: [['p', a.pubkey]] }));
        const passed = await client.accept(wrapper.note('what came before has been dealt with'));
        await c.live('early', passed.id);
        const challenge = await c.challenge();
        for (const p of [a, b]) await auth(c, p.auth(challenge, `wss://${DOMAIN}`));
        const wraps = [await client.accept(wrapper.event({ kind: 1059, tags: [['p', a.pubkey]], content: '1' })), await client.accept(wrapper.event({ kind: 1059, tags: [['p', b.pubkey]], content: '2' }))];
        await c.live('early', wraps[1].id);
        assert.deepEqual(c.received('early').map((e) => e.id), [passed.id, ...wraps.map((e) => e.id)]);
        assert.equal((await c.ids({ kinds: [1059] })).length, 3);
        assert.ok((await c.ids({ kinds: [1059] })).includes(unseen.id));
        c.close();
    });

    it('bare signed 13, 14 and 15 are refused', async () => {
        for (const kind of [13, 14, 15]) assert.match((await client.publish(new Person().event({ kind }))).message, /^blocked: /);
    });
});

describe('NIP-70', () => {
    it('a protected event needs its author, authenticated', async () => {
        const [a, b] = [new Person(), new Person()];
        const event = a.event({ tags: [['-']], content: word() });
        const nobody = await Client.open(stack.url());
        await nobody.challenge();
        assert.match((await nobody.publish(event)).message, /^auth-required: /);
        const other = await authenticated(b);
        assert.match((await other.publish(event)).message, /^restricted: /);
        const both = await authenticated(b, a);
        assert.equal((await both.publish(event)).ok, true);
        assert.deepEqual(await nobody.ids({ ids: [event.id] }), [event.id], 'reading is open');
        const again = await other.publish(event);
        assert.ok(!again.ok || again.message.startsWith('duplicate:'));
        for (const c of [nobody, other, both]) c.close();
    });

    it('NIP-18: reposts that embed a protected event are refused, others are not', async () => {
        const a = new Person(), inner = a.event({ tags: [['-'], ['t', 'x']] });
        for (const content of [JSON.stringify(inner), JSON.stringify(inner, null, 2), JSON.stringify({ ...inner, tags: [['-', 'x']] })])
            for (const kind of [6, 16]) assert.match((await client.publish(new Person().event({ kind, content, tags: [['e', inner.id]] }))).message, /^blocked: /);
        await client.accept(a.note('a note that says ["-"]'));
        await client.accept(a.event({ kind: 6, content: '', tags: [['e', hex()]] }));
        await client.accept(a.event({ kind: 6, content: JSON.stringify(a.note('open')), tags: [['e', hex()]] }));
    });
});
