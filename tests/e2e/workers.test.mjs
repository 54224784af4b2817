// WS_WORKERS processes behind one port: they share the clients, replace each other, and are counted and stopped as one.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person, word } from './lib/events.mjs';

const n = 24;
let stack, clients;
before(async () => {
    stack = await startStack({ env: { WS_WORKERS: '3', WS_SHUTDOWN_SECONDS: '1' } });
    clients = await Promise.all(Array.from({ length: n }, () => Client.open(stack.url())));
});
after(() => stack.stop());

// The processes that the front end has forked.
const workers = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
        return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]) === stack.fronts[0].child.pid;
    } catch {
        return false;
    }
}).map(Number);

const metric = async (name) => {
    const text = await (await fetch(`http://127.0.0.1:${stack.metricsPort()}/metrics`)).text();
    return Number(text.match(new RegExp(`^${name} (\\d+)$`, 'm'))[1]);
};

describe('workers', () => {
    it('share the port, and the metrics are the sum of all', async () => {
        assert.equal(workers().length, 3);
        assert.equal(await metric('tandem_ws_connections'), n);
    });

    it('deliver what was published through another', async () => {
        const a = new Person();
        for (const c of clients) assert.ok((await c.req('live', { authors: [a.pubkey], limit: 0 })).eose);
        const event = await clients[0].accept(a.note(word()));
        for (const c of clients) await c.live('live', event.id);
    });

    it('are replaced when they die; the clients of the others notice nothing', async () => {
        const before = workers();
        process.kill(before[1], 'SIGKILL');
        await until(() => workers().filter((pid) => !before.includes(pid)).length === 1, { what: 'a new worker' });
        await until(() => clients.some((c) => c.closed), { what: 'the dead worker\'s clients to go' });
        const left = clients.filter((c) => !c.closed);
        assert.ok(left.length > 0 && left.length < n, `${left.length} clients are left`);
        for (const c of left) assert.ok((await c.req('again', { limit: 0 })).eose);
        assert.equal(await metric('tandem_ws_worker_restarts_total'), 1);
        for (let i = 0; i < 12; i++) {
            const c = await Client.open(stack.url());
            await c.accept(new Person().note(word()));
            c.close();
        }
    });

    it('close their clients with 1012 and end together on SIGTERM', async () => {
        const left = clients.filter((c) => !c.closed), started = Date.now();
        assert.equal(await stack.fronts[0].terminate(), 0);
        assert.ok(Date.now() - started < 10000);
        for (const c of left) assert.equal((await c.waitClosed()).code, 1012);
        assert.equal(workers().length, 0);
    });
});
