// Logs: one event can be followed through both services by its id; JSON on demand; neither content nor secrets.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person, word } from './lib/events.mjs';

let stack;
before(async () => {
    stack = await startStack({ env: { LOG_FORMAT: 'json', LOG_LEVEL: 'warn,event=debug', INTERNAL_TOKEN: 'very-secret-token' } });
});
after(() => stack.stop());

const lines = (service) => service.output.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));

describe('logs', () => {
    it('follow an accepted and a refused event by id through both services', async () => {
        const client = await Client.open(stack.url()), person = new Person(), secret = word();
        const good = await client.accept(person.note(secret)), bad = person.event({ kind: 1, content: secret, created_at: 9e9 });
        await client.publish(bad);
        client.close();
        for (const [id, ok, verdict] of [[good.id, 'OK true', 'accepted'], [bad.id, 'OK false', 'invalid']]) {
            const short = id.slice(0, 16);
            await until(() => lines(stack.fronts[0]).some((l) => l.mod === 'event' && l.id === short && l.msg === ok && l.addr === '127.0.0.1'), { what: `${ok} of ${short}` });
            await until(() => lines(stack.handlers[0]).some((l) => l.mod === 'event' && l.id === short && l.verdict === verdict && l.kind === 1), { what: `${verdict} of ${short}` });
        }
        for (const service of [stack.fronts[0], stack.handlers[0]]) {
            assert.ok(!service.output.includes(secret), 'content is not logged');
            assert.ok(!service.output.includes('very-secret-token'), 'secrets are not logged');
            assert.ok(lines(service).every((l) => l.mod === 'event' || ['warn', 'error'].includes(l.level)), 'other modules keep to their level');
        }
    });
});
