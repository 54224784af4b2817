// NIP-11 and everything else that speaks HTTP on the public port.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client } from './lib/client.mjs';
import { Person, hex, now, word } from './lib/events.mjs';

const admin = new Person();
let stack, info;
before(async () => {
    stack = await startStack({
        env: { RELAY_NAME: 'Test "relay"', RELAY_DESCRIPTION: 'One\n\nTwo <b>', ADMIN_PUBKEY: admin.pubkey, CONTACT: 'mailto:op@example.com', RELAY_ICON: 'https://example.com/i.png',
            MAX_EVENT_TAGS: '20', MAX_CONTENT_LENGTH: '300', MAX_SUBSCRIPTIONS: '5', MAX_LIMIT: '30', DEFAULT_LIMIT: '10', MAX_FILTERS: '3', MAX_FILTER_VALUES: '10', MAX_MESSAGE_BYTES: '8192', MAX_EVENT_BYTES: '4096' },
    });
    info = await (await fetch(stack.http(), { headers: { Accept: 'application/nostr+json' } })).json();
});
after(() => stack.stop());

const request = (options) => new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: stack.port(), path: '/', ...options }, (res) => {
        let body = '';
        res.on('data', (d) => (body += d));
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body }));
    });
    req.on('error', reject);
    req.on('upgrade', (res, socket) => (socket.destroy(), resolve({ status: res.statusCode, headers: res.headers, body: '' })));
    req.end(options.body);
});

const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

