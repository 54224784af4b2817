// Event handlers of two versions on one database. That a schema which is too new stops the start is in settings.test.mjs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack({ eventHandlers: 2 });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

describe('schemas of two versions', () => {
    it('a program starts on a newer schema that says it may, and works beside the newer program', async () => {
        await stack.sql("CREATE TABLE of_the_future (a integer); INSERT INTO schema_migrations (number, name, least_program) VALUES (9999, 'of_the_future', 1)");
        for (const h of stack.handlers) {
            await h.terminate();
            await h.start();
            const note = await client.accept(new Person().note('still here'));
            assert.deepEqual(await client.ids({ ids: [note.id] }), [note.id]);
        }
        await stack.sql("DELETE FROM schema_migrations WHERE number = 9999; DROP TABLE of_the_future");
    });

    it('a migration that fails waits for a person, and harms nobody else', async () => {
        await stack.handlers[1].terminate();
        await stack.sql('DELETE FROM schema_migrations WHERE number = 4'); // as if it were the newest: but its tables are there
        const failing = await stack.extraHandler({}, { ready: false });
        await client.accept(new Person().note('meanwhile'));
        await new Promise((resolve) => setTimeout(resolve, 1000));
        assert.equal(failing.exitCode, null, 'it waits for a person');
        assert.match(failing.log(), /a migration failed and was undone.*number=4/);
        await client.accept(new Person().note('and the others do not care'));
        await stack.sql("INSERT INTO schema_migrations (number, name) VALUES (4, 'moderation')");
        await fetch(`http://127.0.0.1:${failing.port}/readyz`);
        await failing.terminate();
    });
});
