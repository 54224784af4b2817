// NIP-86 over the public port: what the front end lets through, wraps up and answers, on each of two front ends.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { RPC, authorization } from './lib/manage.mjs';
import { Person, word } from './lib/events.mjs';

const admin = new Person();
let stack;
before(async () => {
    stack = await startStack({ frontEnds: 2, eventHandlers: 2, env: { INTERNAL_TOKEN: 'a-token-for-tests', ADMIN_PUBKEY: admin.pubkey, WS_HANDSHAKE_SECONDS: '1' } });
});
after(() => stack.stop());

// A signed call to a front end; anything may be overridden.
const call = async (method, params = [], { front = 0, who = admin, body = JSON.stringify({ method, params }), signed = body, headers = {}, url = stack.http(front) } = {}) => {
    const res = await fetch(stack.http(front), { method: 'POST', headers: { 'Content-Type': RPC, ...(who && { Authorization: authorization(who, signed, { url, content: word() }) }), ...headers }, body });
    return { status: res.status, headers: res.headers, body: await res.json() };
};
const cors = (headers) => ['origin', 'headers', 'methods'].every((h) => headers.get(`access-control-allow-${h}`));
// Bytes as they are; resolves to all that comes until the end.
const raw = (text, { front = 0, ms = 5000 } = {}) => new Promise((resolve, reject) => {
    const socket = net.connect(stack.port(front), '127.0.0.1', () => socket.write(text));
    let got = '';
    socket.on('data', (d) => (got += d));
    socket.on('close', () => resolve(got));
    socket.on('error', reject);
    setTimeout(() => (socket.destroy(), reject(new Error(`no end within ${ms} ms: ${got}`))), ms).unref();
});
const head = (...lines) => [`POST / HTTP/1.1`, 'Host: x', `Content-Type: ${RPC}`, ...lines, '', ''].join('\r\n');

describe('a management request', () => {
    it('is answered by each front end, with its type and CORS', async () => {
        for (const front of [0, 1]) {
            const { status, headers, body } = await call('supportedmethods', [], { front });
            assert.equal(status, 200);
            assert.equal(headers.get('content-type'), RPC);
            assert.ok(cors(headers));
            assert.ok(body.result.includes('banpubkey'));
        }
    });

    it('may name a charset, carry UTF-8, and call the relay by ws or without a slash', async () => {
        assert.equal((await call('whoami', [], { headers: { 'Content-Type': `${RPC}; charset=utf-8` } })).status, 200);
        for (const url of [stack.url(0), stack.http(0).slice(0, -1)]) assert.equal((await call('whoami', [], { url })).status, 200, url);
        assert.equal((await call('banpubkey', [new Person().pubkey, 'Grüße, "quoted"\n🍎'])).body.result, true);
    });

    it('needs a signature of its own, of an admin', async () => {
        const nobody = await call('whoami', [], { who: null });
        assert.equal(nobody.status, 401);
        assert.equal(nobody.headers.get('www-authenticate'), 'Nostr');
        assert.ok(cors(nobody.headers) && nobody.body.error);
        for (const Authorization of ['Bearer a-token-for-tests', 'Nostr e30=', 'Nostr', 'Basic x']) assert.equal((await call('whoami', [], { headers: { Authorization } })).status, 401, Authorization);
        assert.equal((await call('whoami', [], { signed: '{}' })).status, 401);
        assert.equal((await call('whoami', [], { url: 'https://other.example/' })).status, 401);
        const stranger = await call('whoami', [], { who: new Person() });
        assert.equal(stranger.status, 403);
        assert.ok(stranger.body.error);
        const header = authorization(admin, '{"method":"whoami","params":[]}', { url: stack.http(0) });
        const again = { headers: { Authorization: header } };
        assert.deepEqual([(await call('whoami', [], again)).status, (await call('whoami', [], again)).status], [200, 401]);
    });

    it('of the wrong form is refused before or behind its body', async () => {
        const auth = `Authorization: ${authorization(admin, '{}')}`;
        assert.match(await raw(head(auth, 'Transfer-Encoding: chunked') + '2\r\n{}\r\n0\r\n\r\n'), /^HTTP\/1\.1 411 /);
        assert.match(await raw(head(auth)), /^HTTP\/1\.1 411 /);
        assert.match(await raw(head(auth, 'Content-Length: 65537')), /^HTTP\/1\.1 413 /);
        assert.match(await raw(head(auth, 'Content-Length: 2') + '"\xff'), /^HTTP\/1\.1 400 /);
        const get = await new Promise((resolve) => http.get(stack.http(0), { headers: { 'Content-Type': RPC } }, (res) => (res.resume(), resolve(res))));
        assert.equal(get.statusCode, 405);
        assert.match(get.headers.allow, /POST/);
        assert.equal((await fetch(stack.http(0), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })).status, 405);
        assert.equal((await fetch(`${stack.http(0)}other`, { method: 'POST', headers: { 'Content-Type': RPC }, body: '{}' })).status, 404);
        const unknown = await call('nosuchmethod');
        assert.equal(unknown.status, 200);
        assert.ok(unknown.body.error);
    });

    it('whose body is slow is let go by the handshake deadline', async () => {
        const began = Date.now();
        assert.equal(await raw(head(`Authorization: ${authorization(admin, '{}')}`, 'Content-Length: 2') + '{'), '');
        assert.ok(Date.now() - began < 4000);
    });

    it('is preceded by a preflight in browsers', async () => {
        const res = await fetch(stack.http(1), { method: 'OPTIONS', headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' } });
        assert.equal(res.status, 204);
        assert.match(res.headers.get('access-control-allow-headers'), /Authorization, Content-Type/);
        assert.match(res.headers.get('access-control-allow-methods'), /POST/);
    });

    it('is dropped with its client, and the front end goes on', async () => {
        for (const h of stack.handlers) h.signal('SIGSTOP');
        const body = JSON.stringify({ method: 'whoami', params: [] });
        const request = head(`Authorization: ${authorization(admin, body)}`, `Content-Length: ${body.length}`) + body;
        for (let i = 0; i < 40; i++) {
            const socket = net.connect(stack.port(0), '127.0.0.1', () => socket.write(request));
            socket.on('error', () => {});
            setTimeout(() => socket.destroy(), 300);
        }
        await sleep(800);
        for (const h of stack.handlers) h.signal('SIGCONT');
        await until(async () => (await call('whoami')).status === 200, { ms: 8000, what: 'an answer' });
    });

    it('leaves WebSocket clients alone', async () => {
        const c = await Client.open(stack.url(0)), p = new Person();
        assert.equal((await c.accept(p.note('hi'))).pubkey, p.pubkey);
        c.close();
    });
});
