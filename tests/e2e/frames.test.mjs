// RFC 6455 on raw sockets: fragmentation, control frames, close codes, hostile framing.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, word } from './lib/events.mjs';

let stack;
before(async () => {
    stack = await startStack({ env: { WS_PING_SECONDS: '1', WS_SILENCE_SECONDS: '4' } });
});
after(() => stack.stop());

const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

function frame(opcode, payload, { fin = true, masked = true, rsv = 0, announce } = {}) {
    const body = Buffer.from(payload), n = announce ?? body.length;
    const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
    const m = masked ? 0x80 : 0;
    if (n < 126) head.push(m | n);
    else if (n < 65536) head.push(m | 126, n >> 8, n & 255);
    else {
        const b = Buffer.alloc(8);
        b.writeBigUInt64BE(BigInt(n));
        head.push(m | 127, ...b);
    }
    if (!masked) return Buffer.concat([Buffer.from(head), body]);
    const key = [1, 2, 3, 4];
    return Buffer.concat([Buffer.from(head), Buffer.from(key), Buffer.from(body.map((b, i) => b ^ key[i % 4]))]);
}

class Raw {
    static async open({ path = '/', first = Buffer.alloc(0) } = {}) {
        const raw = new Raw();
        raw.buffer = Buffer.alloc(0);
        raw.frames = [];
        raw.ended = false;
        raw.socket = net.connect(stack.port(), '127.0.0.1');
        raw.socket.on('data', (d) => raw.take(d));
        raw.socket.on('close', () => (raw.ended = true));
        raw.socket.on('error', () => (raw.ended = true));
        const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
        raw.socket.write(Buffer.concat([Buffer.from(head), first]));
        await until(() => raw.head, { what: '101' });
        return raw;
    }

    take(data) {
        this.buffer = Buffer.concat([this.buffer, data]);
        if (!this.head) {
            const end = this.buffer.indexOf('\r\n\r\n');
            if (end < 0) return;
            this.head = this.buffer.subarray(0, end).toString();
            this.buffer = this.buffer.subarray(end + 4);
        }
        for (;;) {
            const b = this.buffer;
            if (b.length < 2) return;
            let n = b[1] & 127, at = 2;
            if (n === 126) (n = b.length >= 4 ? b.readUInt16BE(2) : Infinity), (at = 4);
            else if (n === 127) (n = b.length >= 10 ? Number(b.readBigUInt64BE(2)) : Infinity), (at = 10);
            if (b.length < at + n) return;
            this.frames.push({ opcode: b[0] & 15, fin: !!(b[0] & 128), masked: !!(b[1] & 128), payload: Buffer.from(b.subarray(at, at + n)) });
            this.buffer = b.subarray(at + n);
        }
    }

    send(...frames) {
        this.socket.write(Buffer.concat(frames));
    }

    texts() {
        return this.frames.filter((f) => f.opcode === TEXT).map((f) => JSON.parse(f.payload.toString()));
    }

    async answer(id) {
        await until(() => this.texts().some((m) => m[0] === 'EOSE' && m[1] === id), { what: `EOSE ${id}` });
    }

    // Waits for a close frame and the end of the connection; the close code.
    async closeCode() {
        await until(() => this.ended || this.frames.some((f) => f.opcode === CLOSE), { what: 'close frame' });
        const close = this.frames.find((f) => f.opcode === CLOSE);
        await until(() => this.ended, { what: 'end of connection' });
        return close?.payload.length >= 2 ? close.payload.readUInt16BE(0) : null;
    }
}

const REQ = (id) => `["REQ","${id}",{"limit":0}]`;

