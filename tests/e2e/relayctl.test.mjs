// relayctl against the real relay, and against servers that misbehave.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { verifyEvent } from 'nostr-tools/pure';
import { WebSocketServer } from 'ws';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now, word } from './lib/events.mjs';
import { binary, startStack } from './lib/stack.mjs';

const NSEC_3 = 'nsec1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqps52s3re';
const HEX_3 = '0'.repeat(63) + '3';
const NPUB_3 = 'npub1lycg5qvjtrp3qjf5f7zl382j9x6nrjz9sdhenvyxq8c3808qxmus6gq266';
const PUBKEY_3 = 'f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9';

let stack, client, dir;
before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'relayctl-'));
    stack = await startStack();
    client = await Client.open(stack.url());
});
after(async () => {
    await stack?.stop();
    rmSync(dir, { recursive: true, force: true });
});

const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PATH|TMPDIR|(A|UB|T|L)SAN_OPTIONS)$/.test(name)));

// A running relayctl: its output so far, a promise of its status, its stdin.
function start(args, { env = {}, relay = stack.url() } = {}) {
    const child = spawn(binary('relayctl'), args, { env: { ...inherited, TANDEM_RELAY: relay, ...env }, stdio: 'pipe' });
    const run = { child, out: '', err: '' };
    child.stdout.on('data', (d) => (run.out += d));
    child.stderr.on('data', (d) => (run.err += d));
    child.stdin.on('error', () => {});
    run.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(Object.assign(run, { status: code ?? signal }))));
    return run;
}

function relayctl(args, { input = '', ...options } = {}) {
    const run = start(args, options);
    run.child.stdin.end(input);
    return run.ended;
}

async function good(args, options) {
    const run = await relayctl(args, options);
    assert.equal(run.status, 0, `relayctl ${args.join(' ')}: ${run.err}`);
    return run;
}

const secret = (person) => Buffer.from(person.secret).toString('hex');
const keyed = (person) => ({ env: { TANDEM_KEY: secret(person) } });
const lines = (text) => text.split('\n').filter(Boolean);
const events = (run) => lines(run.out).map((line) => JSON.parse(line));

