// The composed stack from nothing to restored: each test goes on where the one before it stopped.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { Relay, useWebSocketImplementation } from 'nostr-tools/relay';
import { Client, sleep, until } from '../e2e/lib/client.mjs';
import { Person, now } from '../e2e/lib/events.mjs';
import { Stack, composes, docker, images, must, root, run } from './lib/compose.mjs';

useWebSocketImplementation(WebSocket);

const files = ['docker-compose.yml', 'docker-compose.override.yml', 'deploy/compose/haproxy.yml', 'tests/compose/balancer.yml'];
const version = /^VERSION := (.*)$/m.exec(readFileSync(join(root, 'Makefile'), 'utf8'))[1];
const image = (name) => `ghcr.io/tandem-relay/${name}:${version}`;
const READ_WORKERS = 4, OTHER_CONNECTIONS = 10; // of one event handler to PostgreSQL
const settings = {
    NOSTPY_DOMAIN: 'relay.example.com', RELAY_NAME: 'composed', POSTGRES_PASSWORD: randomBytes(12).toString('hex'), REDIS_PASSWORD: randomBytes(12).toString('hex'),
    INTERNAL_TOKEN: randomBytes(12).toString('hex'), RATE_LIMITS: 'False', WOT_ENABLED: 'False', PUBLISH: '127.0.0.1:', BALANCER_PUBLISH: '127.0.0.1:', READ_WORKERS,
};

let stack, relay; // the relay's URL, by way of the balancer

const open = () => until(() => Client.open(relay).catch(() => null), { ms: 30000, what: 'a connection through the balancer' });

// Publishes until it is acknowledged, by whatever connection.
async function insist(event, deadline) {
    for (let client; ; client?.kill()) {
        try {
            client = await Client.open(relay);
            const { ok } = await client.publish(event, 8000);
            client.close();
            if (ok) return;
        } catch {
            // cut off in the middle: again
        }
        if (Date.now() > deadline) throw new Error('an event is not acknowledged in time');
        await sleep(100);
    }
}

// All events, in pages that go back in time.
async function everything() {
    const client = await open(), all = new Map();
    for (let until; ; ) {
        const { events, closed } = await client.query({ limit: 500, ...(until === undefined ? {} : { until }) });
        assert.equal(closed, null);
        const fresh = events.filter((e) => !all.has(e.id));
        for (const e of fresh) all.set(e.id, JSON.stringify(e));
        if (fresh.length === 0) break;
        until = events.at(-1).created_at;
    }
    client.close();
    return all;
}

async function settled() {
    await stack.healthy('postgres', 'redis', 'event-handler', 'websocket-handler', 'balancer');
    relay = `ws://127.0.0.1:${await stack.port('balancer', 8080)}/`;
    await until(async () => (await fetch(relay.replace('ws', 'http') + 'readyz').catch(() => ({}))).status === 200, { ms: 30000, what: 'ready behind the balancer' });
}

// A test that makes no sense once an earlier one has failed.
let broken = false;
const step = (name, test) =>
    it(name, async (t) => {
        if (broken) return t.skip('an earlier step failed');
        broken = true;
        await test(t);
        broken = false;
    });

before(() => {
    stack = new Stack(files, settings);
});
after(() => stack.end());

describe('what stops `up`', () => {
    for (const name of ['POSTGRES_PASSWORD', 'NOSTPY_DOMAIN'])
        for (const compose of composes)
            it(`${compose.join(' ')} without ${name} says so in a sentence`, async () => {
                const bad = new Stack(['docker-compose.yml'], { ...settings, [name]: '' }, { compose });
                const { code, err } = await bad.run('up', '-d');
                assert.notEqual(code, 0);
                assert.match(err, new RegExp(`Set ${name} in \\.env to [a-z ]+`));
                assert.deepEqual(await bad.containers('postgres'), []);
                await bad.end();
            });
});

