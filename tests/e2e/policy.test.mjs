// The policy: what each of an operator's settings refuses, with which words; bad entries stop the boot and are named.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { getPow, minePow } from 'nostr-tools/nip13';
import { binary, startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';
import { Manager } from './lib/manage.mjs';

const patterns = join(mkdtempSync(join(tmpdir(), 'tandem-policy-')), 'patterns');
writeFileSync(patterns, '# spam\ncheap (meds|watches)\n\\bt\\.me/\\w+\n');

describe('policy of lists', () => {
    const admin = new Person(), enemy = new Person();
    let stack, client;
    before(async () => {
        stack = await startStack({ env: { INTERNAL_TOKEN: 'a-token-for-tests', ADMIN_PUBKEY: admin.pubkey, POLICY_DENY_KINDS: '7,40-44', POLICY_DENY_PUBKEYS: enemy.pubkey,
            POLICY_POW: '1111:8', POLICY_BLOCKED_WORDS: 'casino, free money', POLICY_BLOCKED_PATTERNS: patterns } });
        client = await Client.open(stack.url());
    });
    after(() => stack.stop());
    const says = async (event, message) => assert.deepEqual([(await client.publish(event)).message], [message]);

    it('denies kinds', async () => {
        await says(new Person().event({ kind: 7, content: '+' }), 'blocked: this relay does not take events of this kind');
        await says(new Person().event({ kind: 42 }), 'blocked: this relay does not take events of this kind');
        await client.accept(new Person().event({ kind: 45 }));
    });
    it('denies pubkeys', () => says(enemy.note('hi'), 'blocked: this relay does not take events of this pubkey'));
    it('asks for proof of work by kind, not of admins', async () => {
        const p = new Person(), cheap = p.event({ kind: 1111, content: 'x', tags: [['nonce', '0']] });
        if (getPow(cheap.id) < 8) await says(cheap, `pow: difficulty ${getPow(cheap.id)} is less than 8`);
        const mined = minePow({ kind: 1111, content: 'y', tags: [], created_at: now(), pubkey: p.pubkey }, 8);
        await client.accept(p.event({ kind: 1111, content: 'y', tags: mined.tags, created_at: mined.created_at }));
        await client.accept(admin.event({ kind: 1111, content: 'z' }));
    });
    it('refuses words and patterns, whatever their case, but not parts of words', async () => {
        await says(new Person().note('Visit my CASINO!'), 'blocked: it contains "casino", which this relay does not take');
        await says(new Person().note('get Free Money now'), 'blocked: it contains "free money", which this relay does not take');
        await says(new Person().note('CHEAP watches'), 'blocked: it contains something that this relay does not take');
        await says(new Person().note('join t.me/scam'), 'blocked: it contains something that this relay does not take');
        await says(new Person().note('look', { tags: [['t', 'casino']] }), 'blocked: it contains "casino", which this relay does not take');
        await client.accept(new Person().note('casinos are dull, so is cheap talk'));
        await client.accept(admin.note('I write about casino spam'));
    });
    it('explains which rule decides, and what the others think', async () => {
        const manager = new Manager(stack, admin), spam = new Person().event({ kind: 7, content: 'casino' });
        const { verdict, rule, message, author, rules } = await manager.call('explainpolicy', spam);
        assert.deepEqual([verdict, rule, message], ['blocked', 'kind_list', 'blocked: this relay does not take events of this kind']);
        assert.deepEqual([author.pubkey, author.tier, author.why, author.level], [spam.pubkey, 'known', 'this relay has no web of trust', null]);
        assert.deepEqual(rules.filter((r) => r.verdict !== 'accepted').map((r) => r.name), ['kind_list', 'words']);
        assert.deepEqual((await manager.call('explainpolicy', { ...spam, content: 'another' })).rules.find((r) => r.name === 'signature').verdict, 'invalid');
        assert.equal((await manager.call('explainpolicy', spam.pubkey)).verdict, 'accepted');
        assert.equal((await manager.call('explainpolicy', spam.pubkey, 7)).rule, 'kind_list');
        assert.equal((await manager.call('explainpolicy', enemy.pubkey)).rule, 'pubkey_list');
        assert.equal((await manager.call('explainpolicy', spam.pubkey, 1111)).message, 'pow: difficulty 0 is less than 8');
        await assert.rejects(manager.call('explainpolicy', 'nobody'), /invalid params/);
        await assert.rejects(manager.call('explainpolicy', { id: 1 }), /invalid params/);
    });
    it('counts refusals by rule', async () => {
        const text = await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/metrics`)).text();
        const count = (rule) => Number(text.match(new RegExp(`tandem_eh_policy_refusals_total\\{rule="${rule}"\\} (\\d+)`))[1]);
        assert.ok(count('kind_list') >= 2);
        assert.ok(count('pubkey_list') >= 1);
        assert.ok(count('words') >= 5);
        assert.equal(count('banned'), 0);
    });
    it('is told in plain words', async () => {
        const { policy } = await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/v1/control`, { headers: { Authorization: 'Bearer a-token-for-tests' } })).json();
        for (const sentence of ['Everybody may write.', 'Takes no events of kind 7, 40-44.', 'Some kinds of events need proof of work, but not those of trusted people.', 'Some words are not taken.'])
            assert.ok(policy.includes(sentence), `${sentence} in ${JSON.stringify(policy)}`);
    });
    it('a text made to be costly is no way to hold others up', async () => {
        const start = Date.now();
        await client.publish(new Person().note('cheap '.repeat(30000)));
        assert.ok(Date.now() - start < 5000);
    });
});

