// NIP-86 calls: signed ones (NIP-98) at a front end's public port, and signed or the operator's at an event handler.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

export const RPC = 'application/nostr+json+rpc';

// The Authorization header for a body; anything of the event may be overridden, and `encode` chooses the spelling of base64.
export function authorization(person, body, { url = 'https://relay.test/', method = 'POST', payload = createHash('sha256').update(body).digest('hex'), encode = 'base64', ...event } = {}) {
    const tags = [['u', url], ['method', method], ...(payload === null ? [] : [['payload', payload]])];
    return `Nostr ${Buffer.from(JSON.stringify(person.event({ kind: 27235, content: '', tags, ...event }))).toString(encode)}`;
}

// POST /v1/manage of one event handler. who: a Person, or null for the operator.
export class Manager {
    constructor(stack, who, { token = 'a-token-for-tests', handler = 0, url = 'https://relay.test/' } = {}) {
        Object.assign(this, { stack, who, token, handler, url });
    }

    async envelope(fields) {
        const res = await fetch(`http://127.0.0.1:${this.stack.handlerPort(this.handler)}/v1/manage`, { method: 'POST', headers: this.token && { Authorization: `Bearer ${this.token}` }, body: JSON.stringify({ url: this.url, http_method: 'POST', address: '192.0.2.1', ...fields }) });
        return { http: res.status, ...(res.status === 200 ? await res.json() : {}) };
    }

    async raw(method, ...params) {
        const body = JSON.stringify({ method, params });
        return this.envelope({ authorization: this.who && authorization(this.who, body, { url: this.url }), body });
    }

    // The result; throws what the relay calls an error.
    async call(method, ...params) {
        const answer = await this.raw(method, ...params);
        assert.equal(answer.http, 200);
        if (answer.status !== 200 || answer.body.error) throw new Error(`${answer.status} ${answer.body.error}`);
        return answer.body.result;
    }
}