describe('the files', () => {
    for (const compose of composes)
        for (const extra of [[], ['docker-compose.override.yml'], ['deploy/compose/haproxy.yml'], ['deploy/compose/traefik.yml']])
            it(`${compose.join(' ')} takes docker-compose.yml ${extra}`, async () => {
                const one = new Stack(['docker-compose.yml', ...extra], { ...settings, ACME_EMAIL: 'a@example.com' }, { compose });
                await one.must('config', '-q');
                await one.end();
            });

    it('publish one port: of a range the next one would be taken after each upgrade, and the proxy would find nobody', () => {
        assert.match(readFileSync(join(root, 'docker-compose.override.yml'), 'utf8'), /- \$\{PUBLISH:-127\.0\.0\.1:8008\}:8008\n/);
    });

    it('pass on nothing but settings that exist', async () => {
        const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
        for (const name of images) {
            const help = await docker('run', '--rm', image(name), '--help');
            const block = text.slice(text.indexOf(`\n  ${name}:`)).split('environment:')[1].split(/\n {4}[a-z]/)[0];
            const names = [...block.matchAll(/^ {6}([A-Z_0-9]+):/gm)].map((m) => m[1]);
            assert.ok(names.length > 15);
            for (const setting of names) assert.match(help, new RegExp(`\\b${setting}\\b`));
        }
    });
});

describe('the images', () => {
    for (const name of images)
        it(`${name}: small, without root, without a shell`, async () => {
            const [info] = JSON.parse(await docker('image', 'inspect', image(name)));
            assert.ok(info.Size < 60e6, `${info.Size} bytes`);
            assert.equal(info.Config.User, '65532:65532');
            assert.deepEqual(info.Config.Healthcheck.Test, ['CMD', name, '--healthcheck']);
            for (const tool of ['/bin/sh', '/usr/bin/gcc', '/usr/bin/apt-get', '/usr/bin/make'])
                assert.notEqual((await run(['docker', 'run', '--rm', '--entrypoint', tool, image(name), '-c', 'true'])).code, 0);
            assert.match(await docker('run', '--rm', image(name), '--version'), new RegExp(version));
            const bad = await run(['docker', 'run', '--rm', '-e', 'RATE_LIMITS=perhaps', image(name)]);
            assert.equal(bad.code, 78);
            assert.match(bad.err, /config: RATE_LIMITS: /);
        });

    it('event-handler holds relayctl', async () => {
        assert.match(await docker('run', '--rm', '--entrypoint', 'relayctl', image('event-handler'), '--help'), /watch/);
    });
});

