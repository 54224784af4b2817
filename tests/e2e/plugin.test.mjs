// Policy plugins: strfry's protocol with a plugin as people write them, and all the ways in which one can misbehave.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, readlinkSync, rmSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, word } from './lib/events.mjs';
import { Manager } from './lib/manage.mjs';
import { binary, startStack } from './lib/stack.mjs';

const original = join(dirname(fileURLToPath(import.meta.url)), 'plugins/policy.py');
const unavailable = "error: this relay's policy gives no answer at the moment, please try again";

// The processes that run a plugin, by its path; gone ones and zombies are not counted, but zombies are reported.
const processes = (path) => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path);
    } catch {
        return false;
    }
});
const zombies = (parent) => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
        const [state, ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
        return state === 'Z' && Number(ppid) === parent;
    } catch {
        return false;
    }
});

async function withPlugin(env = {}) {
    const dir = mkdtempSync(join(tmpdir(), 'tandem-plugin-'));
    const path = join(dir, 'policy.py'), log = join(dir, 'asked');
    copyFileSync(original, path);
    chmodSync(path, 0o755);
    writeFileSync(log, '');
    const stack = await startStack({ env: { POLICY_PLUGIN: path, POLICY_PLUGIN_WORKERS: '1', POLICY_PLUGIN_TIMEOUT_MS: '1000', PLUGIN_LOG: log, ...env } });
    const client = await Client.open(stack.url());
    const asked = () => readFileSync(log, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const metric = async (name) => Number((await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/metrics`)).text()).match(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\d+)`, 'm'))?.[1] ?? 0);
    const stop = async () => {
        await stack.stop();
        rmSync(dir, { recursive: true });
    };
    return { stack, client, path, log, asked, metric, stop };
}

describe('a policy plugin', () => {
    let t, client;
    before(async () => {
        t = await withPlugin();
        client = t.client;
    });
    after(() => t.stop());
    const says = async (content, ok, message) => {
        const answer = await client.publish(new Person().note(content));
        assert.deepEqual([answer.ok, answer.message], [ok, message]);
        return answer;
    };

    it('is asked in the words of strfry', async () => {
        const event = new Person().event({ kind: 1, content: 'Grüße "quoted" \n', tags: [['t', 'x']] });
        await client.accept(event);
        const request = t.asked().at(-1);
        assert.equal(request.type, 'new');
        assert.deepEqual(request.event, JSON.parse(JSON.stringify(event)));
        assert.ok(Math.abs(request.receivedAt - Date.now() / 1000) < 5);
        assert.equal(request.sourceType, 'IP4');
        assert.equal(request.sourceInfo, '127.0.0.1');
        assert.equal('authed' in request, false);
    });
    it('gets none of our secrets', () => assert.deepEqual(t.asked().at(-1).secrets, []));
    it('gets none of our descriptors', () => {
        const { pid } = t.asked().at(-1);
        const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
        assert.equal(fds.filter((to) => to.startsWith('socket:') || to.includes('eventfd')).length, 0);
    });
    it('learns who has authenticated', async () => {
        const person = new Person(), other = await Client.open(t.stack.url());
        other.send(['AUTH', person.auth(await other.challenge(), t.stack.url())]);
        await other.accept(person.note('hello'));
        assert.equal(t.asked().at(-1).authed, person.pubkey);
        other.close();
    });
    it('refuses in its own words, with any standard prefix', async () => {
        await says('reject blocked: not on the list', false, 'blocked: not on the list');
        await says('reject rate-limited: slow down', false, 'rate-limited: slow down');
        await says('reject go away', false, 'blocked: go away');
        await says('silently', false, "blocked: not taken by this relay's policy");
        await says(`reject ${'é'.repeat(300)}`, false, `blocked: ${'é'.repeat(100)}`);
    });
    it('does not store what it refuses', async () => {
        const event = new Person().note('reject no');
        await client.publish(event);
        assert.deepEqual(await client.ids({ ids: [event.id] }), []);
    });
    it('a shadow rejection looks like success, and is not there', async () => {
        const event = new Person().note('shadow');
        assert.deepEqual((await client.publish(event)).ok, true);
        assert.deepEqual(await client.ids({ ids: [event.id] }), []);
    });
    it('decides about ephemeral events as well', async () => {
        const listener = await Client.open(t.stack.url()), person = new Person();
        await listener.req('live', { kinds: [20001], authors: [person.pubkey] });
        assert.equal((await client.publish(person.event({ kind: 20001, content: 'reject no' }))).ok, false);
        const event = person.event({ kind: 20001, content: 'yes' });
        await client.accept(event);
        await listener.live('live', event.id);
        assert.equal(listener.received('live').length, 1);
        listener.close();
    });
    it('is not asked about what other rules refuse', async () => {
        const before = t.asked().length;
        await client.publish(new Person().event({ kind: 22242, content: 'x' }));
        assert.equal(t.asked().length, before);
    });
    it("keeps an author's events in order", async () => {
        const person = new Person(), at = Math.floor(Date.now() / 1000) - 100;
        const versions = [...Array(20).keys()].map((i) => person.event({ kind: 0, content: `version ${i}`, created_at: at + i }));
        await Promise.all(versions.map((v) => client.accept(v)));
        assert.deepEqual((await client.query({ kinds: [0], authors: [person.pubkey] })).events.map((e) => e.content), ['version 19']);
    });
    it('what it prints besides is shown in the log, not taken for answers', async () => {
        await sleep(250); // the log tells of it that often
        await says('garbage', true, '');
        for (const line of [/mod=plugin msg="not understood" why="nothing was asked" line="a plugin that prints what nobody asked for"/, /mod=plugin msg="not understood" why="the line is not a JSON object"/,
            /mod=plugin msg="says" text="hello from standard error"/]) await until(() => line.test(t.stack.handlers[0].log()), { what: `${line} in the log` });
        assert.ok(await t.metric('tandem_eh_plugin_noise_total') >= 1);
    });
    it('starts anew when its file has changed', async () => {
        const old = t.asked().at(-1).pid;
        writeFileSync(t.path, readFileSync(t.path, 'utf8').replace("word == 'silently'", "word == 'changed'"));
        await sleep(1100);
        await says('changed', false, "blocked: not taken by this relay's policy");
        assert.notEqual(t.asked().at(-1).pid, old);
        await until(() => !processes(t.path).includes(String(old)), { what: 'the old process to be gone' });
    });
});