describe('relayctl: the command line', () => {
    it('--help and --version work, of each command too', async () => {
        const { out } = await good(['--help']);
        for (const name of ['info', 'pub', 'send', 'req', 'watch', 'count', 'key', 'status']) {
            assert.match(out, new RegExp(`^  ${name} `, 'm'));
            assert.match((await good([name, '--help'])).out, new RegExp(`^relayctl ${name} `));
        }
        assert.match((await good(['--version'])).out, /^relayctl \d+\.\d+\.\d+\n$/);
    });

    it('says what is wrong with it, and ends with 2', async () => {
        for (const [args, words] of [
            [['frob'], /no such command/],
            [['req', '--frob'], /--frob: there is no such option/],
            [['req', '--kind', '1'], /req does not take --kind/],
            [['req', '--limit', 'ten'], /--limit: a number from/],
            [['req', '--limit'], /--limit: N is missing/],
            [['req', 'nonsense'], /a filter is a JSON object/],
            [['req', '{"kinds":[1]} x'], /a filter is a JSON object/],
            [['req', '--auth'], /--auth needs a key/],
            [['pub'], /usage: relayctl pub/],
            [['pub', 'hello'], /a key is needed/],
            [['pub', 'a', 'b'], /usage: relayctl pub/],
            [['key', 'lose'], /usage: relayctl key/],
            [['key', 'public', 'npub1x'], /a public key is/],
        ]) {
            const { status, err } = await relayctl(args);
            assert.equal(status, 2, args.join(' '));
            assert.match(err, words);
        }
        assert.equal((await relayctl([])).status, 2);
    });

    it('a relay that cannot be reached is named, and the status is 1', async () => {
        for (const command of [['req'], ['count'], ['info'], ['send', '-']]) {
            const { status, err } = await relayctl(command, { relay: 'ws://127.0.0.1:1' });
            assert.equal(status, 1);
            assert.match(err, /ws:\/\/127\.0\.0\.1:1: .*connect/i);
        }
        assert.match((await relayctl(['req', '--relay', 'gopher://x'])).err, /begins with ws:\/\/ or wss:\/\//);
    });
});

describe('relayctl key', () => {
    it('makes a key in a file of its owner, once', async () => {
        const file = join(dir, 'new.key');
        const { out } = await good(['key', 'new', file]);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.match(readFileSync(file, 'utf8'), /^nsec1[a-z0-9]{58}\n$/);
        assert.equal((await good(['key', 'public', '--key', file])).out, out);
        const again = await relayctl(['key', 'new', file]);
        assert.equal(again.status, 1);
        assert.match(again.err, /exists/);
    });

    it('without a file prints all four forms, which belong together', async () => {
        const { out } = await good(['key', 'new']);
        const key = Object.fromEntries(lines(out).map((line) => line.split(/\s+/)));
        assert.deepEqual(Object.keys(key), ['secret', 'nsec', 'pubkey', 'npub']);
        for (const text of [key.secret, key.nsec]) {
            const own = await good(['key', 'public'], { env: { TANDEM_KEY: text } });
            assert.equal(own.out, `pubkey  ${key.pubkey}\nnpub    ${key.npub}\n`);
        }
    });

    it('converts public keys, and knows the key of nips.md', async () => {
        const both = `pubkey  ${PUBKEY_3}\nnpub    ${NPUB_3}\n`;
        for (const text of [PUBKEY_3, NPUB_3, NPUB_3.toUpperCase()]) assert.equal((await good(['key', 'public', text])).out, both);
        for (const text of [NSEC_3, HEX_3]) assert.equal((await good(['key', 'public'], { env: { TANDEM_KEY: text } })).out, both);
    });

    it('warns of keys that others see, and refuses what is none', async () => {
        const open = join(dir, 'open.key'), bad = join(dir, 'bad.key');
        writeFileSync(open, `${HEX_3}\n`, { mode: 0o644 });
        writeFileSync(bad, 'not a key', { mode: 0o600 });
        assert.match((await good(['key', 'public', '--key', open])).err, /warning: others may read/);
        assert.match((await good(['key', 'public', '--key', NSEC_3])).err, /warning: a key on the command line/);
        for (const args of [['--key', bad], ['--key', join(dir, 'absent')], ['--key', '0'.repeat(64)]]) assert.equal((await relayctl(['key', 'public', ...args])).status, 1);
        const { status, err } = await relayctl(['key', 'public'], { env: { TANDEM_KEY: 'f'.repeat(64) } });
        assert.equal(status, 1);
        assert.match(err, /no valid secret key/);
    });

    it('a mistyped nsec is not repeated', async () => {
        const { status, err } = await relayctl(['key', 'public', '--key', NSEC_3.replace(/.$/, 'q')]);
        assert.equal(status, 1);
        assert.match(err, /mistyped/);
        assert.ok(!err.includes('nsec1q'));
    });

    it('a key on the command line is gone from it while the program runs', async () => {
        const run = start(['watch', '--limit', '0', '--key', HEX_3, '{"kinds":[1]}']);
        await until(() => /command line/.test(run.err));
        assert.ok(!readFileSync(`/proc/${run.child.pid}/cmdline`, 'latin1').includes(HEX_3));
        run.child.kill();
        await run.ended;
    });
});

describe('relayctl info', () => {
    it('prints the document of NIP-11, indented', async () => {
        const { out } = await good(['info']);
        const served = await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } }).then((r) => r.json());
        assert.deepEqual(JSON.parse(out), served);
        assert.match(out, /^\{\n  "/);
    });
});

