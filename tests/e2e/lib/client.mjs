// A raw Nostr client for tests: sends exact bytes, keeps every message in order, and waits with a deadline.
import WebSocket from 'ws';

const DEADLINE_MS = 8000;

export class Client {
    constructor(url, options = {}) {
        this.messages = []; // parsed JSON of every text frame, in order
        this.raw = [];
        this.cursor = 0; // next() reads from here
        this.waiters = [];
        this.closed = null; // {code, reason} once closed
        this.ws = new WebSocket(url, { perMessageDeflate: false, ...options });
        this.ws.on('message', (data, binary) => {
            const text = data.toString();
            this.raw.push(text);
            this.messages.push(binary ? { binary: data } : JSON.parse(text));
            this.wake();
        });
        this.ws.on('close', (code, reason) => {
            this.closed = { code, reason: reason.toString() };
            this.wake();
        });
        this.ws.on('error', (error) => {
            this.error = error;
            this.wake();
        });
    }

    static async open(url, options) {
        const client = new Client(url, options);
        await new Promise((resolve, reject) => {
            client.ws.once('open', resolve);
            client.ws.once('error', reject);
            client.ws.once('unexpected-response', (_, res) => reject(new Error(`HTTP ${res.statusCode}`)));
        });
        return client;
    }

    wake() {
        for (const waiter of this.waiters.splice(0)) waiter();
    }

    send(message) {
        this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
    }

    // The first message from `from` on for which match is true.
    async find(match, { from = 0, ms = DEADLINE_MS, what = match.toString() } = {}) {
        const until = Date.now() + ms;
        for (let i = from; ; ) {
            for (; i < this.messages.length; i++) if (match(this.messages[i])) return this.messages[i];
            if (this.closed) throw new Error(`closed with ${this.closed.code} while waiting for ${what}`);
            const left = until - Date.now();
            if (left <= 0) throw new Error(`no answer within ${ms} ms: ${what}; got ${JSON.stringify(this.messages.slice(from)).slice(0, 800)}`);
            await new Promise((resolve) => {
                const timer = setTimeout(resolve, left);
                this.waiters.push(() => (clearTimeout(timer), resolve()));
            });
        }
    }

    async waitClosed(ms = DEADLINE_MS) {
        const until = Date.now() + ms;
        while (!this.closed) {
            if (Date.now() > until) throw new Error(`still open after ${ms} ms`);
            await sleep(10);
        }
        return this.closed;
    }

    // Sends an EVENT and resolves to its OK: {ok, message}.
    async publish(event, ms) {
        const from = this.messages.length;
        this.send(['EVENT', event]);
        const reply = await this.find((m) => m[0] === 'OK' && m[1] === event.id, { from, ms, what: `OK for ${event.id}` });
        return { ok: reply[2], message: reply[3], reply };
    }

    // Publishes and insists on OK true.
    async accept(event) {
        const { ok, message } = await this.publish(event);
        if (ok !== true) throw new Error(`refused: ${message}`);
        return event;
    }

    // Publishes many with some in flight at a time; resolves when each has its OK, and insists on true.
    async acceptAll(events, inFlight = 64) {
        for (let i = 0; i < events.length; i += inFlight) await Promise.all(events.slice(i, i + inFlight).map((e) => this.accept(e)));
    }

    // Sends a REQ and resolves to {events, eose, closed} when EOSE or CLOSED has come. The subscription stays open.
    async req(id, ...filters) {
        const from = this.messages.length;
        this.send(['REQ', id, ...filters]);
        const end = await this.find((m) => (m[0] === 'EOSE' || m[0] === 'CLOSED') && m[1] === id, { from, what: `EOSE for ${id}` });
        const events = this.messages.slice(from, this.messages.indexOf(end, from)).filter((m) => m[0] === 'EVENT' && m[1] === id);
        return { events: events.map((m) => m[2]), eose: end[0] === 'EOSE' ? end : null, closed: end[0] === 'CLOSED' ? end[2] : null };
    }

    // Stored events only: REQ, wait, CLOSE.
    async query(...filters) {
        const id = `q${(this.queries = (this.queries ?? 0) + 1)}`;
        const answer = await this.req(id, ...filters);
        if (answer.eose) this.send(['CLOSE', id]);
        return answer;
    }

    async ids(...filters) {
        const answer = await this.query(...filters);
        if (answer.closed) throw new Error(`CLOSED: ${answer.closed}`);
        return answer.events.map((e) => e.id);
    }

    async count(...filters) {
        const id = `c${(this.queries = (this.queries ?? 0) + 1)}`;
        const from = this.messages.length;
        this.send(['COUNT', id, ...filters]);
        const reply = await this.find((m) => (m[0] === 'COUNT' || m[0] === 'CLOSED') && m[1] === id, { from, what: `COUNT ${id}` });
        return reply[0] === 'COUNT' ? reply[2] : { closed: reply[2] };
    }

    // The next live EVENT of a subscription, from `from` on.
    async live(id, eventId, { from = 0, ms } = {}) {
        return (await this.find((m) => m[0] === 'EVENT' && m[1] === id && (!eventId || m[2].id === eventId), { from, ms, what: `live ${eventId ?? 'event'} on ${id}` }))[2];
    }

    received(id) {
        return this.messages.filter((m) => m[0] === 'EVENT' && m[1] === id).map((m) => m[2]);
    }

    async challenge() {
        return (await this.find((m) => m[0] === 'AUTH', { what: 'AUTH challenge' }))[1];
    }

    // Everything the relay was going to say because of earlier messages has been said once this resolves.
    async settle() {
        await this.req(`settle${Math.random()}`, { ids: ['0'.repeat(64)], limit: 0 });
    }

    close() {
        this.ws.close();
    }

    kill() {
        this.ws.terminate();
    }
}

export function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

// Polls until probe returns something truthy.
export async function until(probe, { ms = DEADLINE_MS, what = probe.toString() } = {}) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await probe();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
        await sleep(20);
    }
}
