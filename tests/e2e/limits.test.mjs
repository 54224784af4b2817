// Rate limits over several front ends and event handlers (docs/ARCHITECTURE.md, "Limits"): they hold wherever a client connects, say when to try
// again, cut nobody off, and survive Redis.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Client, sleep, until } from './lib/client.mjs';
import { Person } from './lib/events.mjs';
import { startStack } from './lib/stack.mjs';

const LIMITED = /^rate-limited: .*, try again in (\d+) s$/;

// Every address of 127.0.0.0/8 is this machine: a test that wants an untouched budget takes the next one.
let lastAddress = 1;
const newAddress = () => `127.0.1.${++lastAddress}`;

const metric = async (service, name) => {
    const text = await fetch(`http://127.0.0.1:${service.metricsPort ?? service.port}/metrics`).then((r) => r.text());
    return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
};

// Publishes one after the other, in turns on all clients, until refused so often in a row.
async function publishUntilRefused(clients, author, { most = 2000, inARow = 30 } = {}) {
    let accepted = 0, refused = 0, message = '';
    for (let i = 0; i < most && refused < inARow; i++) {
        const reply = await clients[i % clients.length].publish(author.event({ kind: 20000, content: `${i}` }));
        if (reply.ok) {
            accepted++;
            refused = 0;
        } else {
            assert.match(reply.message, LIMITED);
            ({ message } = reply);
            refused++;
        }
    }
    return { accepted, message };
}

const openAll = (urls, options) => Promise.all(urls.map((url) => Client.open(url, options)));

async function refusal(url, options) {
    const client = new Client(url, options);
    return new Promise((resolve, reject) => {
        client.ws.once('open', () => reject(new Error('let in')));
        client.ws.once('unexpected-response', (_, response) => resolve(response));
    });
}

