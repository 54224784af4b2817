// P7: no input kills or leaks. Twenty seconds of clients that mean no good, on every port, and beside them one that must notice nothing but a delay.
// TANDEM_SEED repeats a run.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, word } from './lib/events.mjs';
import { startStack } from './lib/stack.mjs';

const SECONDS = 10, STORED = 800, P95_MS = 2000, MEMORY_KIB = 256 * 1024, LOG_LINES = 1000;
const seed = Number(process.env.TANDEM_SEED ?? Math.floor(Math.random() * 2 ** 31));

const privateKib = (service) => Number(readFileSync(`/proc/${service.child.pid}/smaps_rollup`, 'utf8').match(/Private_Dirty:\s+(\d+)/)[1]);
const percentile = (times, p) => [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * p)];

function besiege(stack, attackers) {
    const worker = new Worker(new URL('./lib/hostile.mjs', import.meta.url), { workerData: { seed, seconds: SECONDS, attackers, addresses: 8, ports: { front: stack.port(), handler: stack.handlerPort(), metrics: stack.metricsPort() } } });
    const siege = { over: false };
    siege.done = new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
    }).finally(() => (siege.over = true));
    return siege;
}

// Publishes, asks and listens until the siege is over; every answer must be right.
async function liveNormally(stack, siege) {
    const author = new Person(), [writer, watcher] = [await Client.open(stack.url()), await Client.open(stack.url())];
    const times = { publish: [], req: [], live: [] }, published = [];
    const timed = async (what, promise) => {
        const began = performance.now(), value = await promise;
        times[what].push(performance.now() - began);
        return value;
    };
    await watcher.req('live', { authors: [author.pubkey], limit: 0 });
    while (!siege.over) {
        const event = author.note(word());
        await timed('publish', writer.accept(event));
        published.push(event.id);
        assert.deepEqual((await timed('req', writer.req('mine', { ids: [event.id] }))).events.map((e) => e.id), [event.id]);
        await timed('live', watcher.live('live', event.id));
        await sleep(100);
    }
    assert.deepEqual(watcher.received('live').map((e) => e.id), published);
    assert.deepEqual((await writer.ids({ authors: [author.pubkey], limit: 5000 })).sort(), [...published].sort());
    assert.equal((await writer.count({ authors: [author.pubkey] })).count, published.length);
    for (const c of [writer, watcher]) {
        assert.equal(c.closed, null);
        c.close();
    }
    return times;
}

async function watchMemory(stack, siege) {
    const most = { front: 0, handler: 0 };
    while (!siege.over) {
        most.front = Math.max(most.front, privateKib(stack.fronts[0]));
        most.handler = Math.max(most.handler, privateKib(stack.handlers[0]));
        await sleep(100);
    }
    return most;
}

// Something to ask for, of so many authors that none of them meets a limit.
async function fill(stack) {
    const authors = Array.from({ length: STORED / 20 }, () => new Person()), c = await Client.open(stack.url());
    await c.acceptAll(Array.from({ length: STORED }, (_, i) => authors[i % authors.length].note(`${i} ${'x'.repeat(8000)}`, { tags: [['t', (i % 256).toString(16).padStart(2, '0')]] })));
    c.close();
}

const connections = async (stack) => Number((await (await fetch(`http://127.0.0.1:${stack.metricsPort()}/metrics`)).text()).match(/^tandem_ws_connections (\d+)$/m)[1]);

async function survive(t, env, attackers) {
    const sanitizer = `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=16`; // what it keeps of freed memory is not ours
    const stack = await startStack({ env: { WS_SEND_TOTAL_BYTES: String(64 << 20), MAX_MESSAGE_BYTES: String(2 << 20), WS_MESSAGE_SECONDS: '5', WS_HANDSHAKE_SECONDS: '5', ASAN_OPTIONS: sanitizer, ...env } });
    t.diagnostic(`TANDEM_SEED=${seed}`);
    try {
        await fill(stack);
        const siege = besiege(stack, attackers);
        const [times, memory, runs] = await Promise.all([liveNormally(stack, siege), watchMemory(stack, siege), siege.done]);
        t.diagnostic(JSON.stringify(runs));
        for (const [what, list] of Object.entries(times)) {
            t.diagnostic(`${what}: ${list.length} times, p50 ${percentile(list, 0.5).toFixed(0)} ms, p95 ${percentile(list, 0.95).toFixed(0)} ms`);
            assert.ok(percentile(list, 0.95) < P95_MS, `p95 of ${what} is ${percentile(list, 0.95)} ms`);
        }
        t.diagnostic(`front end ${memory.front >> 10} MiB, event handler ${memory.handler >> 10} MiB`);
        for (const [which, kib] of Object.entries(memory)) assert.ok(kib < MEMORY_KIB, `${which}: ${kib} KiB`);
        await until(async () => (await connections(stack)) === 0, { ms: 10000, what: 'the connections to be forgotten' });
        for (const service of [...stack.fronts, ...stack.handlers]) {
            const lines = service.log().split('\n');
            assert.ok(lines.length < LOG_LINES, `${service.name} wrote ${lines.length} lines:\n${lines.slice(-20).join('\n')}`);
            assert.equal(await service.terminate(), 0, `${service.name}:\n${lines.slice(-50).join('\n')}`);
        }
    } finally {
        await stack.stop();
    }
}

describe('hostile clients', () => {
    it('without rate limits: nothing dies, and a normal client is served', (t) => survive(t, { RATE_LIMITS: 'False' }, 10));

    it('with rate limits: the same, with more of them', (t) => survive(t, { RATE_LIMITS: 'True' }, 24));
});