describe('relayctl pub', () => {
    it('publishes what other libraries verify', async () => {
        const person = new Person(), tag = word();
        const { out } = await good(['pub', '--tag', `t=${tag}`, '--tag', 'r=a=b', 'Grüße "you"\n\\'], keyed(person));
        const [, id] = out.match(/^accepted ([0-9a-f]{64})\n$/);
        const { events: [event] } = await client.query({ '#t': [tag] });
        assert.equal(event.id, id);
        assert.equal(event.pubkey, person.pubkey);
        assert.equal(event.content, 'Grüße "you"\n\\');
        assert.deepEqual(event.tags, [['t', tag], ['r', 'a=b']]);
        assert.ok(verifyEvent(event));
    });

    it('takes kind and content from where it is told, and prints instead of publishing', async () => {
        const run = await good(['pub', '-', '--kind', '30023', '--tag', 'd=', '--print'], { ...keyed(new Person()), input: 'one\ntwo\n' });
        const [event] = events(run);
        assert.equal(event.kind, 30023);
        assert.equal(event.content, 'one\ntwo');
        assert.deepEqual(event.tags, [['d', '']]);
        assert.ok(verifyEvent(event));
        assert.deepEqual(await client.ids({ ids: [event.id] }), []);
    });

    it('works for its proof', async () => {
        const [event] = events(await good(['pub', '--pow', '14', '--print', 'worth it'], keyed(new Person())));
        assert.ok(verifyEvent(event));
        assert.equal(Number.parseInt(event.id.slice(0, 4), 16) >> 2, 0);
        assert.equal(event.tags[0][0], 'nonce');
        assert.equal(event.tags[0][2], '14');
    });

    it('a refusal is printed, with status 1', async () => {
        const { status, out } = await relayctl(['pub', '--kind', '22242', 'x'], keyed(new Person()));
        assert.equal(status, 1);
        assert.match(out, /^refused [0-9a-f]{64} invalid: /);
    });

    it('authenticates when a protected event asks for it (NIP-70, NIP-42)', async () => {
        for (const more of [[], ['--auth']]) {
            const { out } = await good(['pub', '--tag', '-', ...more, 'mine'], keyed(new Person()));
            assert.match(out, /^accepted /);
        }
    });

    it('content that is no text is refused here', async () => {
        const { status, err } = await relayctl(['pub', '-'], { ...keyed(new Person()), input: Buffer.from([0x61, 0xff]) });
        assert.equal(status, 1);
        assert.match(err, /not valid UTF-8/);
    });
});

describe('relayctl req and count', () => {
    let person, tag, notes;
    before(async () => {
        person = new Person();
        tag = word();
        notes = [];
        for (let i = 0; i < 5; i++) notes.push(await client.accept(person.note(`note ${i}`, { created_at: now() - i, tags: [['t', tag]] })));
    });

    it('prints what matches, newest first, and ends', async () => {
        const run = await good(['req', JSON.stringify({ '#t': [tag] })]);
        assert.deepEqual(events(run), notes.map((n) => ({ ...n })));
    });

    it('--limit goes before the filter\'s own; several filters are one question', async () => {
        const run = await good(['req', '--limit', '2', JSON.stringify({ limit: 4, '#t': [tag] })]);
        assert.deepEqual(events(run).map((e) => e.id), notes.slice(0, 2).map((n) => n.id));
        const two = await good(['req', JSON.stringify({ ids: [notes[4].id] }), JSON.stringify({ ids: [notes[1].id] })]);
        assert.deepEqual(events(two).map((e) => e.id), [notes[1].id, notes[4].id]);
        assert.ok(events(await good(['req', '--limit', '3'])).length === 3);
    });

    it('counts', async () => {
        assert.equal((await good(['count', JSON.stringify({ '#t': [tag] })])).out, '5\n');
        assert.equal((await good(['count', JSON.stringify({ '#t': [word()] })])).out, '0\n');
    });

    it('a refused filter is an error with the relay\'s words', async () => {
        for (const command of ['req', 'count']) {
            const { status, err } = await relayctl([command, '{"authors":["x"]}']);
            assert.equal(status, 1);
            assert.match(err, /invalid: .*authors/);
        }
    });

    it('private events come to those who have the key', async () => {
        const reader = new Person(), writer = new Person();
        const dm = await client.accept(writer.event({ kind: 4, content: 'psst', tags: [['p', reader.pubkey]] }));
        const filter = JSON.stringify({ kinds: [4], '#p': [reader.pubkey] });
        const stranger = await relayctl(['req', filter]);
        assert.equal(stranger.status, 1);
        assert.match(stranger.err, /auth-required: .*--key/);
        assert.deepEqual(events(await good(['req', filter], keyed(reader))).map((e) => e.id), [dm.id]);
        assert.equal((await good(['count', filter], keyed(reader))).out, '1\n');
        assert.deepEqual(events(await good(['req', '--auth', JSON.stringify({ ids: [dm.id] })], keyed(writer))).map((e) => e.id), [dm.id]);
        assert.deepEqual(events(await good(['req', JSON.stringify({ ids: [dm.id] })], keyed(writer))), []);
    });
});

