// AUTH_MODE and PRIVATE_KINDS: one front end for each mode.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

const MODES = ['private', 'writes', 'all', 'off'];
const FRONT = Object.fromEntries(MODES.map((mode, i) => [mode, i]));
// Long-form texts as a private kind: one that the search index holds.
const PRIVATE = 30023;
let stack;
before(async () => {
    stack = await startStack({ frontEnds: MODES.length, env: { PRIVATE_KINDS: `${PRIVATE},7000-7001`, COUNT_CAP: '5' } });
    await Promise.all(MODES.map(async (mode, i) => {
        if (mode === 'private') return; // the default
        await stack.fronts[i].terminate();
        stack.fronts[i].env.AUTH_MODE = mode;
        await stack.fronts[i].start();
    }));
});
after(() => stack.stop());

const open = (mode) => Client.open(stack.url(FRONT[mode]));
const authenticate = async (c, person) => {
    const from = c.messages.length, event = person.auth(await c.challenge(), c.ws.url);
    c.send(['AUTH', event]);
    assert.deepEqual((await c.find((m) => m[0] === 'OK', { from })).slice(1), [event.id, true, '']);
    return c;
};
const as = async (mode, person) => authenticate(await open(mode), person);
const info = async (mode) => (await fetch(stack.http(FRONT[mode]), { headers: { Accept: 'application/nostr+json' } })).json();
const CLOSED = /^auth-required: /;

describe('AUTH_MODE', () => {
    it('that the event handler has otherwise is named in /readyz: one of the two keeps nothing private', async () => {
        for (const mode of MODES) {
            const readyz = await fetch(`${stack.http(FRONT[mode])}readyz`);
            assert.equal(readyz.status, 200);
            assert.equal(/^control: .*AUTH_MODE is not the same as on the event handler/m.test(await readyz.text()), mode !== 'private', mode);
        }
    });

    it('is announced', async () => {
        const said = Object.fromEntries(await Promise.all(MODES.map(async (m) => [m, await info(m)])));
        assert.deepEqual(MODES.map((m) => said[m].limitation.auth_required), [false, false, true, false]);
        assert.deepEqual(MODES.map((m) => said[m].limitation.restricted_writes), [false, true, true, false]);
        assert.deepEqual(MODES.map((m) => said[m].supported_nips.includes(42)), [true, true, true, false]);
    });

    it('private: reading and writing are open', async () => {
        const c = await open('private'), a = new Person();
        await c.challenge();
        const note = await c.accept(a.note(word()));
        assert.deepEqual(await c.ids({ ids: [note.id] }), [note.id]);
        assert.match((await c.query({ kinds: [1059] })).closed, CLOSED);
        c.close();
    });

    it('writes: an EVENT wants AUTH first, of anybody; reading is open', async () => {
        const c = await open('writes'), [a, b] = [new Person(), new Person()];
        const note = a.note(word());
        assert.match((await c.publish(note)).message, CLOSED);
        assert.deepEqual(await c.ids({ ids: [note.id] }), []);
        await authenticate(c, b);
        await c.accept(note);
        assert.deepEqual(await c.ids({ ids: [note.id] }), [note.id]);
        c.close();
    });

    it('writes: who asks to join (NIP-43) is nobody yet, and needs nothing but AUTH', async () => {
        const a = new Person(), c = await as('writes', a);
        const reply = await c.publish(a.event({ kind: 28934, tags: [['-'], ['claim', 'nonsense']], content: '' }));
        assert.equal(reply.ok, false);
        assert.doesNotMatch(reply.message, CLOSED);
        c.close();
    });

    it('all: nothing goes without AUTH, everything with it', async () => {
        const c = await open('all'), a = new Person(), note = a.note(word());
        assert.match((await c.publish(note)).message, CLOSED);
        assert.match((await c.query({ kinds: [1] })).closed, CLOSED);
        assert.match((await c.count({ kinds: [1] })).closed, CLOSED);
        await authenticate(c, a);
        await c.accept(note);
        assert.deepEqual(await c.ids({ ids: [note.id] }), [note.id]);
        assert.equal((await c.count({ ids: [note.id] })).count, 1);
        c.close();
    });

    it('off: no challenge, AUTH is in vain, private kinds are closed to everybody, the rest is open', async () => {
        const c = await open('off'), a = new Person(), note = await c.accept(a.note(word()));
        assert.deepEqual(await c.ids({ ids: [note.id] }), [note.id]);
        assert.match((await c.query({ kinds: [4] })).closed, /^restricted: /);
        const event = a.auth('x', c.ws.url);
        c.send(['AUTH', event]);
        assert.equal((await c.find((m) => m[0] === 'OK' && m[1] === event.id))[2], false);
        assert.ok(c.messages.every((m) => m[0] !== 'AUTH'));
        c.close();
    });

    it('each refusal comes behind a challenge', async () => {
        for (const mode of ['private', 'writes', 'all']) {
            const c = await open(mode);
            await c.query({ kinds: [1059] });
            const [auth, closed] = [c.messages.findIndex((m) => m[0] === 'AUTH'), c.messages.findIndex((m) => m[0] === 'CLOSED')];
            assert.ok(auth >= 0 && auth < closed, mode);
            c.close();
        }
    });
});