describe('limits across replicas', () => {
    let stack, urls;
    before(async () => {
        stack = await startStack({ frontEnds: 3, eventHandlers: 2, env: {
            RATE_LIMITS: 'True', LIMIT_IP_EVENTS: '60', LIMIT_IP_QUERIES: '100', LIMIT_IP_CONNECTIONS: '20', LIMIT_IP_SUBSCRIPTIONS: '30',
            LIMIT_IP_BYTES: '200000', LIMIT_IP_CONNECTS: '200', LIMIT_EVENTS_KNOWN: '40' } });
        urls = [0, 1, 2].map((i) => stack.url(i));
    });
    after(() => stack.stop());

    it('EVENTs of one address: a bucket, and at most a slice of it per front end on top', async () => {
        const clients = await openAll(urls, { localAddress: newAddress() });
        const began = Date.now();
        const people = Array.from({ length: 40 }, () => new Person());
        let accepted = 0, last;
        for (let i = 0, refused = 0; refused < 30; i++) {
            const reply = await clients[i % 3].publish(people[i % 40].event({ kind: 20000, content: `${i}` }));
            accepted += reply.ok;
            refused = reply.ok ? 0 : refused + 1;
            last = reply;
        }
        const refilled = (Date.now() - began) / 1000;
        assert.ok(accepted >= 55 && accepted <= 60 + 3 * 6 + refilled + 3, `${accepted} in ${refilled} s`);
        const wait = Number(last.message.match(LIMITED)[1]);
        assert.ok(wait >= 1 && wait <= 60);
        for (const c of clients) assert.equal(c.closed, null);

        await sleep(Math.min(wait + 1, 25) * 1000);
        if (wait < 24) assert.equal((await clients[0].publish(people[0].note('again'))).ok, true);
        for (const c of clients) c.close();
    });

    it('EVENTs of one pubkey from many addresses', async () => {
        const author = new Person(), began = Date.now();
        const clients = await Promise.all(Array.from({ length: 6 }, (_, i) => Client.open(urls[i % 3], { localAddress: newAddress() })));
        const { accepted, message } = await publishUntilRefused(clients, author);
        const refilled = (Date.now() - began) / 1500;
        assert.ok(accepted >= 36 && accepted <= 40 + 2 * 4 + refilled + 3, `${accepted}`);
        assert.match(message, /this pubkey/);
        assert.equal((await clients[0].publish(new Person().note('somebody else'))).ok, true);
        for (const c of clients) c.close();
    });

    it('REQs and COUNTs: CLOSED with the time to wait, and large ones count as several', async () => {
        const clients = await openAll(urls, { localAddress: newAddress() });
        const nobody = (n) => ({ authors: Array.from({ length: n }, (_, i) => i.toString(16).padStart(64, '0')) });
        let accepted = 0, closed = '', client;
        for (let i = 0; i < 300 && !closed; i++) {
            client = clients[i % 3];
            const answer = await client.query(nobody(1));
            accepted += !!answer.eose;
            closed = answer.closed ?? '';
        }
        assert.ok(accepted >= 30 && accepted <= 140, `${accepted}`);
        assert.match(closed, LIMITED);
        assert.match((await client.count(nobody(1))).closed ?? '', LIMITED);

        const other = await Client.open(urls[0], { localAddress: newAddress() });
        accepted = 0;
        while (!(await other.query(nobody(1500))).closed) accepted++;
        assert.ok(accepted <= 8, `${accepted} of 16 units each`);
        for (const c of [...clients, other]) c.close();
    });

    it('bytes: the message is refused by its verb', async () => {
        const c = await Client.open(urls[0], { localAddress: newAddress() }), author = new Person();
        const big = (i) => author.event({ kind: 20000, content: `${i}`.padEnd(50000, 'x') });
        const replies = [];
        for (let i = 0; i < 6; i++) replies.push(await c.publish(big(i)));
        assert.equal(replies[0].ok, true);
        assert.match(replies.at(-1).message, /^rate-limited: too many bytes .*, try again in \d+ s$/);
        c.send(['REQ', 'big', { ids: ['0'.repeat(64)], '#t': ['x'.repeat(60000)] }]);
        assert.match((await c.find((m) => m[0] === 'CLOSED'))[2], LIMITED);
        assert.equal(c.closed, null);
        c.close();
    });

    it('bytes of what is no message count as well', async () => {
        const c = await Client.open(urls[0], { localAddress: newAddress() });
        for (let i = 0; i < 6; i++) c.ws.send('x'.repeat(50000));
        assert.match((await c.publish(new Person().note('x'.repeat(5000)))).message, /^rate-limited: too many bytes /);
        c.close();
    });

    it('AUTH counts as an EVENT: checking signatures is not free', async () => {
        const c = await Client.open(urls[0], { localAddress: newAddress() });
        const proof = new Person().auth(await c.challenge(), c.ws.url), answers = () => c.messages.filter((m) => m[0] === 'OK');
        for (let i = 0; i < 150; i++) c.send(['AUTH', proof]);
        await until(() => answers().length === 150);
        const accepted = answers().filter((m) => m[2]).length;
        assert.ok(accepted >= 50 && accepted <= 70, `${accepted}`);
        assert.match(answers().at(-1)[3], LIMITED);
        c.close();
    });

    it('subscriptions of one address, over its connections', async () => {
        const clients = await openAll(urls, { localAddress: newAddress() });
        const open = [];
        for (let i = 0; i < 60; i++) {
            const answer = await clients[i % 3].req(`s${i}`, { kinds: [1], limit: 0 });
            if (answer.eose) open.push(i);
            else assert.match(answer.closed, /^rate-limited: too many subscriptions/);
            await sleep(20); // what comes within one round trip to Redis may pass
        }
        assert.ok(open.length >= 30 && open.length <= 30 + 3 * 3, `${open.length}`);
        for (const i of open) clients[i % 3].send(['CLOSE', `s${i}`]);
        await until(async () => (await clients[0].req(`again${Math.random()}`, { kinds: [1], limit: 0 })).eose, { ms: 5000, what: 'room again' });
        for (const c of clients) c.close();
    });

    it('connections at the same time: 429 with Retry-After; a dead front end counts no more', { timeout: 90000 }, async () => {
        const localAddress = newAddress(), open = [];
        let response;
        for (let i = 0; i < 60 && !response; i++) {
            try {
                open.push(await Client.open(urls[i % 3], { localAddress }));
                await sleep(20);
            } catch {
                response = await refusal(urls[i % 3], { localAddress });
            }
        }
        assert.ok(open.length >= 20 && open.length <= 20 + 3 * 2, `${open.length}`);
        assert.equal(response.statusCode, 429);
        assert.ok(Number(response.headers['retry-after']) >= 1);
        (await Client.open(urls[0], { localAddress: newAddress() })).close();

        for (const c of open.splice(0, 9)) c.close();
        await until(() => Client.open(urls[0], { localAddress }).then((c) => open.push(c), () => false), { ms: 5000, what: 'room after a close' });

        await stack.fronts[2].kill('SIGKILL');
        const survivors = open.filter((_, i) => i % 3 !== 2).length;
        await until(async () => {
            const c = await Client.open(urls[1], { localAddress }).catch(() => null);
            if (c) open.push(c);
            return open.length > survivors + 5 && c;
        }, { ms: 60000, what: 'the dead front end to be forgotten' });
        await stack.fronts[2].start();
        for (const c of open) c.kill();
    });

    it('Redis is killed: each process holds the limits alone; it returns: they hold together', { timeout: 60000 }, async () => {
        let clients = await openAll(urls, { localAddress: newAddress() });
        await stack.redis.kill();
        for (const front of stack.fronts) await until(async () => (await metric(front, 'tandem_ws_limits_local')) === 1, { what: 'the metric to say so' });
        const began = Date.now();
        const people = Array.from({ length: 30 }, () => new Person());
        let accepted = 0;
        for (let i = 0, refused = 0; refused < 30 && i < 600; i++) {
            const reply = await clients[i % 3].publish(people[i % 30].event({ kind: 1, content: `${i}` }));
            accepted += reply.ok;
            refused = reply.ok ? 0 : refused + 1;
            if (!reply.ok) assert.match(reply.message, LIMITED);
        }
        assert.ok(accepted >= 150 && accepted <= 3 * (60 + (Date.now() - began) / 1000) + 3, `${accepted}`);
        await stack.redis.start();
        for (const front of stack.fronts) await until(async () => (await metric(front, 'tandem_ws_limits_local')) === 0, { ms: 10000, what: 'Redis to be used again' });
        for (const c of clients) c.close();

        clients = await openAll(urls, { localAddress: newAddress() });
        const again = Date.now();
        accepted = 0;
        for (let i = 0, refused = 0; refused < 30; i++) {
            const reply = await clients[i % 3].publish(new Person().event({ kind: 20000, content: `${i}` }));
            accepted += reply.ok;
            refused = reply.ok ? 0 : refused + 1;
        }
        assert.ok(accepted <= 60 + 3 * 6 + (Date.now() - again) / 1000 + 6, `${accepted}`);
        for (const c of clients) c.close();
    });

    it('FLUSHALL gives nobody a new budget', async () => {
        const clients = await openAll(urls, { localAddress: newAddress() }), people = Array.from({ length: 30 }, () => new Person());
        let accepted = 0;
        const began = Date.now();
        for (let i = 0, refused = 0; refused < 20; i++) {
            if (i % 10 === 0) await stack.redis.cli('FLUSHALL');
            const reply = await clients[i % 3].publish(people[i % 30].event({ kind: 20000, content: `${i}` }));
            accepted += reply.ok;
            refused = reply.ok ? 0 : refused + 1;
        }
        assert.ok(accepted <= 3 * 60 + (3 * (Date.now() - began)) / 1000 + 3, `${accepted}: each process for itself`);
        for (const c of clients) c.close();
    });

    it('refusals and round trips are counted', async () => {
        const text = await fetch(`http://127.0.0.1:${stack.metricsPort(0)}/metrics`).then((r) => r.text());
        const value = (series) => Number(text.split('\n').find((l) => l.startsWith(series))?.split(' ').at(-1));
        assert.ok(value('tandem_ws_rate_limited_total{limit="events"}') > 0);
        assert.ok(value('tandem_ws_limit_leases_total{result="done"}') > 0);
        const pubkeys = await Promise.all([0, 1].map((i) => fetch(`http://127.0.0.1:${stack.handlerPort(i)}/metrics`).then((r) => r.text())));
        assert.ok(pubkeys.some((t) => /tandem_eh_rate_limited_total\{limit="pubkey_known"\} [1-9]/.test(t)));
    });

    it('RATE_LIMITS=False switches all of them off', async () => {
        const handler = await stack.extraHandler({ RATE_LIMITS: 'False' });
        const front = await stack.extraFront({ RATE_LIMITS: 'False', EVENT_HANDLER_SVC: `127.0.0.1:${handler.port}`, EVENT_HANDLER_PORT: String(handler.port) });
        const localAddress = newAddress(), author = new Person();
        const clients = await openAll(Array.from({ length: 30 }, () => front.url), { localAddress });
        await clients[0].acceptAll(Array.from({ length: 150 }, (_, i) => author.event({ kind: 20000, content: `${i}` })));
        for (let i = 0; i < 150; i++) assert.ok((await clients[1].query({ ids: ['0'.repeat(64)] })).eose);
        for (const c of clients) c.close();
    });
});

