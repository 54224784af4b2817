// P1 and P2 over three front ends and two event handlers while dependencies die: nothing acknowledged is missing from the database, no
// subscriber misses or doubles a matching event, and the services recover by themselves within five seconds of their dependency.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';

let stack;
before(async () => {
    stack = await startStack({ frontEnds: 3, eventHandlers: 2 });
});
after(() => stack.stop());

// Publishes from all front ends while `disturb` runs, with subscribers on all of them, and checks the promises afterwards.
async function underFire(disturb, { settleMs = 8000 } = {}) {
    const author = new Person(), topic = word();
    const publishers = await Promise.all([0, 1, 2].map((i) => Client.open(stack.url(i))));
    const watchers = await Promise.all([0, 1, 2, 0, 1, 2].map((i) => Client.open(stack.url(i))));
    for (const [i, w] of watchers.entries()) await w.req('w', i < 3 ? { '#t': [topic], limit: 0 } : { authors: [author.pubkey], kinds: [1] });
    let running = true, n = 0;
    const sent = [];
    const loops = publishers.map(async (p) => {
        while (running) {
            const event = author.event({ tags: [['t', topic]], content: `${n++}`, created_at: now() });
            sent.push(event);
            try {
                await p.publish(event, 20000);
            } catch { /* a lost answer is no acknowledgement */ }
            await sleep(5);
        }
    });
    await sleep(300);
    await disturb();
    await sleep(700);
    running = false;
    await Promise.all(loops);
    const acked = sent.filter((e) => publishers.some((p) => p.messages.some((m) => m[0] === 'OK' && m[1] === e.id && m[2] === true)));
    assert.ok(acked.length > 50, `${acked.length} acknowledged of ${sent.length}`);

    const reader = await Client.open(stack.url(0));
    const stored = new Set(await until(async () => {
        const answer = await reader.query({ authors: [author.pubkey], limit: 5000 });
        return answer.eose && answer.events.map((e) => e.id);
    }, { ms: 15000, what: 'a readable database' }));
    for (const e of acked) assert.ok(stored.has(e.id), 'acknowledged and stored');

    for (const [i, w] of watchers.entries()) {
        await until(() => {
            const got = new Set(w.received('w').map((e) => e.id));
            return [...stored].every((id) => got.has(id));
        }, { ms: settleMs, what: `subscriber ${i} to hold all ${stored.size} stored events (has ${new Set(w.received('w').map((e) => e.id)).size})` });
        const got = w.received('w').map((e) => e.id);
        assert.equal(got.length, new Set(got).size, `subscriber ${i}: no doubles`);
        assert.equal(w.closed, null);
    }
    for (const c of [...publishers, ...watchers, reader]) c.kill();
    return { sent: sent.length, acked: acked.length, stored: stored.size };
}

const ready = () => until(async () => (await Promise.all([0, 1, 2].map((i) => fetch(`${stack.http(i)}readyz`).then((r) => r.status, () => 0)))).every((s) => s === 200), { ms: 10000, what: 'all front ends ready' });

describe('live across replicas', () => {
    it('an event published on one front end reaches subscribers on all, once', async () => {
        await underFire(async () => sleep(500));
    });

    it('Redis is killed and restarted', async () => {
        await underFire(async () => {
            await stack.redis.kill();
            await sleep(1500);
            await stack.redis.start();
        });
        await ready();
    });

    it('FLUSHALL harms nothing', async () => {
        await underFire(async () => {
            for (let i = 0; i < 5; i++) {
                await stack.redis.cli('FLUSHALL');
                await sleep(100);
            }
        });
    });

    it('CLIENT KILL of the subscribers is healed', async () => {
        await underFire(async () => {
            for (let i = 0; i < 3; i++) {
                await stack.redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
                await sleep(300);
            }
        });
    });

    it('an event handler is killed with SIGKILL and comes back', async () => {
        await underFire(async () => {
            await stack.handlers[0].kill('SIGKILL');
            await sleep(1500);
            await stack.handlers[0].start();
        });
        await ready();
    });

    it('PostgreSQL is restarted', async () => {
        await underFire(async () => {
            await stack.postgres.restart();
            await sleep(1000);
        }, { settleMs: 12000 });
        await ready();
    });

    it('a front end is paused for five seconds', async () => {
        await underFire(async () => {
            stack.fronts[1].signal('SIGSTOP');
            await sleep(5000);
            stack.fronts[1].signal('SIGCONT');
        }, { settleMs: 12000 });
    });

    it('P4: a client of a killed front end reconnects elsewhere and since brings what it missed', async () => {
        const author = new Person();
        const c = await Client.open(stack.url(2));
        await c.req('s', { authors: [author.pubkey] });
        const publisher = await Client.open(stack.url(0));
        await publisher.accept(author.note('1'));
        await c.live('s');
        await stack.fronts[2].kill('SIGKILL');
        await c.waitClosed();
        const missed = await publisher.accept(author.note('2'));
        const again = await Client.open(stack.url(1));
        const { events } = await again.req('s', { authors: [author.pubkey], since: now() - 60 });
        assert.ok(events.some((e) => e.id === missed.id));
        await stack.fronts[2].start();
        await ready();
        for (const x of [publisher, again]) x.close();
    });

    it('read-your-writes: what was just acknowledged is in the next answer', async () => {
        const author = new Person(), c = await Client.open(stack.url(1));
        for (let i = 0; i < 100; i++) {
            const event = await c.accept(author.event({ content: `${i}`, created_at: now() - i }));
            assert.deepEqual(await c.ids({ ids: [event.id] }), [event.id]);
        }
        c.close();
    });

    it('ephemeral events reach every front end', async () => {
        const author = new Person();
        const watchers = await Promise.all([0, 1, 2].map((i) => Client.open(stack.url(i))));
        for (const w of watchers) await w.req('e', { kinds: [20000], authors: [author.pubkey] });
        const publisher = await Client.open(stack.url(0));
        const events = Array.from({ length: 20 }, (_, i) => author.event({ kind: 20000, content: `${i}` }));
        for (const e of events) await publisher.accept(e);
        for (const w of watchers) {
            await w.live('e', events.at(-1).id);
            assert.equal(w.received('e').length, 20);
            w.close();
        }
        publisher.close();
    });

    it('a deletion on one replica is refused a return on every other', async () => {
        const author = new Person();
        const [one, two] = [await Client.open(stack.url(0)), await Client.open(stack.url(1))];
        const note = await one.accept(author.note(word()));
        await two.accept(author.event({ kind: 5, tags: [['e', note.id]], content: '' }));
        for (const c of [one, two]) {
            for (let i = 0; i < 4; i++) assert.equal((await c.publish(note)).ok, false);
            assert.deepEqual(await c.ids({ ids: [note.id] }), []);
            c.close();
        }
    });
});