describe('from nothing', () => {
    step('comes up', async () => {
        await stack.up();
        await settled();
        for (const name of images) {
            const container = await stack.inspect((await stack.containers(name))[0]);
            assert.equal(container.HostConfig.ReadonlyRootfs, true);
            assert.deepEqual(container.HostConfig.CapDrop, ['ALL']);
            assert.ok(container.HostConfig.Memory > 0);
            assert.equal(container.HostConfig.LogConfig.Config['max-file'], '3');
        }
        for (const name of ['postgres', 'redis'])
            assert.deepEqual(Object.keys((await stack.inspect((await stack.containers(name))[0])).NetworkSettings.Networks), [`${stack.project}_nostpy-net`]);
        const [network] = JSON.parse(await docker('network', 'inspect', `${stack.project}_nostpy-net`));
        assert.equal(network.Internal, true);
    });

    step('answers a browser, a client that asks for NIP-11, and curl that upgrades', async () => {
        const http = relay.replace('ws', 'http');
        const page = await fetch(http, { headers: { accept: 'text/html' } });
        assert.equal(page.status, 200);
        assert.match(page.headers.get('content-type'), /text\/html/);
        const about = await (await fetch(http, { headers: { accept: 'application/nostr+json' } })).json();
        assert.equal(about.name, 'composed');
        const curl = await run(['curl', '-si', '-m', '2', '--http1.1', '-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket', '-H', 'Sec-WebSocket-Version: 13',
            '-H', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', http]);
        assert.match(curl.out, /^HTTP\/1\.1 101 /);
        assert.match(curl.out, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
        assert.equal((await fetch(`${http}metrics`)).status, 404);
    });

    step('publishes and reads with nostr-tools', async () => {
        const [one, two] = await Promise.all([Relay.connect(relay), Relay.connect(relay)]);
        const author = new Person(), seen = [];
        const stored = author.note('stored');
        await one.publish(stored);
        await new Promise((eose) => two.subscribe([{ authors: [author.pubkey] }], { onevent: (e) => seen.push(e.id), oneose: eose }));
        assert.deepEqual(seen, [stored.id]);
        const live = author.note('live');
        await one.publish(live);
        await until(() => seen.length === 2, { what: 'the live event' });
        assert.deepEqual(seen, [stored.id, live.id]);
        one.close();
        two.close();
    });

    step('looks inside as the page says', async () => {
        assert.match(await stack.exec('postgres', 'psql', '-U', 'nostr', '-c', '\\dt'), /public \| events +\| table/);
        assert.match(await stack.exec('redis', 'redis-cli', 'PUBSUB', 'CHANNELS', '*'), /^tandem:/m);
        assert.equal((await stack.logs('event-handler')).split('\n').filter((l) => /error/i.test(l)).join('\n'), '');
        assert.match(await stack.exec('event-handler', 'relayctl', '--relay', 'ws://websocket-handler:8008', 'count', '{"kinds":[1]}'), /^[1-9]/);
    });
});

describe('scaled', () => {
    step('to three front ends and two event handlers', async () => {
        stack.scale = { 'websocket-handler': 3, 'event-handler': 2 };
        await stack.up();
        await settled();
        assert.equal((await stack.containers('websocket-handler')).length, 3);
        assert.equal((await stack.containers('event-handler')).length, 2);
    });

    step('every front end delivers what any of them was given', async () => {
        const author = new Person();
        const urls = await Promise.all((await stack.containers('websocket-handler')).map(async (id) => `ws://${await stack.address(id)}:8008/`));
        const clients = await Promise.all(urls.map((url) => Client.open(url)));
        await Promise.all(clients.map((c) => c.req('all', { authors: [author.pubkey] })));
        const sent = [];
        for (const client of clients) sent.push(await client.accept(author.note(`from front end ${sent.length}`)));
        for (const client of clients) {
            for (const event of sent) await client.live('all', event.id);
            await sleep(100);
            assert.equal(client.received('all').length, 3);
            client.close();
        }
    });

    step('both event handlers work', async () => {
        const stored = async (id) => {
            const text = await (await fetch(`http://${await stack.address(id)}:8009/metrics`)).text();
            return text.split('\n').filter((l) => l.startsWith('tandem_eh_events_total')).reduce((sum, l) => sum + Number(l.split(' ').pop()), 0);
        };
        const ids = await stack.containers('event-handler'), author = new Person();
        await until(async () => {
            const clients = await Promise.all([open(), open(), open(), open()]);
            await Promise.all(clients.map((c) => c.acceptAll(Array.from({ length: 10 }, (_, i) => author.note(`work ${i}`, { created_at: now() - i })))));
            clients.forEach((c) => c.close());
            return (await Promise.all(ids.map(stored))).every((n) => n > 0);
        }, { ms: 20000, what: 'events stored by both' });
    });

    step('the number of database connections is bounded', async () => {
        const clients = await Promise.all(Array.from({ length: 40 }, open));
        await Promise.all(clients.map((c) => c.query({ kinds: [1], limit: 100 })));
        const n = Number(await stack.psql('SELECT count(*) FROM pg_stat_activity'));
        clients.forEach((c) => c.close());
        assert.ok(n > 2 && n <= 2 * (READ_WORKERS + OTHER_CONNECTIONS) + 8, `${n} connections`);
    });
});

describe('under load', () => {
    // Publishes all the time, and watches all the time, reconnecting when cut.
    class Load {
        constructor() {
            this.author = new Person();
            this.acknowledged = [];
            this.seen = new Set();
            this.since = now() - 1;
            this.tasks = [this.publish(), this.publish(), this.watch()];
        }

        async publish() {
            while (!this.stopped) {
                const event = this.author.note(`load ${randomBytes(6).toString('hex')}`);
                await insist(event, Date.now() + 60000);
                this.acknowledged.push(event.id);
            }
        }

        async watch() {
            while (!this.finished) {
                try {
                    const client = await Client.open(relay);
                    await client.req('w', { authors: [this.author.pubkey], since: this.since, limit: 5000 });
                    while (!client.closed && !this.finished) {
                        await sleep(50);
                        for (const event of client.received('w')) this.seen.add(event.id);
                    }
                    client.kill();
                } catch {
                    await sleep(100);
                }
            }
        }

        async progress(n) {
            const from = this.acknowledged.length;
            await until(() => this.acknowledged.length >= from + n, { ms: 40000, what: `${n} more events` });
        }

        async stop() {
            this.stopped = true;
            await Promise.allSettled(this.tasks.slice(0, 2));
            await until(() => this.acknowledged.every((id) => this.seen.has(id)), { ms: 15000, what: 'the watcher has seen every event' }).catch(() => {});
            this.finished = true;
            await this.tasks[2];
        }
    }

    step('each container is killed in turn, and nothing acknowledged is lost', async (t) => {
        const load = new Load();
        try {
            await load.progress(10);
            for (const service of ['websocket-handler', 'event-handler', 'redis', 'postgres'])
                for (const id of await stack.containers(service)) {
                    await docker('kill', id);
                    await sleep(1500);
                    await docker('start', id);
                    await load.progress(10);
                }
        } finally {
            await load.stop();
        }
        const client = await open();
        for (let i = 0; i < load.acknowledged.length; i += 200) {
            const ids = load.acknowledged.slice(i, i + 200);
            assert.equal((await client.ids({ ids })).length, ids.length);
        }
        client.close();
        t.diagnostic(`${load.acknowledged.length} events acknowledged while 7 containers were killed`);
        assert.deepEqual(load.acknowledged.filter((id) => !load.seen.has(id)), [], 'live or after reconnecting, each was seen');
    });

    step('the log of the event handler tells of the trouble', async () => {
        const told = (await stack.logs('event-handler')).split('\n').filter((l) => /error/i.test(l));
        assert.ok(told.some((l) => /the database is not available/.test(l)), told.join('\n'));
        assert.ok(told.length < 60, `${told.length} lines`);
    });

    step('FLUSHDB and FLUSHALL harm nothing', async () => {
        await settled();
        const author = new Person(), [reader, writer] = [await open(), await open()];
        await reader.req('f', { authors: [author.pubkey] });
        for (const order of ['FLUSHDB', 'FLUSHALL']) {
            assert.match(await stack.exec('redis', 'redis-cli', order), /OK/);
            await reader.live('f', (await writer.accept(author.note(order))).id);
        }
        assert.equal((await reader.ids({ authors: [author.pubkey] })).length, 2);
        reader.close();
        writer.close();
    });

    step('a wrong password is told once a retry', async () => {
        const name = `${stack.project}-wrong`;
        await docker('run', '-d', '--name', name, '--network', `${stack.project}_nostpy-net`, '-e', 'PGPASSWORD_WRITE=wrong', '-e', `REDIS_PASSWORD=${settings.REDIS_PASSWORD}`,
            image('event-handler'));
        await sleep(8000);
        const { out, err } = await run(['docker', 'logs', name]);
        await docker('rm', '-f', name);
        const told = (out + err).split('\n').filter((l) => /password authentication failed/.test(l)).length;
        // A connection that cannot be made is tried again at least every second, and told of every ten.
        assert.ok(told >= 1 && told <= 12, `${told} lines in 8 seconds`);
        assert.ok((out + err).split('\n').length < 40);
        assert.doesNotMatch(out + err, /PGPASSWORD_WRITE=|=wrong/);
    });
});

describe('kept', () => {
    let before, dump;

    step('backs up while it runs', async () => {
        before = await everything();
        assert.ok(before.size > 100);
        dump = join(stack.folder, 'relay.sql');
        const { code, err } = await run([...stack.command, 'exec', '-T', 'postgres', 'pg_dump', '-U', 'nostr', 'nostr'], { output: dump });
        assert.equal(code, 0, err);
        assert.ok(statSync(dump).size > 10000);
        assert.match(await stack.exec('redis', 'redis-cli', 'BGSAVE'), /Background saving started/);
        await until(async () => /rdb_bgsave_in_progress:0[\s\S]*rdb_last_bgsave_status:ok/.test(await stack.exec('redis', 'redis-cli', 'INFO', 'persistence')), { what: 'saved' });
    });

    step('is destroyed, restored into an empty stack, and serves every event again', async () => {
        await stack.down();
        await stack.up('postgres');
        await stack.healthy('postgres');
        const exec = [...stack.command, 'exec', '-T', 'postgres', 'psql', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'nostr', 'nostr'];
        await must(exec, { input: dump });
        await stack.up();
        await settled();
        const again = await everything();
        assert.equal(again.size, before.size);
        for (const [id, text] of before) assert.equal(again.get(id), text);
        const client = await open(), author = new Person();
        await client.req('r', { authors: [author.pubkey] });
        await client.live('r', (await client.accept(author.note('after the restore'))).id);
        client.close();
    });
});
