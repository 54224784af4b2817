// The operator's status page on METRICS_PORT, and the figures it lives on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person } from './lib/events.mjs';

let stack, base;
before(async () => {
    stack = await startStack();
    base = `http://127.0.0.1:${stack.fronts[0].env.METRICS_PORT}`;
});
after(() => stack.stop());

describe('status page', () => {
    it('is served on METRICS_PORT alone, and fetches nothing from elsewhere', async () => {
        const answer = await fetch(`${base}/`), page = await answer.text();
        assert.equal(answer.status, 200);
        assert.match(answer.headers.get('content-type'), /^text\/html/);
        assert.match(answer.headers.get('content-security-policy'), /default-src 'none'.*connect-src 'self'/);
        assert.doesNotMatch(page, /(src|href)="https?:/);
        assert.doesNotMatch(await (await fetch(stack.url().replace('ws', 'http'))).text(), /Tandem status/);
        assert.equal((await fetch(`${stack.url().replace('ws', 'http')}event-handler/metrics`)).status, 404);
    });

    it('every figure that it draws is exposed under that name', async () => {
        const page = await (await fetch(`${base}/`)).text();
        const handler = await until(async () => {
            const answer = await fetch(`${base}/event-handler/metrics`);
            return answer.status === 200 && answer.text();
        }, { what: 'the event handler\'s metrics to come through' });
        const front = await (await fetch(`${base}/metrics`)).text();
        const names = [...new Set(page.match(/tandem_(ws|eh)_[a-z_]+/g))];
        assert.ok(names.length > 15);
        for (const name of names) assert.match(name.startsWith('tandem_ws') ? front : handler, new RegExp(`^# TYPE ${name} `, 'm'), name);
    });

    it('its figures move: an event shows by verdict and by kind', async () => {
        const client = await Client.open(stack.url());
        await client.accept(new Person().note('counted'));
        client.close();
        await until(async () => {
            const text = await (await fetch(`${base}/event-handler/metrics`)).text();
            return /tandem_eh_events_total\{verdict="accepted"\} [1-9]/.test(text) && /tandem_eh_event_kinds_total\{kind="1"\} [1-9]/.test(text);
        }, { what: 'the event to be counted' });
    });
});
