// An upgrade under load: every service is restarted, one after the other, behind a balancer, while two thousand clients are subscribed and others
// publish. P1: what was acknowledged is kept. P2 and P4: who reconnects with `since` holds everything, and nothing came twice.
// Runs alone: two thousand clients in one process, and how they leave is measured by the clock.
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { Balancer } from './lib/balancer.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';
import { startStack } from './lib/stack.mjs';

const SUBSCRIBERS = 2000, TOPICS = 40, PUBLISHERS = 4;
const SPREAD_SECONDS = 2;
// `since` is about created_at, and an event whose OK is late is stored long after it was made. A client that wants it all asks for a bit more.
const OVERLAP_SECONDS = 20;

const topics = Array.from({ length: TOPICS }, word);
let stack, balancer, subscribers, publishers, reader, running = true, phase = 'calm';

// Holds one subscription for ever: comes back after each close, and notes what no client should meet.
class Subscriber {
    constructor(topic) {
        Object.assign(this, { topic, got: new Set(), newest: now(), closes: [], faults: [], refusals: [] });
        this.connect();
    }

    connect() {
        if (!running) return;
        const ws = this.ws = new WebSocket(balancer.url, { perMessageDeflate: false, handshakeTimeout: 10000 });
        this.here = new Set(); // what came over this connection
        this.live = false; // its stored events are all there
        ws.on('open', () => {
            this.opened = true;
            this.subscribe();
        });
        ws.on('message', (data) => this.hear(JSON.parse(data)));
        ws.on('error', () => {});
        ws.on('unexpected-response', (_, answer) => {
            this.refusals.push({ phase, status: answer.statusCode });
            ws.terminate();
        });
        ws.on('close', (code) => {
            if (!running) return;
            if (this.opened) this.closes.push({ phase, code, at: Date.now() });
            const wait = this.opened ? Math.random() * 100 : 500 + Math.random() * 500;
            this.live = this.opened = false;
            setTimeout(() => this.connect(), wait);
        });
    }

    subscribe() {
        this.ws.send(JSON.stringify(['REQ', 's', { '#t': [this.topic], since: this.newest - OVERLAP_SECONDS }]));
    }

    hear([verb, , event]) {
        if (verb === 'EOSE') this.live = true;
        if (verb === 'CLOSED') {
            this.refusals.push({ phase, sentence: event });
            setTimeout(() => this.ws.readyState === WebSocket.OPEN && this.subscribe(), 200);
        }
        if (verb !== 'EVENT') return;
        if (this.here.has(event.id)) this.faults.push(`${event.id} twice over one connection`);
        if (this.live && this.got.has(event.id)) this.faults.push(`${event.id} live, though it had come before`);
        this.here.add(event.id);
        this.got.add(event.id);
        this.newest = Math.max(this.newest, event.created_at);
    }
}

// Publishes for ever, and each event until it has its OK.
class Publisher {
    constructor(number) {
        Object.assign(this, { number, person: new Person(), acked: [], refusals: [], n: 0, slowest: 0 });
        this.done = this.run();
    }

    async offer(event) {
        try {
            if (!this.client || this.client.closed) this.client = await Client.open(balancer.url, { handshakeTimeout: 10000 });
            const { ok, message } = await this.client.publish(event, 10000);
            if (!ok) this.refusals.push({ phase, message });
            return ok;
        } catch {
            this.client?.kill(); // closed, or not connected: the event is sent again
            this.client = null;
            return false;
        }
    }

    async run() {
        while (running) {
            const topic = topics[(this.n * PUBLISHERS + this.number) % TOPICS];
            const event = this.person.event({ content: `${this.n++}`, tags: [['t', topic]] });
            while (!(await this.offer(event)) && running) await sleep(100);
            if (!running) break;
            this.acked.push({ id: event.id, topic });
            this.slowest = Math.max(this.slowest, now() - event.created_at);
            await sleep(20);
        }
        this.client?.kill();
    }
}