describe('the address behind proxies', () => {
    let stack, direct, trusting, announced;
    before(async () => {
        const env = { RATE_LIMITS: 'True', LIMIT_IP_EVENTS: '10' };
        stack = await startStack({ env });
        direct = stack.fronts[0];
        direct.url = stack.url();
        trusting = await stack.extraFront({ TRUSTED_PROXIES: '127.0.2.0/24, ::1' });
        announced = await stack.extraFront({ TRUSTED_PROXIES: '127.0.2.0/24', WS_PROXY_PROTOCOL: 'True' });
    });
    after(() => stack.stop());

    const exhaust = async (url, options) => {
        const c = await Client.open(url, options);
        const result = await publishUntilRefused([c], new Person(), { most: 15, inARow: 1 });
        c.close();
        return result.accepted;
    };

    it('X-Forwarded-For of a stranger is ignored', async () => {
        const localAddress = newAddress();
        assert.ok((await exhaust(direct.url, { localAddress, headers: { 'X-Forwarded-For': '203.0.113.1' } })) >= 10);
        assert.equal(await exhaust(direct.url, { localAddress, headers: { 'X-Forwarded-For': '203.0.113.2' } }), 0);
        assert.ok((await exhaust(trusting.url, { localAddress: newAddress(), headers: { 'X-Forwarded-For': '203.0.113.3' } })) >= 10);
        assert.ok((await exhaust(trusting.url, { localAddress: '127.0.2.1', headers: { 'X-Forwarded-For': '203.0.113.3' } })) >= 10, 'untouched by the stranger');
    });

    it('of a trusted proxy it is read from the right', async () => {
        const from = (list) => ({ localAddress: '127.0.2.1', headers: { 'X-Forwarded-For': list } });
        assert.ok((await exhaust(trusting.url, from('198.51.100.1'))) >= 10);
        assert.equal(await exhaust(trusting.url, from('203.0.113.77, 198.51.100.1')), 0, 'an invented address in front');
        assert.equal(await exhaust(trusting.url, from('8.8.8.8, 198.51.100.1, 127.0.2.9')), 0, 'through two proxies');
        assert.ok((await exhaust(trusting.url, from('198.51.100.2'))) >= 10);
        assert.ok((await exhaust(trusting.url, from('2001:db8:1:2::1'))) >= 10);
        assert.equal(await exhaust(trusting.url, from('2001:db8:1:2:ffff::9')), 0, 'the same /64');
    });

    it('the host a trusted proxy names counts for AUTH', async () => {
        const headers = { 'X-Forwarded-For': newAddress(), 'X-Forwarded-Host': 'nostr.example' }, author = new Person();
        const auth = async (url, localAddress) => {
            const c = await Client.open(url, { localAddress, headers });
            const event = author.auth(await c.challenge(), 'wss://nostr.example');
            c.send(['AUTH', event]);
            const reply = await c.find((m) => m[0] === 'OK' && m[1] === event.id);
            c.close();
            return reply[2];
        };
        assert.equal(await auth(trusting.url, '127.0.2.1'), true);
        assert.equal(await auth(trusting.url, newAddress()), false);
    });

    // A request after whatever bytes, in pieces; resolves to what came back.
    const raw = (port, localAddress, pieces) => new Promise((resolve) => {
        const socket = net.connect({ host: '127.0.0.1', port, localAddress });
        let answer = '';
        socket.on('data', (d) => (answer += d.toString('latin1')));
        socket.on('close', () => resolve(answer));
        socket.on('error', () => {});
        socket.on('connect', async () => {
            socket.setNoDelay(true);
            for (const piece of pieces) {
                socket.write(piece);
                await sleep(20);
            }
            await sleep(200);
            socket.destroy();
        });
    });
    const request = 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

    it('PROXY protocol, both versions, in any pieces', async () => {
        const v1 = 'PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n';
        const v2 = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', 'latin1'), Buffer.from([203, 0, 113, 9, 10, 0, 0, 1, 19, 136, 1, 187])]);
        assert.match(await raw(announced.port, '127.0.2.1', [v1 + request]), /^HTTP\/1.1 101 /);
        assert.match(await raw(announced.port, '127.0.2.1', [v1.slice(0, 9), v1.slice(9), request.slice(0, 30), request.slice(30)]), /^HTTP\/1.1 101 /);
        assert.match(await raw(announced.port, '127.0.2.1', [Buffer.concat([v2, Buffer.from(request)])]), /^HTTP\/1.1 101 /);
        assert.match(await raw(announced.port, '127.0.2.1', [v2.subarray(0, 14), v2.subarray(14), request]), /^HTTP\/1.1 101 /);
        assert.equal(await raw(announced.port, '127.0.2.1', [request]), '', 'missing: cut without a word');
        assert.equal(await raw(announced.port, '127.0.2.1', ['PROXY TCP4 x\r\n' + request]), '');
        assert.match(await raw(announced.port, newAddress(), [request]), /^HTTP\/1.1 101 /, 'others speak HTTP');
        assert.match(await raw(announced.port, newAddress(), [v1 + request]), /^HTTP\/1.1 400 /);
    });

    it('a bad network stops the boot and is named', async () => {
        const front = await stack.extraFront({ TRUSTED_PROXIES: '10.0.0.0/8,10.0.0.0/40' }, { ready: false });
        assert.equal(await front.exited, 78);
        assert.match(front.log(), /config: TRUSTED_PROXIES: .*"10\.0\.0\.0\/40"/);
    });
});