describe('NIP-11', () => {
    it('describes the relay with the configured words, integer NIPs and true limits', () => {
        assert.equal(info.name, 'Test "relay"');
        assert.equal(info.description, 'One\n\nTwo <b>');
        assert.equal(info.pubkey, admin.pubkey);
        assert.equal(info.contact, 'mailto:op@example.com');
        assert.equal(info.icon, 'https://example.com/i.png');
        assert.ok(info.supported_nips.every(Number.isInteger));
        for (const nip of [1, 2, 4, 9, 11, 17, 40, 42, 45, 50, 59, 62, 67, 70]) assert.ok(info.supported_nips.includes(nip), `NIP ${nip}`);
        assert.match(info.software, /^https?:\/\//);
        assert.match(info.version, /^\d+\.\d+\.\d+/);
        const { limitation: l } = info;
        assert.deepEqual([l.max_message_length, l.max_subscriptions, l.max_limit, l.default_limit, l.max_event_tags, l.max_content_length, l.created_at_upper_limit, l.auth_required, l.payment_required],
            [8192, 5, 30, 10, 20, 300, 900, false, false]);
        assert.ok(l.max_subid_length <= 64);
    });

    it('has the CORS headers on GET, HEAD, OPTIONS and errors, also with a longer Accept list', async () => {
        const cors = (headers) => ['access-control-allow-origin', 'access-control-allow-headers', 'access-control-allow-methods'].every((h) => headers[h]);
        const Accept = 'text/html, application/nostr+json;q=0.9';
        const get = await request({ headers: { Accept } });
        assert.equal(get.status, 200);
        assert.match(get.headers['content-type'], /application\/nostr\+json/);
        assert.ok(cors(get.headers));
        const head = await request({ method: 'HEAD', headers: { Accept: 'application/nostr+json' } });
        assert.deepEqual([head.status, head.body, cors(head.headers)], [200, '', true]);
        const options = await request({ method: 'OPTIONS', headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' } });
        assert.ok([200, 204].includes(options.status) && cors(options.headers));
        assert.match(options.headers['access-control-allow-headers'], /Authorization/i);
        assert.ok(cors((await request({ path: '/missing', headers: { Accept: 'application/nostr+json' } })).headers));
    });

    it('enforces at n + 1 what it advertises, and allows n', async () => {
        const c = await Client.open(stack.url()), a = new Person();
        await c.accept(a.event({ tags: Array(20).fill(['t', 'x']) }));
        assert.match((await c.publish(a.event({ tags: Array(21).fill(['t', 'x']) }))).message, /^invalid: .*tags/);
        await c.accept(a.note('😀'.repeat(300)));
        assert.match((await c.publish(a.note('😀'.repeat(301)))).message, /^invalid: .*content/);
        assert.match((await c.publish(a.event({ tags: [['x', 'y'.repeat(4000)]], content: '' }))).message, /^invalid: /);
        for (let i = 0; i < 40; i++) await c.accept(a.event({ created_at: now() - i, content: word() }));
        assert.equal((await c.ids({ authors: [a.pubkey] })).length, 10, 'default_limit');
        assert.equal((await c.ids({ authors: [a.pubkey], limit: 1000 })).length, 30, 'max_limit');
        for (let i = 0; i < 5; i++) assert.ok((await c.req(`s${i}`, { limit: 0 })).eose);
        assert.match((await c.req('s5', { limit: 0 })).closed, /5/);
        assert.ok((await c.req('s0', { limit: 0 })).eose, 'replacing one is no new one');
        c.send(['CLOSE', 's1']);
        assert.ok((await c.req('s5', { limit: 0 })).eose);
        c.send(['CLOSE', 's5']);
        assert.match((await c.query({}, {}, {}, {})).closed, /^invalid: /);
        assert.match((await c.query({ authors: Array.from({ length: 11 }, () => hex()) })).closed, /^invalid: .*authors/);
        assert.ok((await c.query({ authors: Array.from({ length: 10 }, () => hex()) })).eose);
        c.close();
    });

    it('a message over max_message_length closes with 1009', async () => {
        const c = await Client.open(stack.url());
        c.send(JSON.stringify(['REQ', 'x', { search: 'a' }]).padEnd(8192, ' '));
        await c.settle();
        c.send(' '.repeat(8193));
        assert.equal((await c.waitClosed()).code, 1009);
    });
});

describe('HTTP', () => {
    it('/ is a page for browsers without external resources', async () => {
        const page = await request({ headers: { Accept: 'text/html' } });
        assert.equal(page.status, 200);
        assert.match(page.headers['content-type'], /text\/html/);
        assert.match(page.body, /Test &quot;relay&quot;|Test &#34;relay&#34;/);
        assert.ok(!page.body.includes('Two <b>'), 'settings are escaped');
        assert.ok(!/<(script|link|img|iframe)[^>]+(src|href)="https?:/.test(page.body.replaceAll('https://example.com/i.png', '')));
        assert.equal((await request({})).status, 200, 'no Accept at all');
    });

    it('/healthz and /readyz answer; /metrics only on its own port', async () => {
        assert.equal((await request({ path: '/healthz' })).status, 200);
        assert.equal((await request({ path: '/readyz' })).status, 200);
        assert.equal((await request({ path: '/metrics' })).status, 404);
        const metrics = await (await fetch(`http://127.0.0.1:${stack.metricsPort()}/metrics`)).text();
        assert.match(metrics, /^# TYPE tandem_\w+ (counter|gauge|histogram)$/m);
        const handler = await (await fetch(`http://127.0.0.1:${stack.handlerPort()}/metrics`)).text();
        assert.match(handler, /^# TYPE tandem_\w+ (counter|gauge|histogram)$/m);
    });

    it('upgrades on / with any query string, 404 on another path', async () => {
        assert.equal((await request({ headers: upgrade })).status, 101);
        assert.equal((await request({ headers: upgrade, path: '/?x=y' })).status, 101);
        assert.equal((await request({ headers: upgrade, path: '/other' })).status, 404);
        assert.equal((await request({ path: '/other' })).status, 404);
    });

    it('a bad upgrade gets 400 or 426 with a sentence; a wrong method 405', async () => {
        for (const [headers, status] of [[{ ...upgrade, 'Sec-WebSocket-Version': '8' }, 426], [{ ...upgrade, 'Sec-WebSocket-Key': 'short' }, 400], [{ ...upgrade, 'Sec-WebSocket-Key': undefined }, 400]]) {
            for (const h in headers) if (headers[h] === undefined) delete headers[h];
            const answer = await request({ headers });
            assert.equal(answer.status, status);
            assert.ok(answer.body.length > 10, 'a sentence');
            if (status === 426) assert.equal(answer.headers['sec-websocket-version'], '13');
        }
        for (const method of ['PUT', 'DELETE', 'PATCH']) assert.equal((await request({ method })).status, 405);
        assert.ok((await request({ method: 'PUT' })).headers.allow);
        assert.equal((await request({ method: 'POST', headers: upgrade })).status, 405);
    });

    it('garbage, an endless head and a silent client are turned away', async () => {
        const talk = (bytes) => new Promise((resolve) => {
            const s = net.connect(stack.port(), '127.0.0.1', () => s.write(bytes));
            let got = '';
            s.on('data', (d) => (got += d));
            s.on('close', () => resolve(got));
            s.on('error', () => resolve(got));
        });
        assert.match(await talk('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
        assert.match(await talk('GET / HTTP/1.1\r\nHost: x\r\nX: ' + 'y'.repeat(20000)), /^HTTP\/1\.1 4(00|31) /);
        assert.match(await talk('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + '\x00'.repeat(100) + '\r\n\r\n'), /^HTTP\/1\.1 400 /);
    });
});
