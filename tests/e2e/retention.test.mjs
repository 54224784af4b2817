// Retention by tier, kind and age: first what would go, then what goes, and never what must stay.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now } from './lib/events.mjs';
import { Manager } from './lib/manage.mjs';

const TOKEN = 'a-token-for-tests', DAY = 86400;
const admin = new Person(), member = new Person(), guest = new Person(), held = new Person();
const rules = 'guest:*:30d, known:1:365d, trusted:1:365d, *:30023:keep, *:7:10d';
let stack, client, operator, metrics;
const extra = (env) => stack.extraHandler({ RETENTION_RULES: rules, RETENTION_KEEP_PUBKEYS: held.pubkey, RETENTION_INTERVAL_SECONDS: '1', ...env });

before(async () => {
    stack = await startStack({ env: { INTERNAL_TOKEN: TOKEN, ADMIN_PUBKEY: admin.pubkey, CREATED_AT_PAST_SECONDS: '0' } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const age = (person, kind, days, more = {}) => client.accept(person.event({ kind, created_at: now() - days * DAY, content: '', ...more }));
const there = async (...events) => (await client.ids({ ids: events.map((e) => e.id) })).length;

describe('retention', () => {
    it('tells what the rules would delete, and deletes nothing', async () => {
        for (const p of [guest, held]) for (const days of [100, 40, 5]) await age(p, 1, days);
        const handler = await extra({ WOT_ENABLED: 'True' });
        operator = new Manager({ handlerPort: () => handler.port }, null, { token: TOKEN });
        await age(admin, 3, 0, { tags: [['p', member.pubkey]] });
        await until(async () => (await operator.call('wotexplain', member.pubkey)).tier === 'trusted', { ms: 20000, what: 'the member to be trusted' });
        const plan = await operator.call('retentionplan');
        assert.equal(plan.apply, false);
        assert.equal(plan.approximate, false);
        assert.deepEqual(plan.rules.map((r) => r.rule), rules.split(', '));
        assert.deepEqual([plan.rules[0].events, plan.rules[0].authors], [2, 1]);
        assert.ok(plan.rules[0].bytes > 200 && plan.rules[0].oldest < now() - 99 * DAY);
        const other = await operator.call('retentionplan', 'guest:1:1d');
        assert.equal(other.rules[0].events, 3, 'other rules can be tried');
        await assert.rejects(operator.call('retentionplan', 'guest:1:1d, x'), /"x": a rule is TIER:KINDS:AGE/);
        assert.equal((await operator.call('retentionstatus')).state, 'dry-run');
        await sleep(1500);
        assert.equal((await client.ids({ authors: [guest.pubkey] })).length, 3);
        await handler.terminate();
    });

    it('RETENTION_APPLY deletes it, and counts it', async () => {
        const gone = [await age(guest, 1, 31), await age(guest, 0, 31), await age(member, 1, 366), await age(member, 7, 11), await age(guest, 7, 31, { tags: [['t', 'x']] })];
        const stay = [await age(guest, 1, 29), await age(member, 1, 364), await age(member, 0, 999), await age(held, 0, 999), await age(member, 30023, 999, { tags: [['d', 'x']] }), await age(admin, 1, 999)];
        const handler = await extra({ WOT_ENABLED: 'True', RETENTION_APPLY: 'True' });
        operator = new Manager({ handlerPort: () => handler.port }, null, { token: TOKEN });
        await until(async () => (await there(...gone)) === 0, { ms: 20000, what: 'old events to go' });
        const first = await operator.call('retentionstatus');
        assert.equal(first.state, 'applied');
        await until(async () => (await operator.call('retentionstatus')).walk.finished_at > first.walk.started_at + 1, { ms: 10000, what: 'another walk' });
        assert.equal(await there(...stay), stay.length);
        assert.equal((await client.ids({ authors: [held.pubkey], kinds: [1] })).length, 3);
        assert.equal(await stack.sql('SELECT count(*) FROM event_tags t WHERE NOT EXISTS (SELECT FROM events e WHERE e.seq = t.seq)'), '0');
        metrics = await (await fetch(`http://127.0.0.1:${handler.port}/metrics`)).text();
        const count = (tier) => Number(metrics.match(new RegExp(`tandem_eh_retention_deleted_total\\{tier="${tier}"\\} (\\d+)`))[1]);
        assert.equal(count('guest'), 5);
        assert.equal(count('trusted') + count('known'), 2);
        assert.equal(count('admin'), 0);
        assert.equal((await operator.call('retentionstatus')).walk.deleted_ever, 7);
        await handler.terminate();
    });

    it('goes on after a restart, where it was', async () => {
        await stack.sql(`UPDATE retention_progress SET rules = '${rules}', created_at = ${now() - 35 * DAY}, finished_at = 0`);
        const [before, behind] = [await age(guest, 1, 50), await age(guest, 1, 32)];
        const handler = await extra({ WOT_ENABLED: 'True', RETENTION_APPLY: 'True', RETENTION_INTERVAL_SECONDS: '3600' });
        await until(async () => (await there(behind)) === 0, { ms: 20000, what: 'what is behind the position to go' });
        assert.equal(await there(before), 1, 'the next walk finds it');
        await handler.terminate();
    });

    it('a bad rule stops the start with its name', async () => {
        const service = await stack.extraHandler({ RETENTION_RULES: 'guest:1:30d, friend:1:1d' }, { ready: false });
        assert.equal(await service.exited, 78);
        assert.match(service.log(), /RETENTION_RULES.*"friend:1:1d"/);
    });
});
