// Boot: settings errors stop it with exit 78 and one line that names the variable; --help, --version, --check-config.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary, startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person, word } from './lib/events.mjs';

const run = (service, args, env = {}) => spawnSync(binary(service), args, { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: 10000 });

describe('settings', () => {
    for (const service of ['websocket-handler', 'event-handler']) {
        it(`${service}: --help lists every setting, --version prints one line, --check-config passes on defaults`, () => {
            const help = run(service, ['--help']);
            assert.equal(help.status, 0);
            for (const name of ['REDIS_HOST', 'LOG_LEVEL', 'EVENT_HANDLER_PORT']) assert.ok(help.stdout.includes(name));
            assert.match(run(service, ['--version']).stdout, /\d+\.\d+\.\d+/);
            assert.equal(run(service, ['--check-config']).status, 0);
            assert.equal(run(service, ['--nonsense']).status === 0, false);
        });
    }

    it('bad values stop the boot with 78 and the name of the variable', () => {
        for (const [service, env] of [['websocket-handler', { WS_PORT: 'eight' }], ['websocket-handler', { WS_PORT: '70000' }], ['websocket-handler', { WS_NONSENSE: '1' }], ['event-handler', { PGPORT_WRITE: '-1' }],
            ['event-handler', { LOG_LEVEL: 'loud' }], ['websocket-handler', { ADMIN_PUBKEY: 'npub1broken' }], ['event-handler', { MAX_EVENT_BYTES: '' + 2 ** 40 }], ['event-handler', { REDIS_PASSWORD_FILE: '/does/not/exist' }]])
            for (const args of [[], ['--check-config']]) {
                const result = run(service, args, env);
                assert.equal(result.status, 78, `${JSON.stringify(env)}: ${result.stderr}`);
                const lines = result.stderr.trim().split('\n').filter((l) => l.includes(Object.keys(env)[0]));
                assert.equal(lines.length, 1, result.stderr);
            }
    });

    it('ADMIN_PUBKEY as npub, secrets from files, aliases, booleans in any case', () => {
        const file = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'secret');
        writeFileSync(file, 'from a file\n');
        assert.equal(run('websocket-handler', ['--check-config'], { ADMIN_PUBKEY: 'npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6', INTERNAL_TOKEN_FILE: file, ICON: 'https://x/y.png' }).status, 0);
    });
});

describe('boot and the database', () => {
    let stack;
    before(async () => (stack = await startStack()));
    after(() => stack.stop());

    it('a wrong password is said in one clear line per retry, without the password, and heals', async () => {
        const handler = await stack.extraHandler({ PGPASSWORD_WRITE: 'wrong-secret-word' }, { ready: false });
        await until(() => /password authentication failed/i.test(handler.log()), { what: 'the line' });
        assert.ok(!handler.log().includes('wrong-secret-word'));
        assert.ok(handler.log().split('\n').filter((l) => /password authentication failed/i.test(l)).length < 5);
        await handler.kill('SIGKILL');
    });

    it('a schema newer than the binary is refused with one clear line', async () => {
        const before = await stack.sql('SELECT max(number) FROM schema_migrations');
        await stack.sql("INSERT INTO schema_migrations (number, name) VALUES (9999, 'from_the_future')");
        const handler = await stack.extraHandler({}, { ready: false });
        await until(() => handler.exitCode !== null, { what: 'exit' });
        assert.notEqual(handler.exitCode, 0);
        assert.match(handler.log(), /schema.*newer/i);
        await stack.sql('DELETE FROM schema_migrations WHERE number = 9999');
        assert.equal(await stack.sql('SELECT max(number) FROM schema_migrations'), before);
    });

    it('several handlers may start on an empty database at once', async () => {
        const own = await startStack({ eventHandlers: 3 });
        const c = await Client.open(own.url());
        await c.accept(new Person().note(word()));
        c.close();
        await own.stop();
    });

    it('the schema is plain and restores from pg_dump', async () => {
        const c = await Client.open(stack.url()), event = await c.accept(new Person().note(word()));
        await stack.sql('CREATE DATABASE restored');
        stack.dumpInto('restored');
        assert.equal(await stack.sql(`SELECT event::json->>'content' FROM events WHERE id = decode('${event.id}','hex')`, 'restored'), event.content);
        c.close();
    });
});