describe('a policy plugin that misbehaves', () => {
    let t, client;
    before(async () => {
        t = await withPlugin({ POLICY_PLUGIN_WORKERS: '1' });
        client = t.client;
    });
    after(() => t.stop());
    const recovers = () => until(async () => (await client.publish(new Person().note(word()))).ok, { ms: 10000, what: 'the plugin to answer again' });

    for (const [what, content, result, why] of [
        ['ends', 'crash', 'ended', 'it has ended'], ['never answers', 'hang', 'timeout', 'no answer in time'],
        ['answers about another event', 'other', 'malformed', 'the id is not that of the event'], ['has an action of its own', 'nonsense', 'malformed', 'the action is none of'],
        ['answers a number', 'number', 'malformed', 'must be texts'], ['prints an endless line', 'huge', 'malformed', 'more than 64 KiB'],
    ]) {
        it(`${what}: the event is refused, the plugin started again`, async () => {
            await sleep(250); // the log tells of failures that often
            const answer = await client.publish(new Person().note(content));
            assert.deepEqual([answer.ok, answer.message], [false, unavailable]);
            assert.ok(await t.metric(`tandem_eh_plugin_events_total{result="${result}"}`) >= 1);
            await recovers();
            await until(() => t.stack.handlers[0].log().includes(why), { what: `the log to say "${why}"; it says ${t.stack.handlers[0].log().split('\n').filter((l) => l.includes('mod=plugin')).slice(-12).join('\n')}` });
        });
    }
    it('leaves no zombies and no second process', async () => {
        await recovers();
        await until(() => processes(t.path).length === 1, { what: 'one process' });
        assert.deepEqual(zombies(t.stack.handlers[0].child.pid), []);
    });
    it('a slow one refuses those who wait too long, and nobody gets past it', async () => {
        const person = new Person(), events = [...Array(12).keys()].map((i) => person.note(`slow ${i}`));
        const answers = await Promise.all(events.map((e) => client.publish(e)));
        assert.ok(answers.some((a) => a.ok), 'the first are taken');
        const refused = answers.filter((a) => !a.ok);
        assert.ok(refused.length > 0);
        for (const a of refused) assert.equal(a.message, "error: too many events wait for this relay's policy, please try again");
    });
    it('ends with the relay', async () => {
        const pids = processes(t.path);
        assert.ok(pids.length > 0);
        await t.stack.handlers[0].terminate();
        assert.deepEqual(processes(t.path), []);
        await t.stack.handlers[0].start();
    });
});

