// SIGHUP: settings from SETTINGS_FILE are read again; what can change does, the rest says that it needs a restart.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary, startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Manager } from './lib/manage.mjs';
import { Person, word } from './lib/events.mjs';

for (const workers of ['1', '2']) describe(`reload with ${workers} worker(s)`, () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tandem-settings-')), 'relay.env');
    let stack, front, handler;
    before(async () => {
        writeFileSync(file, 'RELAY_NAME=Before\n');
        stack = await startStack({ env: { SETTINGS_FILE: file, WS_WORKERS: workers, INTERNAL_TOKEN: 'a-token-for-tests' } });
        [front] = stack.fronts;
        [handler] = stack.handlers;
    });
    after(() => stack.stop());
    const hup = (text) => { writeFileSync(file, text); front.signal('SIGHUP'); handler.signal('SIGHUP'); };
    const name = async () => (await (await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } })).json()).name;

    it('changes what can change, and tells the difference', async () => {
        assert.equal(await name(), 'Before');
        hup('RELAY_NAME="After all"\nPOLICY_DENY_KINDS=7\nREAD_WORKERS=2\nWS_PING_SECONDS=44\n');
        for (let i = 0; i < 6; i++) await until(async () => await name() === 'After all', { what: 'the new name' });
        const client = await Client.open(stack.url()), person = new Person();
        await until(async () => !(await client.publish(person.event({ kind: 7, content: word() }))).ok, { what: 'kind 7 to be refused' });
        await client.accept(person.note('still here'));
        client.close();
        const explained = await new Manager(stack, null).call('explainpolicy', person.pubkey, 7);
        assert.equal(explained.rule, 'kind_list'); // by the rules that are in force
        assert.match(front.output, /mod=settings msg="changed" name=RELAY_NAME old="Before" new="After all"/);
        assert.match(front.output, /needs a restart" name=WS_PING_SECONDS old=45 new=44/);
        assert.match(handler.output, /msg="changed" name=POLICY_DENY_KINDS old="" new="7"/);
        assert.match(handler.output, /needs a restart" name=READ_WORKERS old=4 new=2/);
    });

    it('SIGHUP during the start waits until it is over', async () => {
        const words = Array.from({ length: 3000 }, () => `${word()}${word()}`).join(',');
        for (const started of [await stack.extraHandler({ POLICY_BLOCKED_WORDS: words }, { ready: false }), await stack.extraFront({}, { ready: false })]) {
            for (let i = 0; i < 40; i++) await new Promise((resolve) => setTimeout(() => resolve(i > 16 && started.signal('SIGHUP')), 25));
            await until(async () => { assert.equal(started.exitCode, null); return (await fetch(`http://127.0.0.1:${started.port}/readyz`).then((r) => r.status, () => 0)) === 200; }, { ms: 20000, what: `${started.name} to be ready` });
            await started.terminate();
        }
    });

    it('a bad file changes nothing and is named', async () => {
        hup('RELAY_NAME=Never\nPOLICY_DENY_KINDS=seven\nMAX_SUBSCRIPTIONS=many\n');
        await until(() => /POLICY_DENY_KINDS: "seven"/.test(handler.output) && /they stay as they were/.test(handler.output), { what: 'the event handler to complain' });
        await until(() => /MAX_SUBSCRIPTIONS: must be a number/.test(front.output), { what: 'the front end to complain' });
        assert.equal(await name(), 'After all');
        const client = await Client.open(stack.url());
        assert.equal((await client.publish(new Person().event({ kind: 7, content: '+' }))).ok, false);
        client.close();
    });

    it('goes back as well', async () => {
        hup('RELAY_NAME=Before\n');
        const client = await Client.open(stack.url());
        await until(async () => (await client.publish(new Person().event({ kind: 7, content: word() }))).ok, { what: 'kind 7 to be taken' });
        client.close();
    });
});

describe('a file of patterns', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tandem-patterns-')), 'patterns');
    let stack;
    before(async () => {
        writeFileSync(file, 'cheap pills\n');
        stack = await startStack({ env: { POLICY_BLOCKED_PATTERNS: file } });
    });
    after(() => stack.stop());

    // Else whoever watches the container ends a relay that runs well, and it does not start again.
    it('that has become bad changes nothing, and the health check passes', async () => {
        const [handler] = stack.handlers;
        writeFileSync(file, 'cheap (pills\n');
        handler.signal('SIGHUP');
        await until(() => /they stay as they were/.test(handler.output), { what: 'the event handler to complain' });
        const client = await Client.open(stack.url());
        assert.equal((await client.publish(new Person().note('Cheap pills!'))).ok, false);
        client.close();
        const run = (option) => spawnSync(binary('event-handler'), [option], { env: { ...process.env, ...handler.env }, encoding: 'utf8' });
        assert.equal(run('--check-config').status, 78);
        assert.equal(run('--healthcheck').status, 0);
    });
});