// Asks again and again for what a publisher wrote.
class Reader {
    constructor() {
        Object.assign(this, { refusals: [], answers: 0 });
        this.done = this.run();
    }

    async run() {
        while (running) {
            try {
                if (!this.client || this.client.closed) this.client = await Client.open(balancer.url, { handshakeTimeout: 10000 });
                const { closed } = await this.client.query({ authors: [publishers[0].person.pubkey], limit: 20 });
                if (closed) this.refusals.push({ phase, sentence: closed });
                else this.answers++;
            } catch {
                this.client?.kill();
                this.client = null;
            }
            await sleep(50);
        }
        this.client?.kill();
    }
}

const everyone = () => [...subscribers, ...publishers, reader];
const refusals = (name) => everyone().flatMap((c) => c.refusals).filter((r) => r.phase === name);
const acked = () => publishers.flatMap((p) => p.acked);

const allLive = () => until(() => subscribers.every((s) => s.live), { ms: 20000, what: 'all subscribers to be live' });
const ready = () => until(() => balancer.backends.every((b) => b.ready), { ms: 15000, what: 'all front ends to be ready' })
    .catch((error) => assert.fail(`${error.message}: ${balancer.backends.map((b) => b.said.trim()).join('; ')}`));

// Publishing goes on: each publisher gets another OK.
const progress = async () => {
    const before = publishers.map((p) => p.acked.length);
    await until(() => publishers.every((p, i) => p.acked.length > before[i] + 1), { ms: 20000, what: 'publishers to get on' });
};

const leave = async (service) => {
    const began = Date.now(), code = await service.terminate();
    assert.equal(code, 0, `${service.name} ended with ${code}:\n${service.log().slice(-2000)}`);
    assert.ok(Date.now() - began < 10000, `${service.name} took ${Date.now() - began} ms to stop`);
};

// The largest number of moments within any stretch of so many ms.
const densest = (moments, ms) => {
    const sorted = [...moments].sort((a, b) => a - b);
    let most = 0;
    for (let end = 0, start = 0; end < sorted.length; end++) {
        while (sorted[end] - sorted[start] >= ms) start++;
        most = Math.max(most, end - start + 1);
    }
    return most;
};

before(async () => {
    stack = await startStack({ frontEnds: 2, eventHandlers: 2, env: { WS_UNREADY_SECONDS: '1', WS_SHUTDOWN_SECONDS: String(SPREAD_SECONDS) } });
    balancer = await Balancer.start(stack.fronts.map((f) => f.port));
    subscribers = [];
    for (let i = 0; i < SUBSCRIBERS; i++) {
        subscribers.push(new Subscriber(topics[i % TOPICS]));
        if (i % 100 === 99) await until(() => subscribers.every((s) => s.opened), { ms: 20000, what: 'a hundred clients to connect' });
    }
    await allLive();
    publishers = Array.from({ length: PUBLISHERS }, (_, i) => new Publisher(i));
    reader = new Reader();
    await progress();
});

after(async () => {
    running = false;
    for (const s of subscribers ?? []) s.ws.terminate();
    await Promise.all([...(publishers ?? []), reader].map((c) => c?.done));
    await balancer?.stop();
    await stack?.stop();
});

