// Clients that mean no good, in a thread of their own (the test beside them measures how others fare). Everything they send follows from the seed.
//
// workerData: {seed, seconds, host, ports: {front, handler, metrics}, attackers, addresses}; the answer is one message {attack: number of runs}.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { seed, seconds, ports, attackers, addresses } = workerData;
const endsAt = Date.now() + seconds * 1000;
const over = () => Date.now() >= endsAt;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- chance ----

function chance(start) { // mulberry32
    let a = start >>> 0;
    const next = () => {
        a = (a + 0x6d2b79f5) >>> 0;
        let t = Math.imul(a ^ (a >>> 15), a | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const below = (n) => Math.floor(next() * n);
    return {
        below,
        between: (least, most) => least + below(most - least + 1),
        of: (list) => list[below(list.length)],
        bytes: (n) => Buffer.from(Array.from({ length: n }, () => below(256))),
        hex: (n) => Array.from({ length: n * 2 }, () => below(16).toString(16)).join(''),
    };
}

// ---- the other end's port ----

let number = 0;
const nextAddress = () => `127.0.2.${1 + (number++ % addresses)}`;

// Resolves when connected; a refusal is an answer like any other, and leaves a socket that swallows what it is given.
const connect = (port) => new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: nextAddress() });
    socket.received = 0;
    socket.on('data', (d) => (socket.received += d.length));
    socket.on('error', () => {});
    socket.once('connect', () => resolve(socket));
    socket.once('close', () => resolve(socket));
});

async function upgraded() {
    const socket = await connect(ports.front);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    return socket;
}

// Writes, waiting while the other end reads nothing, but not for ever.
async function say(socket, bytes) {
    if (socket.destroyed || socket.write(bytes)) return;
    await Promise.race([new Promise((resolve) => ['drain', 'close'].forEach((what) => socket.once(what, resolve))), sleep(500)]);
}

// Leaves after a moment, politely or not.
async function part(r, socket) {
    await sleep(r.below(100));
    if (r.below(3) === 0) socket.resetAndDestroy();
    else socket.destroy();
}

const TEXT = 1, PING = 9;

function frame(payload, { opcode = TEXT, fin = true, rsv = 0, masked = true, announce } = {}) {
    const body = Buffer.from(payload), n = announce ?? body.length, m = masked ? 0x80 : 0;
    const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
    if (n < 126) head.push(m | n);
    else if (n < 65536) head.push(m | 126, n >> 8, n & 255);
    else {
        const b = Buffer.alloc(8);
        b.writeBigUInt64BE(BigInt(n));
        head.push(m | 127, ...b);
    }
    return Buffer.concat([Buffer.from(head), masked ? Buffer.alloc(4) : Buffer.alloc(0), body]); // a mask of zeros leaves the payload as it is
}

// ---- what they say ----

// Well-formed, with the id that belongs to it: only the signature is wrong, which is dear to find out.
function forged(r, content) {
    const event = { pubkey: r.hex(32), created_at: Math.floor(Date.now() / 1000), kind: r.of([0, 1, 5, 7, 1059, 20001, 30023]), tags: [['t', r.hex(2)], ['d', '']], content };
    const id = createHash('sha256').update(JSON.stringify([0, event.pubkey, event.created_at, event.kind, event.tags, event.content])).digest('hex');
    return { id, ...event, sig: r.hex(64) };
}

const words = (r) => r.of([
    ['REQ', 's', { kinds: [1], limit: 5 }], ['REQ', 's', { '#t': [r.hex(2)], since: r.below(2 ** 31) }, { search: r.hex(3) }], ['CLOSE', 's'],
    ['COUNT', 'c', { authors: [r.hex(32)] }], ['AUTH', forged(r, '')], ['EVENT', forged(r, r.hex(40))], ['NEG-OPEN', 'n', {}, '61'], ['ping'], 'ping', {}, [], [1], 7, null,
]);

function mutated(r, bytes) {
    const b = Buffer.from(bytes);
    for (let i = r.between(1, 8); i > 0 && b.length > 0; i--) b[r.below(b.length)] = r.of([r.below(256), 0x22, 0x5c, 0x5b, 0x7d, 0x2c, 0x00]);
    return r.below(4) ? b : b.subarray(0, r.below(b.length));
}

const badUtf8 = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xe2, 0x82], [0xff, 0xfe]].map(Buffer.from);