describe('a policy plugin of which one process hangs', () => {
    const TIMEOUT_MS = 4000, OTHERS = 32;
    let t;
    before(async () => {
        t = await withPlugin({ POLICY_PLUGIN_WORKERS: '4', POLICY_PLUGIN_TIMEOUT_MS: String(TIMEOUT_MS) });
        await Promise.all(Array.from({ length: OTHERS }, () => t.client.accept(new Person().note('hello')))); // all four have started
    });
    after(() => t.stop());

    // An author has one process, so a quarter of the others share the one that hangs.
    it("others' events have their OK meanwhile, in whatever batches they travel", async () => {
        const person = new Person(), began = Date.now(), hung = [];
        const hang = () => hung.push(t.client.publish(person.note(`hang ${word()}`), 30000));
        for (let i = 0; i < 12; i++) { // more batches than may be under way at a time
            hang();
            await sleep(40);
        }
        const times = [];
        const others = Array.from({ length: OTHERS }, async (_, i) => {
            if (i % 4 === 0) hang(); // and in the batch of the others
            const sent = Date.now();
            const { ok } = await t.client.publish(new Person().note(word()), 30000);
            if (ok) times.push(Date.now() - sent);
        });
        await until(() => times.length >= OTHERS / 3, { ms: TIMEOUT_MS / 2, what: 'a third of the others to be accepted' });
        assert.ok(Date.now() - began < TIMEOUT_MS, 'while the process hung');
        assert.ok((await Promise.all(hung)).every((a) => !a.ok));
        await Promise.all(others);
    });

    it('each event had exactly one OK, and what was accepted is stored', () => {
        const oks = t.client.messages.filter((m) => m[0] === 'OK');
        assert.equal(new Set(oks.map((m) => m[1])).size, oks.length);
    });
});

describe('a policy plugin whose failure lets events pass', () => {
    let t;
    before(async () => {
        t = await withPlugin({ POLICY_PLUGIN_ON_FAILURE: 'accept' });
    });
    after(() => t.stop());

    it('takes events while it is away', async () => {
        await t.client.accept(new Person().note('crash'));
        await t.client.accept(new Person().note('hello'));
        await until(async () => !(await t.client.publish(new Person().note('reject no'))).ok, { ms: 10000, what: 'the plugin to be back' });
    });
});

describe('settings of a policy plugin', () => {
    it('a file that cannot be run stops the boot and is named', () => {
        const { status, stderr } = spawnSync(binary('event-handler'), ['--check-config'], { env: { ...process.env, POLICY_PLUGIN: '/nonexistent/plugin' }, encoding: 'utf8' });
        assert.equal(status, 78);
        assert.match(stderr, /POLICY_PLUGIN.*"\/nonexistent\/plugin" is not a file that can be run/);
    });
    it('a command line is taken as it is', async () => {
        const dir = mkdtempSync(join(tmpdir(), 'tandem-plugin-'));
        const stack = await startStack({ env: { POLICY_PLUGIN: `PLUGIN_LOG=${dir}/asked exec python3 ${original} --some-option` } });
        const client = await Client.open(stack.url());
        await client.accept(new Person().note('hi'));
        assert.match(readFileSync(`${dir}/asked`, 'utf8'), /"type": "new"/);
        await stack.stop();
        rmSync(dir, { recursive: true });
    });
});

describe('a ban that comes while the plugin is thinking', () => {
    let setup;
    before(async () => {
        setup = await withPlugin({ INTERNAL_TOKEN: 'a-token-for-tests', POLICY_PLUGIN_TIMEOUT_MS: '6000' });
    });
    after(() => setup.stop());

    it('holds for what it is thinking about, stored or not', async () => {
        const { client, stack } = setup, ops = new Manager(stack, null), p = new Person();
        const answers = Array.from({ length: 8 }, (_, i) => client.publish(p.event({ kind: i % 2 ? 20001 : 1, content: `slow ${word()}` })));
        await sleep(200);
        await ops.call('banpubkey', p.pubkey);
        const last = (await Promise.all(answers)).slice(-2);
        for (const { message } of last) assert.equal(message, 'blocked: you are banned from this relay');
    });
});
