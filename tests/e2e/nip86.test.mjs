// Management (NIP-86 over NIP-98), as an event handler answers it, and what bans do on two event handlers and two front ends.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Manager, RPC, authorization } from './lib/manage.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const TOKEN = 'a-token-for-tests';
const admin = new Person(), coAdmin = new Person();
let stack, mine, operator, a, b;
before(async () => {
    stack = await startStack({ frontEnds: 2, eventHandlers: 2, env: { INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey, CO_ADMIN_PUBKEYS: coAdmin.pubkey, NOSTPY_DOMAIN: 'relay.test' } });
    mine = new Manager(stack, admin);
    operator = new Manager(stack, null);
    [a, b] = await Promise.all([Client.open(stack.url(0)), Client.open(stack.url(1))]);
});
after(async () => {
    for (const c of [a, b]) c?.close();
    await stack.stop();
});

const get = async (path, handler = 0) => (await fetch(`http://127.0.0.1:${stack.handlerPort(handler)}${path}`, { headers: { Authorization: `Bearer ${TOKEN}` } })).json();
const query = async (filters, handler) => {
    const res = await fetch(`http://127.0.0.1:${stack.handlerPort(handler)}/v1/query`, { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` }, body: JSON.stringify({ filters }) });
    return (await res.text()).trimEnd().split('\n').map((l) => JSON.parse(l)).filter((e) => !e.end).map((e) => e.id);
};
const count = async (filters, handler) => JSON.parse((await (await fetch(`http://127.0.0.1:${stack.handlerPort(handler)}/v1/count`, { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` }, body: JSON.stringify({ filters }) })).text()).split('\n')[0]).count;
const feed = async (handler) => (await (await fetch(`http://127.0.0.1:${stack.handlerPort(handler)}/v1/feed?after=0&limit=500`, { headers: { Authorization: `Bearer ${TOKEN}` } })).text());
// On both event handlers, within a second of the call.
const withinASecond = (probe) => Promise.all([0, 1].map((handler) => until(() => probe(handler), { ms: 1000, what: probe.toString() })));
const settled = () => until(async () => (await operator.call('stats')).pending_moves === 0, { ms: 15000, what: 'moves' });

describe('NIP-98', () => {
    const body = JSON.stringify({ method: 'whoami', params: [] });
    const status = async (header, given = body) => (await mine.envelope({ authorization: header, body: given })).status;

    it('takes admins and co-admins, in any spelling of base64 and of the URL', async () => {
        assert.equal((await mine.call('whoami')).role, 'admin');
        assert.equal((await new Manager(stack, coAdmin).call('whoami')).actor, coAdmin.pubkey);
        for (const encode of ['base64', 'base64url']) assert.equal(await status(authorization(admin, body, { encode, content: word() })), 200);
        assert.equal(await status(authorization(admin, body, { content: word() }).replace(/=+$/, '')), 200);
        assert.equal(await status(authorization(admin, body, { content: word() }).replace('Nostr', 'nostr')), 200);
        for (const url of ['https://relay.test', 'wss://relay.test/', 'ws://RELAY.test', 'http://relay.test:80/']) assert.equal(await status(authorization(admin, body, { url })), 200, url);
        for (const created_at of [now() - 55, now() + 55]) assert.equal(await status(authorization(admin, body, { created_at })), 200);
    });

    it('each field wrong by itself is 401', async () => {
        for (const [what, wrong] of Object.entries({ kind: { kind: 1 }, old: { created_at: now() - 300 }, future: { created_at: now() + 300 }, host: { url: 'https://other.test/' }, path: { url: 'https://relay.test/x' }, query: { url: 'https://relay.test/?x' },
            scheme: { url: 'relay.test' }, method: { method: 'GET' }, payload: { payload: hex() }, 'no payload': { payload: null } }))
            assert.equal(await status(authorization(admin, body, wrong)), 401, what);
        for (const header of ['', 'Nostr', 'Nostr ', 'Bearer x', 'Nostr !!!!', 'Nostr e30=', `Basic ${authorization(admin, body).slice(6)}`]) assert.equal(await status(header), 401, header);
        const event = JSON.parse(Buffer.from(authorization(admin, body).slice(6), 'base64'));
        for (const forged of [{ ...event, sig: hex(64) }, { ...event, id: hex() }, { ...event, pubkey: new Person().pubkey }]) assert.equal(await status(`Nostr ${Buffer.from(JSON.stringify(forged)).toString('base64')}`), 401);
        assert.equal(await status(authorization(admin, body), `${body} `), 401);
    });

    it('an event is good once, on whichever event handler; a stranger is 403', async () => {
        const header = authorization(admin, body, { content: word() });
        assert.equal(await status(header), 200);
        assert.equal(await status(header), 401);
        assert.equal((await new Manager(stack, null, { handler: 1 }).envelope({ authorization: header, body })).status, 401);
        const remembered = () => stack.sql('SELECT count(*) FROM nip98_seen'), before = await remembered();
        assert.equal((await new Manager(stack, new Person()).raw('whoami')).status, 403);
        assert.equal(await remembered(), before, 'anybody can sign: of strangers nothing is stored');
    });

    it('the operator needs the token', async () => {
        assert.equal((await operator.call('whoami')).role, 'operator');
        assert.equal((await new Manager(stack, null, { token: 'wrong' }).raw('whoami')).http, 401);
        assert.equal((await mine.envelope({ authorization: 5, body })).http, 400);
    });
});

describe('NIP-86', () => {
    it('supportedmethods names every method but itself; unknown ones and bad bodies are told', async () => {
        const methods = await mine.call('supportedmethods');
        assert.ok(!methods.includes('supportedmethods'));
        for (const m of ['banpubkey', 'unbanpubkey', 'allowpubkey', 'unallowpubkey', 'listbannedpubkeys', 'listallowedpubkeys', 'createrole', 'editrole', 'deleterole', 'assignrole', 'unassignrole', 'listeventsneedingmoderation', 'allowevent', 'banevent',
            'listbannedevents', 'changerelayname', 'changerelaydescription', 'changerelayicon', 'allowkind', 'disallowkind', 'listallowedkinds', 'blockip', 'unblockip', 'listblockedips', 'undo', 'listaudit']) assert.ok(methods.includes(m), m);
        await assert.rejects(mine.call('nonsense'), /200 method not supported/);
        for (const body of ['x', '[]', '{}', '{"method":5}']) assert.equal((await mine.envelope({ authorization: authorization(admin, body), body })).status, 400, body);
        await assert.rejects(mine.call('banpubkey'), /invalid params/);
        for (const wrong of ['x', hex(31), 5, null, `${hex()}0`]) await assert.rejects(mine.call('banpubkey', wrong), /invalid params/);
        await assert.rejects(mine.call('banevent', hex().toUpperCase()), /invalid params/);
        for (const wrong of [-1, 65536, 'x', null]) await assert.rejects(mine.call('allowkind', wrong), /invalid params/);
        for (const wrong of ['x', '1.2.3.4.5', '10.0.0.1/8', '0.0.0.0/0']) await assert.rejects(mine.call('blockip', wrong), /invalid params/);
        await assert.rejects(mine.call('banpubkey', admin.pubkey), /admin/);
    });

    it('lists: each entry comes and goes, twice is once, reasons are kept', async () => {
        const key = new Person().pubkey, id = hex();
        for (const [add, remove, list, member, value] of [['banpubkey', 'unbanpubkey', 'listbannedpubkeys', 'pubkey', key], ['allowpubkey', 'unallowpubkey', 'listallowedpubkeys', 'pubkey', key], ['banevent', 'allowevent', 'listbannedevents', 'id', id],
            ['blockip', 'unblockip', 'listblockedips', 'ip', '192.0.2.99']]) {
            for (let i = 0; i < 2; i++) assert.equal(await mine.call(add, value, 'because'), true);
            assert.deepEqual((await mine.call(list)).filter((e) => e[member] === value), [{ [member]: value, reason: 'because' }], add);
            for (let i = 0; i < 2; i++) assert.equal(await mine.call(remove, value, 'a further one'), true);
            assert.deepEqual((await mine.call(list)).filter((e) => e[member] === value), [], remove);
            assert.equal(await mine.call(add, value, null), true);
            assert.deepEqual((await mine.call(list)).find((e) => e[member] === value), { [member]: value });
            await mine.call(remove, value);
        }
    });

    it('addresses have one spelling', async () => {
        await mine.call('blockip', '::ffff:192.0.2.7');
        await mine.call('blockip', '2001:DB8:0::/64');
        await mine.call('blockip', '198.51.100.0/24');
        assert.deepEqual((await mine.call('listblockedips')).map((e) => e.ip).sort(), ['192.0.2.7', '198.51.100.0/24', '2001:db8::/64']);
        await until(async () => (await get('/v1/control', 1)).blocked_ips.length === 3);
        for (const ip of ['192.0.2.7', '2001:db8::/64', '198.51.100.0/24']) await mine.call('unblockip', ip);
        assert.deepEqual(await mine.call('listblockedips'), []);
    });

    it('texts of the relay are in /v1/control of every event handler', async () => {
        await mine.call('changerelayname', 'A "name" ☃');
        await mine.call('changerelaydescription', 'words');
        await mine.call('changerelayicon', 'https://x/y.png');
        await withinASecond(async (h) => { const { relay } = await get('/v1/control', h); return relay.name === 'A "name" ☃' && relay.description === 'words' && relay.icon === 'https://x/y.png'; });
        await mine.call('changerelayname', '');
        await withinASecond(async (h) => (await get('/v1/control', h)).relay.name === null);
        assert.equal((await get('/v1/control')).self, ''); // nothing is signed without NIP-43
    });

    it('kinds', async () => {
        const p = new Person();
        await mine.call('disallowkind', 7777);
        await until(async () => /^blocked: /.test((await a.publish(p.event({ kind: 7777, content: word() }))).message));
        await mine.call('allowkind', 7777);
        assert.deepEqual(await mine.call('listallowedkinds'), []);
        await until(async () => (await b.publish(p.event({ kind: 7777, content: word() }))).ok);
        await mine.call('allowkind', 1);
        await mine.call('allowkind', '5');
        assert.deepEqual(await mine.call('listallowedkinds'), [1, 5]);
        await until(async () => /^blocked: /.test((await a.publish(p.event({ kind: 7777, content: word() }))).message));
        await a.accept(p.note(word()));
        await mine.call('disallowkind', 5);
        assert.deepEqual([await mine.call('listallowedkinds'), await mine.call('listdisallowedkinds')], [[1], [5]]);
        await assert.rejects(mine.call('disallowkind', 1), /only kind that is allowed/); // every other kind would be taken
        assert.deepEqual(await mine.call('listallowedkinds'), [1]);
        const log = await mine.call('listaudit', 10);
        for (const entry of log.filter((e) => /kind$/.test(e.method) && e.undone_by === null).slice(0, 3)) await mine.call('undo', entry.id);
        assert.deepEqual([await mine.call('listallowedkinds'), await mine.call('listdisallowedkinds')], [[], []]);
        await until(async () => (await a.publish(p.event({ kind: 7777, content: word() }))).ok);
    });
});

describe('the public port', () => {
    it('takes signed calls and nothing else, and a change shows in NIP-11', async () => {
        const post = async (method, params, { who = admin, headers = {}, ...wrong } = {}) => {
            const body = JSON.stringify({ method, params });
            const res = await fetch(stack.http(1), { method: 'POST', headers: { 'Content-Type': RPC, ...(who && { Authorization: authorization(who, body, wrong) }), ...headers }, body });
            return { status: res.status, type: res.headers.get('content-type'), ...(await res.json()) };
        };
        const answer = await post('changerelayname', ['By the front door']);
        assert.deepEqual([answer.status, answer.result], [200, true]);
        assert.match(answer.type, /^application\/nostr\+json\+rpc/);
        await until(async () => (await (await fetch(stack.http(0), { headers: { Accept: 'application/nostr+json' } })).json()).name === 'By the front door', { ms: 1500 });
        await post('changerelayname', []);
        assert.equal((await post('stats', [], { who: null })).status, 401);
        assert.equal((await post('stats', [], { who: null, headers: { Authorization: `Bearer ${TOKEN}` } })).status, 401);
        assert.equal((await post('stats', [], { url: 'https://other.test/' })).status, 401);
        assert.equal((await post('stats', [], { who: new Person() })).status, 403);
        assert.equal((await post('nonsense', [])).error, 'method not supported');
    });
});

describe('bans', () => {
    it('a banned author is refused and nowhere to be seen within a second, and comes back', async () => {
        const p = new Person(), tag = word(), events = Array.from({ length: 30 }, (_, i) => p.note(`${tag} ${i}`, { tags: [['t', tag]] }));
        const profile = p.event({ kind: 0, content: '{}' });
        await a.acceptAll([...events, profile]);
        const filters = [[{ authors: [p.pubkey] }], [{ '#t': [tag] }], [{ ids: events.map((e) => e.id) }], [{ authors: [p.pubkey], kinds: [1] }, { kinds: [0], authors: [p.pubkey] }]];
        const started = Date.now();
        await mine.call('banpubkey', p.pubkey, 'spam');
        await withinASecond(async (h) => {
            for (const f of filters) if ((await query(f, h)).length > 0 || (await count(f, h)) > 0) return false;
            return !(await feed(h)).includes(p.pubkey);
        });
        assert.ok(Date.now() - started < 2000);
        for (const c of [a, b]) assert.match((await c.publish(p.note(word()))).message, /^blocked: .*banned/);
        assert.match((await b.publish(events[0])).message, /^blocked: /);
        assert.deepEqual(await get(`/v1/access?pubkey=${p.pubkey}`, 1).then((x) => [x.tier, x.banned]), ['muted', true]);
        await settled();
        assert.equal(await stack.sql(`select count(*) from events where pubkey = '\\x${p.pubkey}'`), '0');
        assert.equal(await stack.sql(`select count(*) from withheld_events where pubkey = '\\x${p.pubkey}'`), '31');
        await mine.call('unbanpubkey', p.pubkey);
        await settled();
        for (const h of [0, 1]) {
            assert.deepEqual((await query([{ '#t': [tag] }], h)).sort(), events.map((e) => e.id).sort());
            assert.equal(await count([{ authors: [p.pubkey] }], h), 31);
        }
        assert.equal(await stack.sql(`select count(*) from withheld_events where pubkey = '\\x${p.pubkey}'`), '0');
        await until(async () => (await b.publish(p.note(word()))).ok);
    });

    it('a banned event, and undo', async () => {
        const p = new Person(), e = p.note(word()), other = p.note(word());
        await a.acceptAll([e, other]);
        await mine.call('banevent', e.id, 'bad');
        await withinASecond(async (h) => (await query([{ authors: [p.pubkey] }], h)).join() === other.id && (await count([{ authors: [p.pubkey] }], h)) === 1);
        assert.match((await b.publish(e)).message, /^blocked: /);
        const [entry] = await mine.call('listaudit', 1);
        assert.deepEqual([entry.method, entry.actor, entry.role, entry.reason, entry.params], ['banevent', admin.pubkey, 'admin', 'bad', [e.id, 'bad']]);
        assert.equal(await mine.call('undo', entry.id, 'a mistake'), true);
        await assert.rejects(mine.call('undo', entry.id), /undone already/);
        await settled();
        assert.deepEqual((await query([{ ids: [e.id] }], 1)), [e.id]);
        assert.equal((await mine.call('listaudit', 1))[0].undoes, entry.id);
        await assert.rejects(mine.call('undo', 999999), /no such entry/);
    });

    it('what was deleted or replaced while it was withheld stays away', async () => {
        const p = new Person(), gone = p.note(word()), old = p.event({ kind: 30000, tags: [['d', 'x']], created_at: now() - 10 });
        await a.acceptAll([gone, old]);
        for (const e of [gone, old]) await mine.call('banevent', e.id);
        await settled();
        const fresh = p.event({ kind: 30000, tags: [['d', 'x']] });
        await a.acceptAll([p.event({ kind: 5, tags: [['e', gone.id]] }), fresh]);
        for (const e of [gone, old]) await mine.call('allowevent', e.id);
        await settled();
        assert.deepEqual(await query([{ ids: [gone.id, old.id, fresh.id] }], 0), [fresh.id]);
        assert.equal(await stack.sql('select count(*) from withheld_events'), '0');
    });

    it('a banned author may vanish, and what was withheld is erased', async () => {
        const p = new Person(), friend = new Person();
        await a.accept(p.note(word()));
        await a.accept(friend.event({ kind: 1059, tags: [['p', p.pubkey]] }));
        await mine.call('banpubkey', p.pubkey);
        await mine.call('banpubkey', friend.pubkey);
        await settled();
        await a.accept(p.event({ kind: 62, tags: [['relay', 'ALL_RELAYS']], content: '' }));
        assert.equal(await stack.sql('select count(*) from withheld_events'), '0');
        for (const x of [p, friend]) await mine.call('unbanpubkey', x.pubkey);
        await settled();
        assert.deepEqual(await query([{ authors: [p.pubkey], kinds: [1] }, { authors: [friend.pubkey] }], 0), []);
    });

    it('bans outlive the event handlers, and the audit log is append-only', async () => {
        const p = new Person();
        await a.accept(p.note(word()));
        await mine.call('banpubkey', p.pubkey, 'for good');
        await stack.handlers[1].terminate();
        await stack.handlers[1].start();
        assert.deepEqual(await query([{ authors: [p.pubkey] }], 1), []);
        assert.equal((await get(`/v1/access?pubkey=${p.pubkey}`, 1)).banned, true);
        for (const sql of ["update moderation_audit set reason = 'x'", 'delete from moderation_audit', 'truncate moderation_audit']) await assert.rejects(stack.sql(sql), /append-only/);
    });
});

describe('moderators', () => {
    it('have the rights that they were granted, and lose them', async () => {
        const m = new Person(), theirs = new Manager(stack, m), key = new Person().pubkey;
        await assert.rejects(mine.call('grantmoderator', m.pubkey, ['everything']), /no right "everything"/);
        await mine.call('grantmoderator', m.pubkey, ['people', 'audit']);
        assert.deepEqual(await theirs.call('whoami'), { actor: m.pubkey, role: 'moderator', rights: ['people', 'audit'] });
        assert.ok(!(await theirs.call('supportedmethods')).includes('banevent'));
        assert.equal((await theirs.raw('banevent', hex())).status, 403);
        assert.equal((await theirs.raw('grantmoderator', key, ['people'])).status, 403);
        await theirs.call('banpubkey', key);
        const log = await theirs.call('listaudit', 2);
        await assert.rejects(theirs.call('undo', log[1].id), /not been granted/);
        await theirs.call('undo', log[0].id);
        await mine.call('revokemoderator', m.pubkey);
        assert.equal((await theirs.raw('whoami')).status, 403);
    });
});

describe('reports', () => {
    const report = (who, tags, content = '') => who.event({ kind: 1984, tags, content });
    it('of known people raise a queue, once each; a moderator dismisses, hides or bans', async () => {
        const p = new Person(), people = [new Person(), new Person()], events = [0, 1, 2].map(() => p.note(word()));
        await a.acceptAll(events);
        for (const who of [...people, people[0]]) await a.accept(report(who, [['e', events[0].id, 'spam'], ['p', p.pubkey]], `buy\nthis ${word()}`));
        await b.accept(report(people[0], [['e', events[1].id, 'nudity'], ['p', hex()]]));
        await b.accept(report(people[0], [['p', p.pubkey, 'impersonation']]));
        await until(async () => (await mine.call('listreports')).reduce((n, r) => n + r.reports.length, 0) === 4);
        const list = await mine.call('listreports');
        assert.deepEqual([list[0].target, list[0].kind, list[0].author, list[0].hidden, list[0].reports.map((r) => [r.reporter, r.type, r.tier]).sort()], // two event handlers write them, in no order
            [events[0].id, 'event', p.pubkey, false, people.map((x) => [x.pubkey, 'spam', 'known']).sort()]);
        const needing = await mine.call('listeventsneedingmoderation');
        assert.deepEqual(needing.map((e) => e.id).sort(), [events[0].id, events[1].id].sort());
        assert.match(needing[0].reason, /^spam: buy this /);
        await assert.rejects(mine.call('resolvereport', hex(), 'dismiss'), /nobody has reported/);
        await assert.rejects(mine.call('resolvereport', p.pubkey, 'hide'), /ban the pubkey/);
        await assert.rejects(mine.call('resolvereport', events[0].id, 'nothing'), /invalid params/);
        await mine.call('resolvereport', events[0].id, 'dismiss');
        await mine.call('resolvereport', events[1].id, 'hide', 'indeed');
        await withinASecond(async (h) => (await query([{ authors: [p.pubkey] }], h)).length === 2);
        await mine.call('resolvereport', p.pubkey, 'ban');
        await withinASecond(async (h) => (await query([{ authors: [p.pubkey] }], h)).length === 0);
        assert.deepEqual(await mine.call('listreports'), []);
        assert.deepEqual((await mine.call('listaudit', 3)).map((e) => [e.method, e.reason]), [['resolvereport', ''], ['resolvereport', 'indeed'], ['resolvereport', '']]);
    });
    it('is found again when its event handler died before it was taken note of', async () => {
        const p = new Person(), e = p.note(word());
        await a.accept(e);
        await a.accept(report(new Person(), [['e', e.id, 'spam'], ['p', p.pubkey]]));
        await until(async () => (await mine.call('listreports')).length === 1);
        await stack.sql('DELETE FROM reports WHERE state = \'open\''); // as if it had never been written
        await stack.handlers[1].kill();
        await stack.handlers[1].start();
        await until(async () => (await mine.call('listreports')).some((r) => r.target === e.id), { ms: 15000 });
        assert.equal((await mine.call('listreports')).length, 1); // and none of those that were dealt with
        await mine.call('resolvereport', e.id, 'dismiss');
    });
});

describe('automatic hiding', () => {
    it('happens when as many trusted people as configured agree, and a moderator can take it back', async () => {
        const second = await startStack({ frontEnds: 2, eventHandlers: 2, env: { INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey, MOD_AUTO_HIDE_REPORTS: '2' } });
        try {
            const m = new Manager(second, null), c = await Client.open(second.url()), p = new Person(), e = p.note(word()), people = [new Person(), new Person(), new Person()];
            for (const x of people.slice(1)) await m.call('allowpubkey', x.pubkey);
            await c.accept(e);
            for (const x of people.slice(0, 2)) await until(async () => (await c.publish(x.event({ kind: 1984, tags: [['e', e.id, 'spam'], ['p', p.pubkey]] }))).ok);
            await until(async () => (await m.call('listreports')).some((r) => r.reports.length === 2));
            assert.deepEqual(await m.call('listbannedevents'), []); // one of them is merely known
            await c.accept(people[2].event({ kind: 1984, tags: [['e', e.id, 'spam'], ['p', p.pubkey]] }));
            await until(async () => (await m.call('listbannedevents')).length === 1);
            assert.match((await m.call('listbannedevents'))[0].reason, /reported by 2 trusted people/);
            await m.call('resolvereport', e.id, 'dismiss');
            assert.deepEqual(await m.call('listbannedevents'), []);
            await until(async () => (await c.ids({ ids: [e.id] })).length === 1, { ms: 15000 });
            c.close();
            // Two at the same moment, through two event handlers: one of them sees that it is the second.
            const both = await Promise.all([0, 1].map((i) => Client.open(second.url(i))));
            for (let round = 0; round < 5; round++) {
                const next = p.note(word());
                await both[0].accept(next);
                await Promise.all(both.map((client, i) => client.accept(people[i + 1].event({ kind: 1984, tags: [['e', next.id, 'spam'], ['p', p.pubkey]] }))));
                await until(async () => (await m.call('listbannedevents')).length === round + 1);
            }
            for (const client of both) client.close();
        } finally {
            await second.stop();
        }
    });
});