describe('rolling restart', () => {
    it('front ends: not ready before the port closes, clients leave spread and come back once', async () => {
        phase = 'front ends';
        const lag = monitorEventLoopDelay({ resolution: 5 }); // what this process does not get round to seems to happen at once
        lag.enable();
        for (const [i, front] of stack.fronts.entries()) {
            lag.reset();
            const backend = balancer.backends[i], began = Date.now(), seen = backend.seen.length;
            await leave(front);
            await allLive();
            const moved = subscribers.flatMap((s) => s.closes).filter((c) => c.at >= began);
            assert.ok(moved.length >= SUBSCRIBERS / 3, `${moved.length} clients had to move`);
            assert.deepEqual([...new Set(moved.map((c) => c.code))], [1012]);
            const burst = densest(moved.map((c) => c.at), 50), allowed = moved.length * (0.2 + 2 * lag.max / 1e9 / SPREAD_SECONDS);
            assert.ok(burst <= allowed, `${burst} of ${moved.length} clients were closed within 50 ms, ${allowed} are allowed`);
            const arrivals = balancer.accepted.filter((at) => at >= began);
            assert.ok(arrivals.length <= moved.length + 2 * (PUBLISHERS + 1), `${arrivals.length} connections of ${moved.length} clients`);
            assert.ok(densest(arrivals, 50) <= allowed, `${densest(arrivals, 50)} of ${arrivals.length} came within 50 ms, ${allowed} are allowed`);
            await until(() => backend.seen.at(-1).answer === 'refused', { what: 'the balancer to see it gone' });
            assert.deepEqual(backend.seen.slice(seen).map((s) => s.answer), [503, 'refused']);
            await front.start();
            await ready();
            await progress();
        }
        assert.deepEqual(balancer.refusals, [], 'nobody was sent to a closed port');
        assert.deepEqual(refusals(phase), []);
    });

    it('event handlers: nobody notices', async () => {
        phase = 'event handlers';
        const before = subscribers.flatMap((s) => s.closes).length, answers = reader.answers;
        for (const handler of stack.handlers) {
            await leave(handler);
            await progress();
            await handler.start();
            await progress();
        }
        assert.equal(subscribers.flatMap((s) => s.closes).length, before);
        assert.ok(reader.answers > answers);
        assert.deepEqual(refusals(phase), []);
    });

    it('PostgreSQL: refusals say error:, and connections stay', async () => {
        phase = 'PostgreSQL';
        const before = subscribers.flatMap((s) => s.closes).length;
        await stack.postgres.stop();
        await until(() => refusals(phase).length > 0, { ms: 20000, what: 'a refusal' });
        await stack.postgres.start();
        await ready();
        await progress();
        assert.equal(subscribers.flatMap((s) => s.closes).length, before);
        for (const r of refusals(phase)) assert.match(r.message ?? r.sentence, /^error: /);
    });

    it('Redis: nobody notices', async () => {
        phase = 'Redis';
        const before = subscribers.flatMap((s) => s.closes).length;
        await stack.redis.stop();
        await progress();
        await stack.redis.start();
        await progress();
        assert.equal(subscribers.flatMap((s) => s.closes).length, before);
        assert.deepEqual(refusals(phase), []);
    });

    it('afterwards all that was acknowledged is stored, and every subscriber holds it, once', async (t) => {
        phase = 'afterwards';
        const published = acked();
        await progress();
        const slowest = Math.max(...publishers.map((p) => p.slowest));
        assert.ok(slowest < OVERLAP_SECONDS, `an OK came after ${slowest} s`);
        const stored = new Set((await stack.sql("SELECT encode(id, 'hex') FROM events")).split('\n'));
        for (const { id } of published) assert.ok(stored.has(id), `${id} was acknowledged and is not stored`);
        const ofTopic = new Map(topics.map((topic) => [topic, published.filter((e) => e.topic === topic)]));
        const missing = (s) => ofTopic.get(s.topic).filter((e) => !s.got.has(e.id));
        await until(() => subscribers.every((s) => missing(s).length === 0), { ms: 15000, what: 'every subscriber to hold all of its topic' })
            .catch((error) => assert.fail(`${error.message}: ${subscribers.filter((s) => missing(s).length > 0).length} do not`));
        assert.deepEqual(subscribers.flatMap((s) => s.faults), []);
        t.diagnostic(`${published.length} events, ${subscribers.flatMap((s) => s.closes).length} reconnections, slowest OK ${slowest} s`);
    });
});