describe('relayctl watch', () => {
    it('prints stored events, then live ones as they come, until Ctrl-C', async () => {
        const person = new Person(), tag = word();
        const stored = await client.accept(person.note('stored', { tags: [['t', tag]] }));
        const run = start(['watch', JSON.stringify({ '#t': [tag] })]);
        await until(() => lines(run.out).length === 1, { what: 'the stored event' });
        const live = await client.accept(person.note('live', { tags: [['t', tag]] }));
        await until(() => lines(run.out).length === 2, { what: 'the live event' });
        run.child.kill('SIGINT');
        assert.equal((await run.ended).status, 0);
        assert.deepEqual(events(run).map((e) => e.id), [stored.id, live.id]);
    });
});

describe('relayctl send', () => {
    it('publishes a file with many events in flight, and again without harm', async () => {
        const person = new Person(), tag = word(), file = join(dir, 'events.jsonl');
        const all = Array.from({ length: 1000 }, (_, i) => person.note(`event ${i}`, { tags: [['t', tag]] }));
        writeFileSync(file, `${all.map((e) => JSON.stringify(e)).join('\n')}\n\n`);
        assert.match((await good(['send', file])).out, /^1000 events in [\d.]+ s \(\d+\/s\): 1000 accepted, 0 already there, 0 refused\n$/);
        assert.equal((await good(['count', JSON.stringify({ '#t': [tag] })])).out, '1000\n');
        assert.match((await good(['send', '--window', '1', '-'], { input: all.slice(0, 20).map((e) => JSON.stringify(e)).join('\n') })).out, /^20 events .*: 0 accepted, 20 already there, 0 refused\n$/);
    });

    it('names the lines that did not go well, with status 1', async () => {
        const person = new Person(), fine = person.note('fine'), forged = { ...person.note('forged'), content: 'other' };
        const { status, out, err } = await relayctl(['send', '-'], { input: ['{', JSON.stringify(fine), JSON.stringify(forged), '{"id":1}'].join('\n') });
        assert.equal(status, 1);
        assert.match(out, /^2 events .*: 1 accepted, 0 already there, 1 refused\n2 lines hold no event/);
        assert.match(err, /^relayctl: line 1: /m);
        assert.match(err, /^relayctl: line 3: refused: invalid: /m);
        assert.match(err, /^relayctl: line 4: id must be/m);
    });

    it('sends each line when it comes, and ends on Ctrl-C', async () => {
        const person = new Person(), run = start(['send', '-']);
        for (const content of ['one', 'two']) {
            const event = person.note(content);
            run.child.stdin.write(`${JSON.stringify(event)}\n`);
            await until(async () => (await client.ids({ ids: [event.id] })).length === 1, { what: `${content} to be stored` });
        }
        run.child.kill('SIGINT');
        assert.equal((await run.ended).status, 0);
        assert.match(run.out, /^2 events .*: 2 accepted/);
    });

    it('authenticates for events that need it, and sends them again', async () => {
        const person = new Person();
        const input = Array.from({ length: 30 }, (_, i) => JSON.stringify(person.note(`protected ${i}`, { tags: i % 3 ? [['-']] : [] }))).join('\n');
        assert.match((await good(['send', '-'], { ...keyed(person), input })).out, /^30 events .*: 30 accepted/);
        const other = JSON.stringify(new Person().note('not ours', { tags: [['-']] }));
        const refused = await relayctl(['send', '-'], { ...keyed(person), input: other });
        assert.equal(refused.status, 1);
        assert.match(refused.err, /line 1: refused: (restricted|auth-required): /);
    });

    it('a file that is not there is named', async () => {
        const { status, err } = await relayctl(['send', join(dir, 'absent')]);
        assert.equal(status, 1);
        assert.match(err, /No such file/);
    });
});

