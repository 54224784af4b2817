// NIP-40: expiration.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack({ env: { EXPIRY_SWEEP_SECONDS: '1' } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const expiring = (person, at, { tags = [], ...rest } = {}) => person.event({ ...rest, tags: [['expiration', String(at)], ...tags] });

describe('NIP-40', () => {
    it('an event is served until it expires, then by no path, and is purged', async () => {
        const a = new Person(), x = word();
        const event = await client.accept(expiring(a, now() + 3, { tags: [['t', x]] }));
        assert.deepEqual(await client.ids({ ids: [event.id] }), [event.id]);
        await sleep(3300);
        assert.deepEqual(await client.ids({ ids: [event.id] }), []);
        assert.deepEqual(await client.ids({ authors: [a.pubkey] }), []);
        assert.deepEqual(await client.ids({ '#t': [x] }), []);
        assert.equal((await client.count({ authors: [a.pubkey] })).count, 0);
        await until(async () => (await stack.sql(`SELECT count(*) FROM events WHERE id = decode('${event.id}','hex')`)) === '0', { ms: 20000, what: 'purge' });
    });

    it('already expired, and expired ephemeral ones, are refused and not forwarded', async () => {
        const a = new Person();
        const watcher = await Client.open(stack.url());
        await watcher.req('all', { authors: [a.pubkey] });
        for (const kind of [1, 20001]) {
            const { ok, message } = await client.publish(expiring(a, now() - 1, { kind }));
            assert.equal(ok, false);
            assert.match(message, /^invalid: .*expired/);
        }
        await watcher.settle();
        assert.deepEqual(watcher.received('all'), []);
        watcher.close();
    });

    it('malformed values are refused; the earliest of several counts; far ones are kept', async () => {
        const a = new Person();
        for (const value of ['', 'abc', '1.5', '-5']) assert.match((await client.publish(a.event({ tags: [['expiration', value]], content: word() }))).message, /^invalid: /, value);
        assert.equal((await client.publish(a.event({ tags: [['expiration', String(now() + 1000)], ['expiration', String(now() - 1)]] }))).ok, false);
        const far = await client.accept(expiring(a, 2 ** 40));
        assert.deepEqual(await client.ids({ ids: [far.id] }), [far.id]);
    });

    it('an expired version of a replaceable is not followed by an older one', async () => {
        const a = new Person(), t = now() - 10;
        const v1 = a.event({ kind: 0, created_at: t });
        await client.accept(v1);
        await client.accept(expiring(a, now() + 2, { kind: 0, created_at: t + 1 }));
        await sleep(2300);
        assert.deepEqual(await client.ids({ authors: [a.pubkey] }), []);
        assert.equal((await client.publish(v1)).ok, false);
        await until(async () => (await stack.sql(`SELECT count(*) FROM events WHERE pubkey = decode('${a.pubkey}','hex')`)) === '0', { ms: 20000, what: 'purge' });
        assert.equal((await client.publish(v1)).ok, false);
    });
});