const heads = (r) => r.of([
    'GET / HTTP/1.1\r\n\r\n', 'GET /\r\n\r\n', `GET /${'a'.repeat(r.between(1, 70000))} HTTP/1.1\r\nHost: x\r\n\r\n`, `${r.hex(20)} / HTTP/9.9\r\n\r\n`,
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/nostr+json+rpc\r\nContent-Length: 99999999999999999999\r\n\r\n',
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/nostr+json+rpc\r\nAuthorization: Nostr ${r.hex(50)}\r\nContent-Length: 10\r\n\r\n${r.hex(5)}`,
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    `GET / HTTP/1.1\r\n${'X-A: b\r\n'.repeat(r.between(1, 3000))}\r\n`, `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: ${r.below(99)}\r\nSec-WebSocket-Key: ${r.hex(3)}\r\n\r\n`,
    'GET / HTTP/1.1\r\nHost: \0\r\n\r\n', 'OPTIONS * HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\r\n\r\n\r\n', ' ', '\0',
]);

// ---- attacks ----

const attacks = {
    async noise(r) {
        const socket = await connect(ports.front);
        await say(socket, r.bytes(r.between(1, 4000)));
        await part(r, socket);
    },
    async noiseInFrames(r) {
        const socket = await upgraded();
        for (let i = r.between(1, 20); i > 0; i--) await say(socket, r.below(2) ? r.bytes(r.between(1, 500)) : frame(r.bytes(r.between(0, 300)), { opcode: r.below(16), fin: !r.below(3), rsv: r.below(3) ? 0 : r.below(8) }));
        await part(r, socket);
    },
    async halfFrame(r) {
        const socket = await upgraded(), whole = frame(JSON.stringify(words(r)));
        await say(socket, whole.subarray(0, r.below(whole.length)));
        await part(r, socket);
    },
    async hugeFrame(r) {
        const socket = await upgraded();
        await say(socket, frame('["REQ"', { announce: r.of([2 ** 21 + 1, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]) }));
        await say(socket, Buffer.alloc(1 << 20, 0x61));
        await part(r, socket);
    },
    async longMessageInFragments(r) {
        const socket = await upgraded();
        await say(socket, frame('["', { fin: false }));
        for (let i = 0; i < 64; i++) await say(socket, frame(Buffer.alloc(65536, 0x61), { opcode: 0, fin: false }));
        await part(r, socket);
    },
    async controlFrames(r) {
        const socket = await upgraded();
        await say(socket, r.of([
            frame('x', { opcode: PING, fin: false }), frame(Buffer.alloc(126), { opcode: PING }), frame('x', { opcode: 0 }), frame('x', { opcode: 8 }), frame([0x03, 0xe7], { opcode: 8 }),
            Buffer.concat([frame('a', { fin: false }), frame('b')]), frame('["CLOSE","x"]', { masked: false }), frame('x', { rsv: 4 }), Buffer.concat(Array(2000).fill(frame('ping', { opcode: PING }))),
        ]));
        await part(r, socket);
    },
    async badUtf8(r) {
        const socket = await upgraded(), text = Buffer.concat([Buffer.from('["REQ","'), r.of(badUtf8), Buffer.from('",{}]')]), cut = r.below(text.length);
        await say(socket, Buffer.concat([frame(text.subarray(0, cut), { fin: false }), frame(text.subarray(cut), { opcode: 0 })]));
        await part(r, socket);
    },
    async deepJson(r) {
        const socket = await upgraded(), depth = r.between(100, 200000), [open, close] = r.of([['[', ']'], ['{"a":', '}']]);
        const nested = open.repeat(depth) + (r.below(2) ? close.repeat(depth) : '');
        await say(socket, frame(r.of([nested, `["REQ","x",${nested}`, `["EVENT",{"tags":${nested}`, `["EVENT",{"x":${nested},"id":1}]`])));
        await part(r, socket);
    },
    async giantFilters(r) {
        const socket = await upgraded(), start = r.below(60000);
        const kinds = Array.from({ length: 2000 }, (_, i) => (start + i) % 65536);
        const filters = Array.from({ length: 100 }, (_, i) => ({ kinds: i % 2 ? kinds : [...kinds].reverse(), limit: 1 + i }));
        await say(socket, frame(JSON.stringify([r.of(['REQ', 'COUNT']), 'giant', ...filters])));
        const values = Array.from({ length: 2000 }, () => r.hex(32));
        await say(socket, frame(JSON.stringify([r.of(['REQ', 'COUNT']), 'wide', { authors: values, '#e': values, limit: 5000 }, { ids: values }, { '#p': values, kinds }])));
        await sleep(200);
        await part(r, socket);
    },
    async sameSubscription(r) {
        const socket = await upgraded(), id = r.hex(4), turns = [];
        for (let i = 0; i < 2000; i++) turns.push(frame(JSON.stringify(['REQ', id, { kinds: [r.below(9)], limit: r.below(50) }])), ...(r.below(2) ? [frame(JSON.stringify(['CLOSE', id]))] : []));
        await say(socket, Buffer.concat(turns));
        await sleep(200);
        await part(r, socket);
    },
    async manySubscriptions(r) {
        const socket = await upgraded();
        for (let i = 0; i < 500; i++) await say(socket, frame(JSON.stringify(['REQ', `${i}`, { '#t': [r.hex(1)], limit: 3 }])));
        await part(r, socket);
    },
    async counts(r) {
        const socket = await upgraded();
        for (let i = 0; i < 50; i++) await say(socket, frame(JSON.stringify(['COUNT', `${i}`, r.of([{}, { kinds: [1, 7] }, { '#t': [r.hex(1)] }, { search: 'a' }, { authors: [r.hex(32)], since: 0 }])])));
        await part(r, socket);
    },
    async auth(r) {
        const socket = await upgraded();
        for (let i = 0; i < 30; i++) {
            const event = { ...forged(r, ''), kind: 22242, tags: [['relay', 'wss://x'], ['challenge', r.hex(16)]] };
            await say(socket, frame(JSON.stringify(['AUTH', r.of([event, { ...event, sig: 7 }, r.hex(100), null, [event], { ...event, tags: [['challenge']] }])])));
        }
        await part(r, socket);
    },
    async forgeries(r) {
        const socket = await upgraded();
        for (let i = 0; i < 200; i++) await say(socket, frame(JSON.stringify(['EVENT', forged(r, 'x'.repeat(r.of([0, 10, 1000])))])));
        await sleep(200);
        await part(r, socket);
    },
    async mutations(r) {
        const socket = await upgraded();
        for (let i = 0; i < 100; i++) await say(socket, frame(mutated(r, JSON.stringify(words(r)))));
        await part(r, socket);
    },
    async deaf(r) { // asks for everything, and reads nothing
        const socket = await upgraded();
        socket.pause();
        for (let i = 0; i < 50; i++) await say(socket, frame(JSON.stringify(['REQ', `${i}`, { limit: 5000 }])));
        await sleep(r.between(100, 1000));
        await part(r, socket);
    },
    async crowd(r) {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => (r.below(2) ? connect(ports.front) : upgraded())));
        for (const socket of sockets) r.below(2) ? socket.resetAndDestroy() : socket.destroy();
    },
    async http(r) {
        const socket = await connect(r.of([ports.front, ports.handler, ports.metrics]));
        for (let i = r.between(1, 3); i > 0; i--) await say(socket, r.below(3) ? heads(r) : mutated(r, heads(r)));
        await part(r, socket);
    },
    async internalApi(r) {
        const socket = await connect(ports.handler), event = Buffer.from(JSON.stringify(forged(r, '')));
        const record = Buffer.concat([Buffer.alloc(4), Buffer.from([0, 9]), Buffer.from('192.0.2.1'), event]);
        record.writeUInt32BE(r.below(4) ? record.length - 4 : r.below(2 ** 32));
        const query = JSON.stringify({ filters: [{ kinds: [1] }], readers: [r.hex(32)], min_seq: r.below(2 ** 32) });
        const [method, path, body] = r.of([
            ['POST', '/v1/events', r.below(2) ? record : mutated(r, record)], ['POST', '/v1/events', r.bytes(r.below(3000))], ['POST', '/v1/query', r.below(2) ? mutated(r, query) : '['.repeat(100000)],
            ['POST', '/v1/count', mutated(r, query)], ['POST', '/v1/manage', mutated(r, '{"authorization":null,"url":"x","http_method":"POST","address":"1.2.3.4","body":"{}"}')],
            ['GET', `/v1/feed?after=${r.of(['-1', 'x', '99999999999999999999', '0'])}&limit=${r.of(['-1', '99999999999', 'a', '0'])}`, ''], ['GET', `/v1/access?pubkey=${r.hex(r.below(40))}`, ''], ['GET', `/v1/%00%ff${r.hex(5)}?${'&'.repeat(1000)}`, ''],
        ]);
        await say(socket, `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body) + (r.below(4) ? 0 : r.below(100))}\r\n\r\n`);
        await say(socket, body);
        await part(r, socket);
    },
};

// Slow loris: many that never finish what they began, a byte each second.
async function loris(r) {
    const beginnings = ['GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n'];
    const sockets = await Promise.all(Array.from({ length: 150 }, async (_, i) => {
        const socket = i % 3 ? await connect(r.of([ports.front, ports.front, ports.handler, ports.metrics])) : await upgraded();
        await say(socket, i % 3 ? r.of(beginnings) : frame('["REQ"', { announce: 5000 }));
        return socket;
    }));
    while (!over()) {
        for (const socket of sockets) await say(socket, 'a');
        await sleep(1000);
    }
    for (const socket of sockets) socket.destroy();
    return sockets.length;
}

const runs = Object.fromEntries(Object.keys(attacks).map((name) => [name, 0]));

async function attacker(r) {
    while (!over()) {
        const name = r.of(Object.keys(attacks));
        await attacks[name](r);
        runs[name]++;
    }
}

const done = await Promise.all([loris(chance(seed)), ...Array.from({ length: attackers }, (_, i) => attacker(chance(seed + 1 + i)))]);
parentPort.postMessage({ loris: done[0], ...runs });
