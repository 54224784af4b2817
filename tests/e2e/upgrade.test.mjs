// A database as the first version left it, and today's programs: the schema becomes what a new one would be, once, however many event handlers
// start, and everything that was stored is served as before.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Client, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';
import { startStack } from './lib/stack.mjs';

const sqlFolder = new URL('../../event-handler/store/sql/', import.meta.url);
const migrations = readdirSync(sqlFolder).filter((name) => name.endsWith('.sql')).sort();
const OLD = 'of_the_first_version';

const [a, b, gone] = [new Person(), new Person(), new Person()];
const tag = word(), needle = word();
const questions = [
    { authors: [a.pubkey] }, { authors: [a.pubkey, b.pubkey], limit: 7 }, { kinds: [0, 30023] }, { '#t': [tag] }, { '#t': [tag], kinds: [1], since: now() - 150 }, { '#d': ['article'] },
    { authors: [gone.pubkey] }, { kinds: [5] }, { search: needle }, { limit: 1000 }, { until: now() - 100 },
];
let stack, client, refused, answers, started;

// Events of every fate: kept, replaced, addressed, deleted, vanished, expiring.
async function publishAll() {
    const t = now() - 200;
    const deleted = a.note('to be deleted', { created_at: t }), replaced = a.event({ kind: 0, created_at: t, content: '{"name":"old"}' });
    const vanished = gone.note('to vanish', { created_at: t });
    for (const e of [deleted, replaced, vanished]) await client.accept(e);
    await client.acceptAll(Array.from({ length: 300 }, (_, i) => a.note(`${i}`, { created_at: t + (i % 200), tags: i % 3 ? [] : [['t', tag]] })));
    await client.accept(a.event({ kind: 0, created_at: t + 1, content: '{"name":"new"}' }));
    await client.accept(b.event({ kind: 30023, tags: [['d', 'article'], ['t', tag]], content: `an article about ${needle}` }));
    await client.accept(b.note('for a while', { tags: [['expiration', `${now() + 3600}`]] }));
    await client.accept(b.event({ kind: 3, tags: [['p', a.pubkey]], content: '' }));
    await client.accept(a.event({ kind: 5, tags: [['e', deleted.id]], content: '' }));
    await client.accept(gone.event({ kind: 62, created_at: t + 1, tags: [['relay', 'ALL_RELAYS']], content: '' }));
    return [deleted, replaced, vanished];
}

const answerAll = async (c) => {
    const all = [];
    for (const q of questions) all.push(await c.ids(q));
    return all;
};

// Version one's schema and its notes of it, filled with what its tables hold now.
async function makeOldDatabase() {
    const tables = [...readFileSync(new URL(migrations[0], sqlFolder), 'utf8').matchAll(/^CREATE TABLE (\w+)/gm)].map((m) => m[1]);
    await stack.sql(`CREATE DATABASE ${OLD}`);
    stack.load(OLD, `${readFileSync(new URL(migrations[0], sqlFolder), 'utf8')}
        CREATE TABLE schema_migrations (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO schema_migrations (number, name) VALUES (1, 'events');
        TRUNCATE ${tables.join(', ')};`);
    stack.load(OLD, stack.dump(stack.env.PGDATABASE_WRITE, '--data-only', ...tables.flatMap((t) => ['-t', t])));
}

before(async () => {
    stack = await startStack({ env: { NOSTPY_DOMAIN: 'relay.example.com' } });
    client = await Client.open(stack.url());
    refused = await publishAll();
    await until(async () => (await client.ids({ search: needle })).length === 1, { what: 'the search index' });
    answers = await answerAll(client);
    client.close();
    await stack.handlers[0].terminate();
    await makeOldDatabase();
    started = await Promise.all([1, 2, 3].map(() => stack.extraHandler({ PGDATABASE_WRITE: OLD })));
    const front = await stack.extraFront({ EVENT_HANDLER_SVC: started.map((h) => `127.0.0.1:${h.port}`).join(',') });
    client = await Client.open(front.url);
});
after(() => stack?.stop());

describe('upgrade from the first version', () => {
    it('is made once, by one of three event handlers that start together', async () => {
        const applied = started.map((h) => [...h.log().matchAll(/msg="migration applied" number=(\d+)/g)].map((m) => Number(m[1]))).flat();
        assert.deepEqual(applied.sort(), migrations.slice(1).map((name) => Number.parseInt(name, 10)));
        for (const h of started) assert.doesNotMatch(h.log(), /level=(error|warn)/);
        assert.equal(await stack.sql('SELECT count(*) FROM schema_migrations', OLD), `${migrations.length}`);
    });

    it('leads to the schema that a new database gets', () => {
        const schema = (database) => stack.dump(database, '--schema-only').replace(/^\\(un)?restrict .*$/gm, '');
        assert.equal(schema(OLD), schema(stack.env.PGDATABASE_WRITE));
    });

    it('keeps every answer', async () => {
        assert.ok(answers.some((ids) => ids.length >= 300) && answers.filter((ids) => ids.length > 0).length === questions.length);
        assert.deepEqual(await answerAll(client), answers);
    });

    it('keeps in mind what was deleted, replaced and vanished', async () => {
        for (const event of refused) assert.equal((await client.publish(event)).ok, false, event.content);
    });

    it('goes on: events are taken, found and delivered', async () => {
        await client.req('live', { '#t': [tag], limit: 0 });
        for (let i = 0; i < 6; i++) {
            const note = await client.accept(a.note(`new ${i}`, { tags: [['t', tag]] }));
            await client.live('live', note.id);
            assert.deepEqual(await client.ids({ ids: [note.id] }), [note.id]);
        }
    });
});
