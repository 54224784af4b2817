// Keys and signed events. Keys are fresh for each call, so tests on one relay do not meet each other's events.
import { createHash, randomBytes } from 'node:crypto';
import { finalizeEvent, generateSecretKey, getPublicKey } from 'nostr-tools/pure';
import { schnorr } from '@noble/curves/secp256k1';

export const now = () => Math.floor(Date.now() / 1000);

export class Person {
    constructor() {
        this.secret = generateSecretKey();
        this.pubkey = getPublicKey(this.secret);
    }

    event(template = {}) {
        const { id, pubkey, created_at, kind, tags, content, sig } = finalizeEvent({ kind: 1, created_at: now(), tags: [], content: 'hello', ...template }, this.secret);
        return { id, pubkey, created_at, kind, tags, content, sig }; // without the library's own mark
    }

    note(content, template = {}) {
        return this.event({ content, ...template });
    }

    auth(challenge, relay, template = {}) {
        return this.event({ kind: 22242, content: '', tags: [['relay', relay], ['challenge', challenge]], ...template });
    }

    // Signs whatever it is given over a preimage of the caller's making: for events that a library would refuse to make.
    sign(fields, preimage) {
        const event = { pubkey: this.pubkey, created_at: now(), kind: 1, tags: [], content: '', ...fields };
        const text = preimage ?? JSON.stringify([0, event.pubkey, event.created_at, event.kind, event.tags, event.content]);
        const id = createHash('sha256').update(text).digest();
        return { ...event, id: id.toString('hex'), sig: Buffer.from(schnorr.sign(id, this.secret)).toString('hex') };
    }
}

export const hex = (n = 32) => randomBytes(n).toString('hex');
export const word = () => `w${hex(6)}`;
