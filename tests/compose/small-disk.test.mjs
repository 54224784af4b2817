// PostgreSQL's disk fills up: writes are refused with a word, and go on by themselves when there is room again.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, it } from 'node:test';
import { Client, sleep, until } from '../e2e/lib/client.mjs';
import { Person } from '../e2e/lib/events.mjs';
import { Stack } from './lib/compose.mjs';

let stack, url;

before(async () => {
    stack = new Stack(['docker-compose.yml', 'docker-compose.override.yml', 'tests/compose/small-disk.yml'],
        { NOSTPY_DOMAIN: 'relay.example.com', POSTGRES_PASSWORD: randomBytes(12).toString('hex'), RATE_LIMITS: 'False', WOT_ENABLED: 'False', PUBLISH: '127.0.0.1:' });
    await stack.up();
    await stack.healthy('websocket-handler', 'keeper');
    url = `ws://127.0.0.1:${await stack.port('websocket-handler', 8008)}/`;
});
after(() => stack.end());

it('a full disk refuses writes with error: and recovers', async (t) => {
    const author = new Person(), accepted = [];
    const client = await until(() => Client.open(url).catch(() => null), { ms: 20000 });
    const publish = async () => {
        const event = author.note(randomBytes(75000).toString('hex'));
        const verdict = await client.publish(event, 20000);
        if (verdict.ok) accepted.push(event.id);
        return verdict;
    };
    for (let i = 0; i < 5; i++) assert.equal((await publish()).ok, true);

    // All but some megabytes are taken by something else on the same disk.
    const free = Number((await stack.exec('keeper', 'sh', '-c', "df -m /disk | awk 'NR == 2 {print $4}'")).trim());
    await stack.exec('keeper', 'dd', 'if=/dev/zero', 'of=/disk/ballast', 'bs=1048576', `count=${free - 12}`);
    let refusal;
    for (let i = 0; i < 500 && !refusal; i++) {
        const { ok, message } = await publish();
        if (!ok) refusal = message;
    }
    assert.match(refusal ?? 'never refused', /^error: /);
    t.diagnostic(`refused after ${accepted.length} events: ${refusal}`);
    assert.equal((await fetch(url.replace('ws', 'http') + 'healthz')).status, 200);
    await sleep(1000);

    await stack.exec('keeper', 'rm', '/disk/ballast');
    await until(async () => (await publish()).ok, { ms: 90000, what: 'a write is accepted again' });
    await sleep(2000); // every connection for reading is tried again within a second or so
    const found = [];
    for (const id of accepted) found.push(...(await client.ids({ ids: [id] })));
    assert.deepEqual(found, accepted);
    client.close();
});
