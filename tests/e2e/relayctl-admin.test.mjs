// relayctl for operators: export, import, moderation, trust, policy, over both ways to reach the relay.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary, startStack } from './lib/stack.mjs';
import { Client, until } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const dir = mkdtempSync(join(tmpdir(), 'tandem-relayctl-'));
const admin = new Person(), token = 'a-token-for-tests';
let stack;

const run = (args, input = '') => new Promise((resolve) => {
    const child = spawn(binary('relayctl'), args, { env: { PATH: process.env.PATH, HOME: dir, INTERNAL_TOKEN: token } });
    let out = '', err = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.on('exit', (status) => resolve({ status, out, err }));
    child.stdin.end(input);
});
const direct = (...args) => run([...args, '--handler', `http://127.0.0.1:${stack.handlerPort()}`]);
const signed = (...args) => run([...args, '--relay', stack.url(), '--key', join(dir, 'admin.key')]);
const good = (answer) => { assert.equal(answer.status, 0, answer.err + answer.out); return answer.out; };

before(async () => {
    writeFileSync(join(dir, 'admin.key'), Buffer.from(admin.secret).toString('hex'), { mode: 0o600 });
    stack = await startStack({ env: { ADMIN_PUBKEY: admin.pubkey, WOT_ENABLED: 'True', INTERNAL_TOKEN: token, CREATED_AT_PAST_SECONDS: '3600' } });
});
after(() => stack.stop());

describe('relayctl export and import', () => {
    it('import verifies everything and reports by reason, without asking the policy for strangers', async () => {
        const stranger = new Person(), old = stranger.note('long ago', { created_at: 1600000000 }), forged = { ...stranger.note('forged'), content: 'other' };
        const lines = [old, forged, stranger.event({ kind: 20001 }), { ...stranger.note('x'), id: hex().toUpperCase() }, stranger.note('fine')];
        const file = join(dir, 'in.jsonl');
        writeFileSync(file, `${lines.map((e) => JSON.stringify(e)).join('\n')}\nno json\n`);
        const out = good(await direct('import', file));
        assert.match(out, /6 read in .*: 2 accepted, 0 already there, 4 refused/);
        assert.match(out, /ephemeral events are not stored/);
        const again = good(await direct('import', file));
        assert.match(again, /0 accepted, 2 already there, 4 refused/);
        const client = await Client.open(stack.url());
        assert.deepEqual(await client.ids({ authors: [stranger.pubkey] }), [lines[4].id, old.id]);
        client.close();
    });

    it('export gives every event, and goes on from where an earlier one ended', async () => {
        const first = await direct('export');
        const events = good(first).trim().split('\n').map((l) => JSON.parse(l));
        assert.ok(events.length >= 2);
        const [, seq] = first.err.match(/--after (\d+)/);
        const client = await Client.open(stack.url()), more = await client.accept(admin.note(word()));
        client.close();
        const rest = good(await direct('export', '--after', seq)).trim().split('\n').map((l) => JSON.parse(l).id);
        assert.deepEqual(rest, [more.id]);
    });

    it('imports a Nostpy database, row by row verified', async () => {
        const a = new Person(), rows = [a.note('kept'), a.event({ kind: 0, content: '{"name":"old"}', created_at: now() - 500 }),
            a.event({ kind: 0, content: '{"name":"new"}', created_at: now() - 100 }), { ...a.note('forged'), content: 'changed' }, a.event({ kind: 20002 }),
            { ...a.note('upper'), pubkey: a.pubkey.toUpperCase() }];
        await stack.sql('CREATE DATABASE nostpy', 'postgres').catch(() => stack.sql('CREATE DATABASE nostpy'));
        await stack.sql('CREATE TABLE events (id varchar(255) PRIMARY KEY, pubkey varchar(255), kind integer, created_at integer, tags jsonb, content text, sig varchar(255))', 'nostpy');
        for (const e of rows) {
            const q = (s) => `'${String(s).replace(/'/g, "''")}'`;
            await stack.sql(`INSERT INTO events VALUES (${q(e.id)}, ${q(e.pubkey)}, ${e.kind}, ${e.created_at}, ${q(JSON.stringify(e.tags))}, ${q(e.content)}, ${q(e.sig)})`, 'nostpy');
        }
        const p = stack.env;
        const out = good(await direct('import', 'nostpy', `postgresql://${p.PGUSER_WRITE}:${p.PGPASSWORD_WRITE}@${p.PGHOST_WRITE}:${p.PGPORT_WRITE}/nostpy`));
        assert.match(out, /6 read in .*: 3 accepted, 0 already there, 3 refused/);
        const client = await Client.open(stack.url());
        assert.deepEqual((await client.query({ authors: [a.pubkey] })).events.map((e) => e.content).sort(), ['kept', '{"name":"new"}']);
        client.close();
    });
});

for (const [way, ctl] of [['signed, through the relay', signed], ['direct, with the token', direct]]) describe(`relayctl, ${way}`, () => {
    it('names the methods that it may call', async () => assert.match(good(await ctl('manage', 'supportedmethods')), /banpubkey/));
    it('bans, lists and unbans', async () => {
        const victim = new Person();
        assert.match(good(await ctl('mod', 'ban', victim.pubkey, 'spam')), /done/);
        assert.match(good(await ctl('mod', 'banned')), new RegExp(`${victim.pubkey}.*spam`));
        assert.match(good(await ctl('mod', 'audit', '5')), /banpubkey/);
        good(await ctl('mod', 'unban', victim.pubkey));
        assert.doesNotMatch(good(await ctl('mod', 'banned')), new RegExp(victim.pubkey));
    });
    it('undoes', async () => {
        const friend = new Person();
        good(await ctl('mod', 'allow', friend.pubkey));
        const rows = good(await ctl('mod', 'audit', '1')).trim().split('\n'), number = rows[1].trim().split(/\s+/)[rows[0].trim().split(/\s+/).indexOf('id')];
        good(await ctl('mod', 'undo', number));
        assert.doesNotMatch(good(await ctl('mod', 'allowed')), new RegExp(friend.pubkey));
    });
    it('explains trust and policy', async () => {
        await until(async () => /generation +[1-9]/.test((await ctl('wot', 'status')).out), { what: 'a generation' });
        assert.match(good(await ctl('wot', 'explain', admin.pubkey)), /tier +admin/);
        assert.match(good(await ctl('policy', 'explain', hex(), '1')), /trust/);
        good(await ctl('wot', 'rebuild'));
    });
    it('plans retention', async () => good(await ctl('retention', 'plan')));
    it('says what is wrong', async () => {
        const answer = await ctl('mod', 'ban', 'nobody');
        assert.equal(answer.status, 1);
        assert.match(answer.err, /invalid params/);
        assert.equal((await ctl('mod', 'ban')).status, 2);
    });
});

describe('relayctl without rights', () => {
    it('is refused', async () => {
        writeFileSync(join(dir, 'other.key'), Buffer.from(new Person().secret).toString('hex'), { mode: 0o600 });
        const answer = await run(['mod', 'banned', '--relay', stack.url(), '--key', join(dir, 'other.key')]);
        assert.equal(answer.status, 1);
        assert.ok(answer.err.length > 10, answer.err);
        assert.ok(readFileSync(join(dir, 'other.key')).length > 0);
    });
});
