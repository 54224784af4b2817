// relayctl for operators: export, import, moderation, trust, policy, over both ways to reach the relay.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
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

    // An event handler that answers as `answer` says: (events of the batch, how many requests before) -> [status, text].
    const pretending = async (answer, work) => {
        let n = 0;
        const server = createServer(async (req, res) => {
            const body = Buffer.concat(await req.toArray()), events = [];
            for (let at = 0; at < body.length; at += 4 + body.readUInt32BE(at)) {
                const skip = 5 + 32 * body[at + 4], event = body.subarray(at + skip + 1 + body[at + skip], at + 4 + body.readUInt32BE(at));
                events.push(JSON.parse(event).id);
            }
            const [status, text] = answer(events, n++, new URL(req.url, 'http://x'));
            res.writeHead(status).end(text);
        }).listen(0, '127.0.0.1');
        await new Promise((resolve) => { server.on('listening', resolve); });
        try { return await work(`http://127.0.0.1:${server.address().port}`, () => n); } finally { server.close(); }
    };
    const verdicts = (ids, say) => ids.map((id, i) => `7 ["${id}",${say(i)}]\n`).join('');

    it('an import waits for an event handler that is busy or has no database, and fails rather than lose events', async () => {
        const lines = [admin.note(word()), admin.note(word())].map((e) => JSON.stringify(e)).join('\n'), failed = 'false,"error: the database is not available, please try again"';
        await pretending((ids, n) => (n === 0 ? [503, 'busy'] : [200, verdicts(ids, () => (n === 1 ? failed : 'true,""'))]), async (url, requests) => {
            assert.match(good(await run(['import', '-', '--handler', url], lines)), /2 read in .*: 2 accepted, 0 already there, 0 refused/);
            assert.equal(requests(), 3);
        });
        await pretending((ids) => [200, verdicts(ids, (i) => (i === 0 ? failed : 'true,""'))], async (url) => {
            const { status, out, err } = await run(['import', '-', '--handler', url], lines);
            assert.equal(status, 1);
            assert.match(out, /2 read in .*: 1 accepted, 0 already there, 1 refused/);
            assert.match(err, /1 events could not be stored.*repeat/);
        });
    });

    it('an export ends where the feed stood when it began, however fast events come', async () => {
        const event = JSON.stringify(admin.note(word()));
        await pretending((_, n, url) => {
            const after = BigInt(url.searchParams.get('after')), head = BigInt(100 + n);
            return [200, after > head ? `1 ${head} ${head} 1 1\n` : `1 ${after} ${after + 20n < head ? after + 20n : head} 1 1\n${after + 1n} ${event}\n`];
        }, async (url, requests) => {
            const { status, err } = await run(['export', '--handler', url, '--timeout', '5']);
            assert.equal(status, 0, err);
            assert.match(err, /ends at seq 1[0-9]{2};/);
            assert.ok(requests() < 12, `${requests()} requests`);
        });
    });

    it('an export that cannot be written does not claim to have got anywhere', async () => {
        const full = openSync('/dev/full', 'w');
        const err = await new Promise((resolve) => {
            const child = spawn(binary('relayctl'), ['export', '--handler', `http://127.0.0.1:${stack.handlerPort()}`], { env: { INTERNAL_TOKEN: token }, stdio: ['ignore', full, 'pipe'] });
            let text = '';
            child.stderr.on('data', (d) => { text += d; });
            child.on('close', (status) => resolve(`${status} ${text}`));
        });
        closeSync(full);
        assert.match(err, /^1 .*ends at seq 0;.*\n.*cannot write/);
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