describe('relayctl status', () => {
    const where = () => ['--handler', `http://127.0.0.1:${stack.handlerPort()}`, '--metrics', `http://127.0.0.1:${stack.metricsPort()}/metrics`];

    it('shows both services and their figures', async () => {
        const { out, err } = await good(['status', ...where()]);
        assert.equal(err, '');
        assert.match(out, /^front end +ready +http:/m);
        assert.match(out, /^event handler +ready +http:/m);
        assert.match(out, /^clients +[1-9]\d* connected, \d+ subscriptions, 0 slow$/m);
        assert.match(out, /^events +[1-9]\d* accepted, /m);
        assert.match(out, /^store +[1-9]\d* is the newest seq, /m);
        assert.ok(!out.includes('?'), `a figure has no metric:\n${out}`);
    });

    it('tells which is away, with status 1', async () => {
        await stack.handlers[0].kill();
        const { status, out } = await relayctl(['status', ...where()]);
        assert.equal(status, 1);
        assert.match(out, /^event handler +unreachable/m);
        await stack.handlers[0].start();
    });
});

// A server that says these things to whoever connects, and what relayctl req then does.
async function serve(onSocket, args = ['req', '--timeout', '2'], options = {}) {
    const http = createServer((_, response) => response.writeHead(404).end('nothing\u001b[31m'));
    if (onSocket) new WebSocketServer({ server: http, maxPayload: 1 << 26 }).on('connection', (socket) => {
        socket.on('error', () => {});
        onSocket(socket);
    });
    await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
    try {
        return await relayctl(args, { relay: `ws://127.0.0.1:${http.address().port}/`, ...options });
    } finally {
        http.closeAllConnections();
        http.close();
    }
}

const say = (...messages) => (socket) => socket.on('message', () => messages.forEach((m) => socket.send(typeof m === 'string' ? m : JSON.stringify(m))));