describe('fairness', () => {
    let stack;
    // Rates are wide open: what is shown is that turns alone keep one client from starving another.
    before(async () => {
        stack = await startStack({ env: { RATE_LIMITS: 'True', LIMIT_IP_QUERIES: '0', LIMIT_IP_EVENTS: '0', LIMIT_EVENTS_KNOWN: '0', LIMIT_IP_CONNECTIONS: '0', LIMIT_IP_CONNECTS: '0', LIMIT_IP_BYTES: '0' } });
    });
    after(() => stack.stop());

    it('a hostile client with heavy REQs leaves a normal one its answers', { timeout: 120000 }, async () => {
        const authors = Array.from({ length: 20 }, () => new Person());
        const seeder = await Client.open(stack.url(), { localAddress: newAddress() });
        for (const a of authors) await seeder.acceptAll(Array.from({ length: 100 }, (_, i) => a.event({ content: `${i} `.padEnd(400, 'x'), created_at: 1700000000 + i })));

        const normal = await Client.open(stack.url(), { localAddress: newAddress() });
        const p95 = async () => {
            const times = [];
            for (let i = 0; i < 60; i++) {
                const began = performance.now();
                const { events } = await normal.query({ authors: [authors[i % 20].pubkey], limit: 10 });
                assert.equal(events.length, 10);
                times.push(performance.now() - began);
            }
            return times.sort((a, b) => a - b)[56];
        };
        const alone = await p95();

        const localAddress = newAddress();
        const hostile = await openAll(Array.from({ length: 20 }, () => stack.url()), { localAddress });
        const strangers = Array.from({ length: 900 }, (_, i) => (i * 7919).toString(16).padStart(64, '0'));
        let running = true, answers = 0;
        // Much work and short answers, so that it is the relay that is busy and not this process.
        const attack = hostile.flatMap((c, n) => Array.from({ length: 8 }, async (_, k) => {
            while (running) {
                if (k % 2) await c.count({}, { authors: strangers }, { '#t': strangers }).catch(() => {});
                else await c.req(`h${n}-${k}`, { authors: strangers, kinds: [1, 2, 3] }, { '#t': strangers }).catch(() => {});
                answers++;
            }
        }));
        await sleep(500);
        const beside = await p95();
        running = false;
        await Promise.race([Promise.all(attack), sleep(10000)]);
        console.log(`p95 alone ${alone.toFixed(1)} ms, beside 160 heavy REQs at a time ${beside.toFixed(1)} ms (${answers} of them answered)`);
        assert.ok(beside < Math.max(20 * alone, 400), `${beside} ms, alone ${alone} ms`);
        for (const c of [seeder, normal, ...hostile]) c.kill();
    });
});

