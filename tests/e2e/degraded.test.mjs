// P5: named degraded modes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const readyz = async (base) => {
    const r = await fetch(`${base}readyz`);
    return { status: r.status, body: await r.text() };
};
const handlerBase = () => `http://127.0.0.1:${stack.handlerPort()}/`;

describe('degraded modes', () => {
    it('PostgreSQL away: writes and REQs get error:, ephemeral events flow, service resumes by itself', async () => {
        const a = new Person(), watcher = await Client.open(stack.url());
        await watcher.req('e', { authors: [a.pubkey] });
        const before = await client.accept(a.note('before'));
        await watcher.live('e', before.id);
        await stack.postgres.stop();
        const note = a.note('during');
        const { ok, message } = await client.publish(note, 15000);
        assert.equal(ok, false);
        assert.match(message, /^error: /);
        assert.match((await client.query({ authors: [a.pubkey] })).closed ?? 'EOSE', /^error: /);
        assert.match((await client.count({ authors: [a.pubkey] })).closed ?? 'counted', /^error: /);
        const ephemeral = a.event({ kind: 20001 });
        assert.equal((await client.publish(ephemeral)).ok, true);
        await watcher.live('e', ephemeral.id);
        await until(async () => (await readyz(handlerBase())).status === 503, { what: 'readyz 503' });
        assert.match((await readyz(handlerBase())).body, /database|postgres/i);
        await until(async () => (await readyz(stack.http())).status === 503, { what: 'front end readyz 503' });
        assert.equal((await fetch(`${stack.http()}healthz`)).status, 200);
        await stack.postgres.start();
        await until(async () => (await client.publish(note, 15000)).ok, { ms: 6000, what: 'writes again' });
        await until(async () => (await readyz(stack.http())).status === 200, { ms: 5000, what: 'ready again' });
        await watcher.live('e', note.id);
        assert.deepEqual((await client.ids({ authors: [a.pubkey] })).length, 2);
        watcher.close();
    });

    it('Redis away: writes commit and are acknowledged, live delivery goes on from PostgreSQL, nothing doubles when it returns', async () => {
        const a = new Person(), watcher = await Client.open(stack.url());
        await watcher.req('s', { authors: [a.pubkey] });
        await stack.redis.kill();
        const events = [];
        for (let i = 0; i < 10; i++) {
            events.push(await client.accept(a.note(`${i}`)));
            await sleep(50);
        }
        await watcher.live('s', events.at(-1).id, { ms: 10000 });
        await until(async () => /redis/i.test((await readyz(stack.http())).body), { what: 'readyz names redis' });
        const { ok, message } = await client.publish(a.event({ kind: 20001 }));
        assert.equal(ok, false);
        assert.match(message, /^error: /);
        await stack.redis.start();
        await until(async () => !/redis/i.test((await readyz(stack.http())).body), { ms: 5000, what: 'redis back' });
        events.push(await client.accept(a.note('after')));
        await watcher.live('s', events.at(-1).id);
        assert.deepEqual(watcher.received('s').map((e) => e.id), events.map((e) => e.id));
        watcher.close();
    });

    it('the event handler away: error: for all, the connection stays, service resumes by itself', async () => {
        const a = new Person();
        await stack.handlers[0].kill('SIGKILL');
        const note = a.note('x');
        assert.match((await client.publish(note, 15000)).message, /^error: /);
        assert.match((await client.query({ limit: 1 })).closed ?? 'EOSE', /^error: /);
        await until(async () => (await readyz(stack.http())).status === 503, { what: 'readyz 503' });
        await stack.handlers[0].start();
        await until(async () => (await client.publish(note, 15000)).ok, { ms: 6000, what: 'writes again' });
        assert.deepEqual(await client.ids({ ids: [note.id] }), [note.id]);
        assert.equal(client.closed, null);
    });

    it('front end and event handler start before their dependencies and wait for them', async () => {
        await stack.postgres.stop();
        await stack.redis.kill();
        await stack.handlers[0].kill('SIGKILL');
        await stack.fronts[0].kill('SIGKILL');
        await stack.handlers[0].start({ ready: false });
        await stack.fronts[0].start({ ready: false });
        await until(async () => (await fetch(`${stack.http()}healthz`).then((r) => r.status, () => 0)) === 200, { what: 'alive' });
        await stack.postgres.start();
        await stack.redis.start();
        await until(async () => (await readyz(stack.http()).catch(() => ({}))).status === 200, { ms: 6000, what: 'ready' });
        const c = await Client.open(stack.url());
        await c.accept(new Person().note(word()));
        c.close();
    });
});

describe('graceful shutdown', () => {
    it('SIGTERM: not ready, clients get 1012 within the drain time, exit 0 within 10 s, nothing acknowledged is lost', async () => {
        const own = await startStack({ env: { WS_SHUTDOWN_SECONDS: '2' } });
        const people = await Promise.all(Array.from({ length: 20 }, () => Client.open(own.url())));
        const a = new Person(), acked = [];
        const busy = people.slice(0, 5).map(async (c) => {
            for (let i = 0; !c.closed; i++) {
                const e = a.event({ content: word(), created_at: now() });
                try {
                    if ((await c.publish(e, 3000)).ok) acked.push(e.id);
                } catch { /* closed */ }
            }
        });
        await sleep(300);
        const started = Date.now();
        const exit = own.fronts[0].terminate();
        await Promise.all(people.map((c) => c.waitClosed(10000)));
        assert.equal(await exit, 0);
        assert.ok(Date.now() - started < 10000);
        await Promise.all(busy);
        const codes = people.map((c) => c.closed.code);
        assert.ok(codes.every((code) => code === 1012), `${codes}`);
        assert.equal(await own.handlers[0].terminate(), 0);
        for (const id of acked) assert.equal(await own.sql(`SELECT count(*) FROM events WHERE id = decode('${id}','hex')`), '1');
        await own.stop();
    });

    it('SIGTERM ends an event handler within 10 s though its database hangs, and not by a signal', async () => {
        const own = await startStack(), c = await Client.open(own.url());
        await c.accept(new Person().note(word()));
        const backends = (await own.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tandem-event-handler-%'")).split('\n').map(Number);
        assert.ok(backends.length >= 3);
        for (const pid of backends) process.kill(pid, 'SIGSTOP');
        try {
            c.send(['EVENT', new Person().note(word())]);
            c.send(['REQ', 'hung', { limit: 1 }]);
            await sleep(200);
            const started = Date.now(), code = await own.handlers[0].terminate();
            assert.ok(Date.now() - started < 10500, `${Date.now() - started} ms`);
            assert.equal(typeof code, 'number', `ended by ${code}`);
        } finally {
            for (const pid of backends) process.kill(pid, 'SIGCONT');
        }
        c.kill();
        await own.stop();
    });
});
