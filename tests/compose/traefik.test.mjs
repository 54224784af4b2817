// Three front ends behind Traefik, by the ports 80 and 443 of deploy/compose/traefik.yml. Let's Encrypt cannot know the name, so that Traefik
// shows a certificate that it has made itself. Skipped where Traefik's image is not to be had or the ports are taken.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { Relay, useWebSocketImplementation } from 'nostr-tools/relay';
import { Client, sleep, until } from '../e2e/lib/client.mjs';
import { Person, now } from '../e2e/lib/events.mjs';
import { Stack, docker, root, run } from './lib/compose.mjs';

const NAME = 'relay.example.com', FRONT_ENDS = 3, LIMIT = 20;
const PUBLIC = '203.0.113.0/24'; // a network whose addresses are no proxy's: from there a client is who it is
const settings = {
    NOSTPY_DOMAIN: NAME, RELAY_NAME: 'behind Traefik', ACME_EMAIL: 'nobody@example.com', POSTGRES_PASSWORD: randomBytes(12).toString('hex'), WOT_ENABLED: 'False',
    LIMIT_IP_CONNECTIONS: LIMIT, LIMIT_IP_CONNECTS: 100000, LIMIT_IP_EVENTS: 100000, LIMIT_EVENTS_TRUSTED: 100000, LIMIT_EVENTS_KNOWN: 100000, LIMIT_EVENTS_GUEST: 100000,
    LIMIT_EVENTS_ALL_GUESTS: 1000000, PUBLISH: '127.0.0.1:',
};
// The relay's name, but at the given address.
const at = (address = '127.0.0.1', headers = {}) => ({
    rejectUnauthorized: false, headers, servername: NAME,
    lookup: (_name, options, done) => (options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)),
});
const url = `wss://${NAME}/`;
const open = (address, headers) => Client.open(url, at(address, headers));
const get = (path, { headers = {}, protocol = https, host = NAME, port, address } = {}) =>
    new Promise((done, reject) => {
        const request = protocol.get({ ...at(address, { host, ...headers }), host: NAME, port, path, agent: false }, (answer) => {
            let body = '';
            answer.on('data', (d) => (body += d)).on('end', () => done({ status: answer.statusCode, headers: answer.headers, body }));
        });
        request.on('error', reject).setTimeout(10000, () => request.destroy(new Error('no answer')));
    });

class Named extends WebSocket {
    constructor(to) {
        super(to, at());
    }
}
useWebSocketImplementation(Named);

const free = (port) => new Promise((done) => {
    const server = net.createServer().on('error', () => done(false)).listen(port, () => server.close(() => done(true)));
});
const image = /image: (traefik:\S+)/.exec(readFileSync(join(root, 'deploy/compose/traefik.yml'), 'utf8'))[1];
const there = (await run(['docker', 'image', 'inspect', image])).code === 0 || (await run(['docker', 'pull', '-q', image])).code === 0;
const skip = !there ? `no image ${image}` : !(await free(80)) || !(await free(443)) ? 'port 80 or 443 is taken' : false;

let stack, network;