describe('relayctl and relays that misbehave', () => {
    const eose = ['EOSE', 'relayctl'];

    it('bad events are not printed, and make the status 1', async () => {
        const note = new Person().note('true'), false_ = { ...note, content: 'false' };
        const { status, out, err } = await serve(say(['EVENT', 'relayctl', false_], ['EVENT', 'relayctl', { id: 7 }], ['EVENT', 'relayctl', note], ['EVENT', 'other', note], eose));
        assert.equal(status, 1);
        assert.deepEqual(lines(out).map((l) => JSON.parse(l)), [{ ...note }]);
        assert.equal(lines(err).filter((l) => /bad event/.test(l)).length, 2);
    });

    it('nothing that a relay says reaches the terminal as a control character', async () => {
        const note = new Person().note('\u009b31m\u007f');
        const { status, out, err } = await serve(say(['NOTICE', 'hello\u001b[31m\u0007\u009b2J\nrelayctl: lies'], ['EVENT', 'relayctl', note], eose));
        assert.equal(status, 0);
        assert.equal(err, 'relayctl: the relay says: hello\\u001b[31m\\u0007\\u009b2J\\u000arelayctl: lies\n');
        // eslint-disable-next-line no-control-regex
        assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
        assert.equal(JSON.parse(out).content, '\u009b31m\u007f');
    });

    it('malformed messages are passed over', async () => {
        const { status, err } = await serve(say('x', '[]', '{}', '["EVENT"]', '["EOSE",7]', '["OK","ab",true,""]', '["WHAT","is","this"]', '['.repeat(100000), eose));
        assert.equal(status, 0);
        assert.equal(lines(err).filter((l) => /malformed message/.test(l)).length, 7);
    });

    it('silence ends at the timeout, a goodbye with its reason', async () => {
        assert.match((await serve(() => {}, ['req', '--timeout', '1'])).err, /did not answer within 1 seconds/);
        const closed = await serve((socket) => socket.close(1012, 'back soon\u001b[0m'));
        assert.equal(closed.status, 1);
        assert.match(closed.err, /closed the connection with 1012: back soon\\u001b/);
        assert.match((await serve((socket) => socket.terminate())).err, /ended the connection|connection broke/);
    });

    it('what is too large, or in too many pieces, is not taken', async () => {
        assert.match((await serve((socket) => socket.send(`["NOTICE","${'x'.repeat(9 << 20)}"]`))).err, /above 8388608 bytes/);
        const pieces = await serve((socket) => {
            for (let i = 0; i < 3000; i++) socket.send('', { fin: false });
        });
        assert.match(pieces.err, /more than 1024 fragments/);
        const great = await serve(say(['NOTICE', 'x'.repeat(5 << 20)], eose));
        assert.equal(great.status, 0);
    });

    it('bytes that are no WebSocket frame, or no text, end it', async () => {
        assert.match((await serve((socket) => socket._socket.write(Buffer.from([0xf1, 0x01, 0x61])))).err, /broke the WebSocket protocol/);
        assert.match((await serve((socket) => socket.send(Buffer.from([0xff, 0xfe]), { binary: false }))).err, /broke the WebSocket protocol/);
        const { status } = await serve((socket) => {
            socket.send(Buffer.from('binary'));
            say(eose)(socket);
        });
        assert.equal(status, 0);
    });

    it('a flood of pings is answered and outlived', async () => {
        const { status } = await serve((socket) => {
            for (let i = 0; i < 20000; i++) socket.ping();
            say(eose)(socket);
        });
        assert.equal(status, 0);
    });

    it('messages in fragments, and pings between them, are put together', async () => {
        const { status, err } = await serve((socket) => socket.on('message', () => {
            socket.send('["NOTICE","in ', { fin: false });
            socket.ping();
            socket.send('three ', { fin: false });
            socket.send('parts"]', { fin: true });
            socket.send(JSON.stringify(eose));
        }));
        assert.equal(status, 0);
        assert.match(err, /in three parts/);
    });

    it('a web server that is no relay is told from one', async () => {
        const { status, err } = await serve(null);
        assert.equal(status, 1);
        assert.match(err, /HTTP status 404/);
        assert.match((await serve(null, ['info'])).err, /HTTP status 404/);
    });

    it('an AUTH that is refused ends the attempt', async () => {
        const { status, err } = await serve((socket) => {
            socket.send('["AUTH","challenge"]');
            socket.on('message', (data) => {
                const [verb, what] = JSON.parse(data);
                socket.send(JSON.stringify(verb === 'AUTH' ? ['OK', what.id, false, 'restricted: not you'] : ['CLOSED', 'relayctl', 'auth-required: who?']));
            });
        }, ['req'], keyed(new Person()));
        assert.equal(status, 1);
        assert.match(err, /refused to authenticate us: restricted: not you/);
    });
});

describe('relayctl over TLS', () => {
    it('wss:// with a certificate that is trusted, and not without', async () => {
        const cert = join(dir, 'cert.pem'), key = join(dir, 'tls.pem');
        execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
            '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
        const https = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) });
        const notes = Array.from({ length: 200 }, (_, i) => new Person().note(`${i}${'x'.repeat(20000)}`));
        new WebSocketServer({ server: https }).on('connection', say(...notes.map((n) => ['EVENT', 'relayctl', n]), ['EOSE', 'relayctl']));
        await new Promise((resolve) => https.listen(0, '127.0.0.1', resolve));
        const relay = `wss://localhost:${https.address().port}`;
        try {
            const run = await good(['req', '--ca', cert], { relay });
            assert.equal(events(run).length, notes.length);
            const untrusted = await relayctl(['req'], { relay });
            assert.equal(untrusted.status, 1);
            assert.match(untrusted.err, /certificate/i);
        } finally {
            https.closeAllConnections();
            https.close();
            await sleep(0);
        }
    });
});