describe('policy of a family', () => {
    const mother = new Person(), child = new Person();
    let stack, client;
    before(async () => {
        stack = await startStack({ env: { ADMIN_PUBKEY: mother.pubkey, POLICY_ALLOW_PUBKEYS: child.pubkey, POLICY_ALLOW_KINDS: '0-7,1059' } });
        client = await Client.open(stack.url());
    });
    after(() => stack.stop());

    it('is announced: not everybody may write (NIP-11)', async () => {
        const info = async () => (await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } })).json();
        assert.equal((await info()).limitation.restricted_writes, true);
    });

    it('takes events of its own people and gift wraps to them, and nothing else', async () => {
        await client.accept(mother.note('hello'));
        await client.accept(child.note('hello'));
        await client.accept(new Person().event({ kind: 1059, content: 'x', tags: [['p', child.pubkey]] }));
        assert.equal((await client.publish(new Person().note('hello'))).message, 'restricted: this relay takes events of its own people only');
        assert.equal((await client.publish(new Person().event({ kind: 1059, content: 'x', tags: [['p', new Person().pubkey]] }))).ok, false);
        const asks = new Person();
        await client.accept(asks.event({ kind: 62, content: 'Request to Vanish', tags: [['relay', 'ALL_RELAYS']] })); // NIP-62: whoever asks
        assert.match((await client.publish(mother.event({ kind: 30023, tags: [['d', 'x']] }))).message, /^blocked: this relay does not take events of this kind/);
    });
});

describe('policy for guests', () => {
    const admin = new Person();
    let stack, client;
    before(async () => {
        stack = await startStack({ env: { WOT_ENABLED: 'True', ADMIN_PUBKEY: admin.pubkey, POLICY_GUEST_MAX_CONTENT: '200', POLICY_GUEST_MAX_TAGS: '5', POLICY_FLOOD_COPIES: '3' } });
        client = await Client.open(stack.url());
    });
    after(() => stack.stop());
    const to = (content, n = 1) => new Person().note(content, { tags: [['p', admin.pubkey], ...Array(n - 1).fill(['t', 'x'])] });

    it('keeps them short', async () => {
        await client.accept(to('x'.repeat(200)));
        assert.equal((await client.publish(to('x'.repeat(201)))).message, 'blocked: this is longer than strangers may write here');
        assert.equal((await client.publish(to('x', 6))).message, 'blocked: this has more tags than strangers may use here');
        await client.accept(admin.note('x'.repeat(2000)));
    });
    it('the same text under ever new keys is a flood', async () => {
        const text = `buy ${word()} ${word()} now`;
        for (let i = 0; i < 3; i++) await client.accept(to(text));
        assert.equal((await client.publish(to(text))).message, 'rate-limited: this text has come too often lately');
        await client.accept(to(`${text}!`));
    });
    it('the same event again and again is none', async () => {
        const event = to(`hello ${word()} ${word()}`);
        for (let i = 0; i < 6; i++) assert.equal((await client.publish(event)).ok, true);
    });
});

describe('bad settings', () => {
    const check = (env) => spawnSync(binary('event-handler'), ['--check-config'], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' });
    for (const [name, value, words] of [
        ['POLICY_DENY_KINDS', '1,seven', '"seven": must be a kind'],
        ['POLICY_ALLOW_PUBKEYS', 'npub1oops', '"npub1oops": must be a public key'],
        ['POLICY_POW', '1:20,7', '"7" must be <kind>:<bits>'],
        ['POLICY_POW', '7:1,0-65535:4', '"0-65535:4" is about all kinds: that is MIN_POW_DIFFICULTY'],
        ['POLICY_BLOCKED_PATTERNS', '/does/not/exist', 'cannot read /does/not/exist'],
        ['WOT_GUEST_KINDS', '70000', '"70000": a kind is a number'],
        ['POLICY_DENY_KIND', '1', 'is not a setting'],
    ]) it(`${name}=${value} stops the boot and is named`, () => {
        const answer = check({ [name]: value });
        assert.equal(answer.status, 78);
        assert.match(answer.stderr, new RegExp(`config: ${name}: `));
        assert.ok(answer.stderr.includes(words), answer.stderr);
    });
    it('a bad pattern is named with its line', () => {
        writeFileSync(`${patterns}.bad`, 'good\n(bad\n');
        const answer = check({ POLICY_BLOCKED_PATTERNS: `${patterns}.bad` });
        assert.equal(answer.status, 78);
        assert.match(answer.stderr, /POLICY_BLOCKED_PATTERNS: line 2: "\(bad" has a \( without its \)/);
    });
});