async function metric(id, name) {
    const text = await (await fetch(`http://${await stack.address(id)}:8010/metrics`)).text();
    return text.split('\n').filter((l) => l.startsWith(name) && /[ {]/.test(l[name.length])).reduce((sum, l) => sum + Number(l.split(' ').pop()), 0);
}
const fronts = () => stack.containers('websocket-handler');
const everywhere = async (name) => Promise.all((await fronts()).map((id) => metric(id, name)));

describe('behind Traefik', { skip }, () => {
    before(async () => {
        stack = new Stack(['docker-compose.yml', 'docker-compose.override.yml', 'deploy/compose/traefik.yml'], settings);
        stack.scale = { 'websocket-handler': FRONT_ENDS, 'event-handler': 2 };
        await stack.up();
        await stack.healthy('postgres', 'redis', 'event-handler', 'websocket-handler', 'traefik');
        await until(async () => (await get('/readyz').catch(() => ({}))).status === 200, { ms: 30000, what: 'ready behind Traefik' });
        await sleep(3000); // it gathers what it hears from Docker for two seconds
    });
    after(async () => {
        if (!stack) return;
        await stack.end();
        if (network) await run(['docker', 'network', 'rm', network]);
    });

    it('a browser, NIP-11, and everything by https', async () => {
        const page = await get('/', { headers: { accept: 'text/html' } });
        assert.equal(page.status, 200);
        assert.match(page.body, new RegExp(`wss://${NAME}`));
        const about = JSON.parse((await get('/', { headers: { accept: 'application/nostr+json' } })).body);
        assert.equal(about.name, 'behind Traefik');
        const plain = await get('/some?thing', { protocol: http });
        assert.ok([301, 308].includes(plain.status), `${plain.status}`);
        assert.equal(plain.headers.location, `https://${NAME}/some?thing`);
    });

    it('nothing else: no metrics, nothing of Traefik, no other name', async () => {
        for (const path of ['/metrics', '/api/version', '/api/rawdata', '/dashboard/', '/ping']) assert.equal((await get(path)).status, 404, path);
        assert.equal((await get('/', { host: 'other.example.com' })).status, 404);
        const [traefik] = await stack.containers('traefik');
        const addresses = Object.values((await stack.inspect(traefik)).NetworkSettings.Networks).map((n) => n.IPAddress);
        for (const address of addresses)
            for (const port of [8008, 8010, 8080]) await assert.rejects(get('/', { protocol: http, port, address }), /ECONNREFUSED/);
    });

    it('nostr-tools stores, finds, and hears what happens', async () => {
        const [one, two] = await Promise.all([Relay.connect(url), Relay.connect(url)]);
        const author = new Person(), seen = [];
        const stored = author.note('stored'), live = author.note('live');
        await one.publish(stored);
        await new Promise((eose) => two.subscribe([{ authors: [author.pubkey] }], { onevent: (e) => seen.push(e.id), oneose: eose }));
        await one.publish(live);
        await until(() => seen.length === 2, { what: 'the live event' });
        assert.deepEqual(seen, [stored.id, live.id]);
        one.close();
        two.close();
    });

    it('AUTH for the public name', async () => {
        const client = await open(), person = new Person(), from = client.messages.length;
        const answer = person.auth(await client.challenge(), url);
        client.send(['AUTH', answer]);
        const ok = await client.find((m) => m[0] === 'OK' && m[1] === answer.id, { from });
        assert.equal(ok[2], true, ok[3]);
        client.close();
    });

    it('every front end gets its share', async () => {
        const earlier = await everywhere('tandem_ws_connections_opened_total');
        const clients = await Promise.all(Array.from({ length: 15 }, () => open()));
        const share = (await everywhere('tandem_ws_connections_opened_total')).map((n, i) => n - earlier[i]);
        clients.forEach((c) => c.close());
        assert.equal(share.length, FRONT_ENDS);
        assert.ok(share.every((n) => n >= 3), `${share}`);
    });

    it('limits count clients, whatever they say about themselves', async () => {
        network = `${stack.project}_public`;
        await docker('network', 'create', '--subnet', PUBLIC, network);
        const [traefik] = await stack.containers('traefik');
        await docker('network', 'connect', network, traefik);
        const address = (await stack.inspect(traefik)).NetworkSettings.Networks[network].IPAddress;
        const clients = [], refused = [];
        for (let i = 0; i < 2 * LIMIT; i++)
            await open(address, { 'x-forwarded-for': `198.51.100.${i}` }).then((c) => clients.push(c), (e) => refused.push(e.message));
        // Front ends count together, a moment late.
        assert.ok(clients.length >= LIMIT && clients.length <= 1.5 * LIMIT, `${clients.length} connections`);
        assert.deepEqual(new Set(refused), new Set(['HTTP 429']));
        const other = await open(); // from another address
        await other.accept(new Person().note('not limited'));
        [other, ...clients].forEach((c) => c.kill());
    });

    it('a front end restarts, another is killed: clients reconnect, and nothing acknowledged is lost', async (t) => {
        const author = new Person(), acknowledged = [], seen = new Set(), trouble = {}, since = now() - 1;
        let stopped = false, finished = false, longest = 0;
        const tell = (what) => (trouble[what] = (trouble[what] ?? 0) + 1);
        const publish = async () => {
            let client;
            while (!stopped) {
                const event = author.note(randomBytes(8).toString('hex')), began = Date.now();
                while (!finished) {
                    try {
                        client ??= await open();
                        const { ok, message } = await client.publish(event, 8000);
                        if (ok) break;
                        tell(message);
                    } catch (error) {
                        tell(error.message.replace(/OK for .*/, 'OK'));
                        client?.kill();
                        client = null;
                    }
                    await sleep(50);
                }
                longest = Math.max(longest, Date.now() - began);
                acknowledged.push(event.id);
                if (Math.random() < 0.1) client = (client.close(), null);
                await sleep(20);
            }
            client?.kill();
        };
        const watch = async () => {
            for (let client; !finished; client?.kill()) {
                try {
                    client = await open();
                    await client.req('w', { authors: [author.pubkey], since, limit: 5000 });
                    for (; !client.closed && !finished; await sleep(50)) for (const event of client.received('w')) seen.add(event.id);
                } catch (error) {
                    tell(`watching: ${error.message}`);
                    await sleep(100);
                }
            }
        };
        const tasks = [publish(), publish(), publish()], watching = watch();
        const progress = async (n) => {
            const from = acknowledged.length;
            await until(() => acknowledged.length >= from + n, { ms: 30000, what: `${n} more events` });
        };
        let gentle, gentleLongest;
        try {
            const [one, two] = await fronts();
            await progress(100);
            await docker('restart', '-t', '15', one);
            await stack.healthy('websocket-handler');
            await progress(100);
            gentle = JSON.stringify(trouble), gentleLongest = longest;
            await docker('kill', two);
            await progress(100);
            await docker('start', two);
            await stack.healthy('websocket-handler');
            await progress(100);
            stopped = true;
            await Promise.all(tasks);
            await until(() => acknowledged.every((id) => seen.has(id)), { ms: 15000, what: 'the watcher has seen every event' });
        } finally {
            stopped = finished = true;
        }
        await watching;
        t.diagnostic(`${acknowledged.length} events; longest wait for one ${gentleLongest} ms while one restarted, ${longest} ms with the kill`);
        t.diagnostic(`trouble while one restarted: ${gentle}; with the kill: ${JSON.stringify(trouble)}`);
    });

    it('Traefik complains of nothing but certificates', async () => {
        const lines = (await stack.logs('traefik')).split('\n').filter((l) => /(ERR|WRN|level=(error|warn))/.test(l) && !/acme|certificate/i.test(l) && !/Health check failed/.test(l));
        assert.deepEqual(lines, []);
    });
});