describe('RFC 6455', () => {
    it('the upgrade answers with the right accept key, and bytes sent right behind the head are not lost', async () => {
        const raw = await Raw.open({ first: frame(TEXT, REQ('early')) });
        assert.match(raw.head, /^HTTP\/1\.1 101 /);
        assert.match(raw.head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
        assert.ok(!/sec-websocket-extensions/i.test(raw.head));
        await raw.answer('early');
        assert.ok(raw.frames.every((f) => !f.masked && f.fin));
        raw.socket.destroy();
    });

    it('a message in many fragments, with a ping between them, byte by byte', async () => {
        const raw = await Raw.open(), text = REQ('pieces');
        const pieces = [...text].map((c, i) => frame(i === 0 ? TEXT : 0, c, { fin: i === text.length - 1 }));
        pieces.splice(5, 0, frame(PING, 'between'));
        for (const byte of Buffer.concat(pieces)) raw.socket.write(Buffer.from([byte]));
        await raw.answer('pieces');
        assert.equal(raw.frames.find((f) => f.opcode === PONG).payload.toString(), 'between');
        raw.socket.destroy();
    });

    it('several messages in one segment are all answered', async () => {
        const raw = await Raw.open();
        raw.send(...Array.from({ length: 50 }, (_, i) => frame(TEXT, REQ(`m${i}`))), ...Array.from({ length: 50 }, (_, i) => frame(TEXT, `["CLOSE","m${i}"]`)));
        await raw.answer('m49');
        raw.socket.destroy();
    });

    it('invalid UTF-8 closes with 1007, also across fragments', async () => {
        for (const frames of [[frame(TEXT, [0x22, 0xff, 0x22])], [frame(TEXT, [0xc3], { fin: false }), frame(0, [0x28])], [frame(TEXT, [0xed, 0xa0, 0x80])]]) {
            const raw = await Raw.open();
            raw.send(...frames);
            assert.equal(await raw.closeCode(), 1007);
        }
    });

    it('a character split over two fragments is fine', async () => {
        const raw = await Raw.open(), bytes = Buffer.from(REQ('é'));
        const cut = bytes.indexOf(0xc3) + 1;
        raw.send(frame(TEXT, bytes.subarray(0, cut), { fin: false }), frame(0, bytes.subarray(cut)));
        await raw.answer('é');
        raw.socket.destroy();
    });

    it('protocol errors close with 1002: unmasked, RSV bits, unknown opcode, fragmented or long control frames, stray continuation', async () => {
        for (const bad of [frame(TEXT, 'x', { masked: false }), frame(TEXT, 'x', { rsv: 4 }), frame(3, 'x'), frame(PING, 'x', { fin: false }), frame(PING, 'x'.repeat(126)), frame(0, 'x')]) {
            const raw = await Raw.open();
            raw.send(bad);
            assert.equal(await raw.closeCode(), 1002);
        }
    });

    it('an announced size over the limit closes with 1009 before they come; so does a sum of fragments', async () => {
        const raw = await Raw.open();
        raw.send(frame(TEXT, '[', { announce: 600 * 1024 }));
        assert.equal(await raw.closeCode(), 1009);
        const two = await Raw.open(), part = ' '.repeat(60000);
        for (let i = 0; i < 10; i++) two.send(frame(i ? 0 : TEXT, part, { fin: false }));
        assert.equal(await two.closeCode(), 1009);
    });

    it('a flood of empty fragments does not grow without bound', async () => {
        const raw = await Raw.open();
        raw.send(frame(TEXT, '', { fin: false }));
        const flood = Buffer.concat(Array(10000).fill(frame(0, '', { fin: false })));
        for (let i = 0; i < 20 && !raw.ended; i++) {
            raw.socket.write(flood);
            await sleep(5);
        }
        await until(() => raw.ended, { what: 'cut', ms: 10000 });
    });

    it('a close frame is echoed and the connection ends', async () => {
        const raw = await Raw.open();
        raw.send(frame(CLOSE, [0x03, 0xe8]));
        assert.equal(await raw.closeCode(), 1000);
    });

    it('binary messages are dropped with at most a NOTICE', async () => {
        const raw = await Raw.open();
        raw.send(frame(BINARY, [0, 1, 2, 255]), frame(TEXT, REQ('after')));
        await raw.answer('after');
        assert.ok(raw.texts().filter((m) => m[0] === 'NOTICE').length <= 1);
        raw.socket.destroy();
    });

    it('idle clients are pinged; a silent one is cut, one that answers or talks is kept', async () => {
        const [dead, alive] = [await Raw.open(), await Client.open(stack.url())];
        await until(() => dead.frames.some((f) => f.opcode === PING), { what: 'ping' });
        await until(() => dead.ended, { ms: 15000, what: 'cut' });
        assert.equal(alive.closed, null);
        alive.close();
    });

    it('connections that vanish mid-frame or mid-head are forgotten', async () => {
        for (let i = 0; i < 50; i++) {
            const s = net.connect(stack.port(), '127.0.0.1');
            s.on('error', () => {});
            s.write(i % 2 ? 'GET / HTTP/1.1\r\nHos' : 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\xfe');
            await sleep(2);
            s.destroy();
        }
        const c = await Client.open(stack.url());
        await c.accept(new Person().note(word()));
        c.close();
    });
});
