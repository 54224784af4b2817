// A full disk: PostgreSQL says so (class 53 of its errors) when it has to extend a file. A trigger says the same here.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(() => stack.stop());

const gauge = async () => Number((await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/metrics`)).text()).match(/^tandem_eh_disk_full (\d)$/m)[1]);

describe('a full disk', () => {
    it('refuses events with a sentence, serves what is there, and recovers by itself', async () => {
        const a = new Person(), stored = await client.accept(a.note('before'));
        await stack.sql(`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = '53100'; END $$;
            CREATE TRIGGER no_room BEFORE INSERT ON events EXECUTE FUNCTION no_room()`);
        const refused = a.note('meanwhile');
        for (let i = 0; i < 3; i++) {
            const { ok, message } = await client.publish(refused);
            assert.equal(ok, false);
            assert.match(message, /^error: .*disk is full/);
        }
        assert.deepEqual(await client.ids({ ids: [stored.id] }), [stored.id]);
        await client.accept(a.event({ kind: 20001 })); // what is not stored needs no room
        assert.equal(await gauge(), 1);
        assert.equal(stack.handlers[0].log().match(/level=error.*disk is full/g).length, 1, 'said once');
        await stack.sql('DROP FUNCTION no_room CASCADE');
        await client.accept(refused);
        assert.equal(await gauge(), 0);
        assert.match(stack.handlers[0].log(), /has room again/);
    });
});