describe('PRIVATE_KINDS', () => {
    it('are served to author and named people alone, by REQ, ids, COUNT, search and live', async () => {
        const [author, named, stranger] = [new Person(), new Person(), new Person()], secret = word(), tag = word();
        const clients = { nobody: await open('private'), author: await as('private', author), named: await as('private', named), stranger: await as('private', stranger) };
        for (const c of Object.values(clients)) await c.req('live', { '#t': [tag] });
        const writer = clients.author;
        const hidden = await writer.accept(author.event({ kind: PRIVATE, tags: [['d', tag], ['t', tag], ['p', named.pubkey]], content: `only ${secret}` }));
        const open1 = await writer.accept(author.event({ kind: 1, tags: [['t', tag]], content: `open ${secret}` }));
        for (const [who, c] of Object.entries(clients)) {
            const reader = who === 'author' || who === 'named', both = reader ? [hidden.id, open1.id] : [open1.id];
            await c.live('live', open1.id);
            assert.deepEqual(c.received('live').map((e) => e.id), both, `${who}: live`);
            assert.deepEqual(await c.ids({ ids: [hidden.id] }), reader ? [hidden.id] : [], `${who}: ids`);
            assert.deepEqual((await c.ids({ '#t': [tag] })).sort(), [...both].sort(), `${who}: tag`);
            assert.deepEqual((await c.ids({ authors: [author.pubkey] })).sort(), [...both].sort(), `${who}: author`);
            assert.deepEqual((await c.ids({ kinds: [1, PRIVATE], '#d': [tag] })), reader ? [hidden.id] : [], `${who}: d`);
            const only = await c.query({ kinds: [PRIVATE], authors: [author.pubkey] });
            if (who === 'nobody') assert.match(only.closed, CLOSED);
            else assert.deepEqual(only.events.map((e) => e.id), reader ? [hidden.id] : []);
        }
        for (const c of Object.values(clients)) c.close();
    });

    it('COUNT and search answer as if they did not exist', async () => {
        const [author, named] = [new Person(), new Person()], secret = word(), tag = word();
        const writer = await as('private', author);
        for (let i = 0; i < 8; i++) await writer.accept(author.event({ kind: PRIVATE, tags: [['d', `${tag}${i}`], ['t', tag], ['p', named.pubkey]], content: secret }));
        const absent = new Person();
        const asked = (person, t, text) => [{ authors: [person.pubkey] }, { '#t': [t] }, { '#p': [person.pubkey] }, { kinds: [1, PRIVATE], authors: [person.pubkey] }, { search: text }, { search: text, kinds: [1, PRIVATE] }, { '#t': [t], limit: 1 }];
        for (const c of [await open('private'), await as('private', new Person())]) {
            const [there, nowhere] = [asked(author, tag, secret), asked(absent, word(), word())];
            await until(async () => (await (await as('private', named)).ids({ search: secret })).length === 8, { ms: 5000, what: 'the index' });
            for (let i = 0; i < there.length; i++) {
                const [a, b] = [await c.count(there[i]), await c.count(nowhere[i])];
                assert.deepEqual([a.count, a.approximate, a.hll], [b.count, b.approximate, b.hll], JSON.stringify(there[i]));
                assert.equal(a.count, 0);
                assert.deepEqual(await c.ids(there[i]), []);
            }
            const both = await c.count(there[0], there[1]);
            assert.deepEqual([both.count, both.approximate], [0, false], 'several filters');
            c.close();
        }
        const reader = await as('private', named);
        for (const filter of [{ '#t': [tag] }, { search: secret }]) {
            const { count, approximate } = await reader.count(filter);
            assert.deepEqual([count, approximate], [5, true], 'for its parties they count, up to the cap');
        }
        reader.close();
        writer.close();
    });

    it('an older event of such a kind stays private when it is fetched after a reconnect', async () => {
        const [author, named] = [new Person(), new Person()];
        const writer = await as('private', author);
        const e = await writer.accept(author.event({ kind: 7000, tags: [['p', named.pubkey]], created_at: now() - 100 }));
        const c = await open('private');
        assert.deepEqual(await c.ids({ since: now() - 200, authors: [author.pubkey] }), []);
        await authenticate(c, named);
        assert.deepEqual(await c.ids({ since: now() - 200, authors: [author.pubkey] }), [e.id]);
        c.close();
        writer.close();
    });
});