describe('memory of filters', () => {
    let stack;
    before(async () => (stack = await startStack({ env: { RATE_LIMITS: 'True', LIVE_FILTER_BYTES: '33554432' } })));
    after(() => stack.stop());

    it('an address has its share, all together what is allowed, and what is closed is free again', { timeout: 60000 }, async () => {
        const values = (i) => ({ kinds: [1], '#t': [`${i}`.padEnd(400000, 'x')], limit: 0 });
        const opened = async (localAddress) => {
            const clients = [];
            for (let n = 0; ; n++) {
                if (n % 10 === 0) clients.unshift(await Client.open(stack.url(), { localAddress }));
                const { closed } = await clients[0].req(`s${n}`, values(`${localAddress} ${n}`));
                if (closed || n === 60) return { clients, n, closed };
            }
        };
        const all = [];
        for (let i = 0; i < 5; i++) all.push(await opened(newAddress()));
        assert.ok(all[0].n >= 18 && all[0].n <= 21, `${all[0].n} of 400 kB in 8 MiB`);
        assert.match(all[0].closed, /^rate-limited: too many filter values from this address/);
        assert.match(all[4].closed, /^rate-limited: the relay holds as many filter values as it can/);
        for (const c of all[0].clients) c.close();
        await until(async () => (await all[4].clients[0].req('again', values('again'))).eose, { ms: 5000, what: 'room after others have gone' });
        for (const c of all.flatMap((a) => a.clients)) c.close();
    });
});

describe('connections that never send a request', () => {
    let stack;
    before(async () => (stack = await startStack({ env: { WS_MAX_CONNECTIONS: '20' } })));
    after(() => stack.stop());

    it('keep nobody out, however many they are, and those who are in stay', async () => {
        const early = await Client.open(stack.url());
        const idle = Array.from({ length: 600 }, () => net.connect({ port: stack.port(), host: '127.0.0.1', localAddress: '127.0.0.77' }).on('error', () => {}));
        await Promise.all(idle.map((s) => new Promise((resolve) => s.once('connect', resolve))));
        idle.slice(0, 100).forEach((s) => s.write('GET / HTTP/1.1\r\nHost: x\r\n'));
        const began = Date.now(), late = await Client.open(stack.url());
        await late.query({ limit: 1 });
        assert.equal((await fetch(new URL('/healthz', stack.http()))).status, 200);
        assert.ok(Date.now() - began < 3000);
        await early.query({ limit: 1 });
        idle.forEach((s) => s.destroy());
    });
});
