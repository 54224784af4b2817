// P6: a slow reader costs little memory, is cut when it falls too far behind on live events, and disturbs nobody.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack } from './lib/stack.mjs';
import { Client, sleep, until } from './lib/client.mjs';
import { Person, now } from './lib/events.mjs';

let stack, client;
before(async () => {
    stack = await startStack({ env: { WS_SEND_HARD_BYTES: String(2 * 1024 * 1024), WS_SEND_SOFT_BYTES: String(256 * 1024) } });
    client = await Client.open(stack.url());
});
after(() => stack.stop());

describe('slow readers', () => {
    it('an answer of many large events waits for its reader in bounded memory and arrives whole', async () => {
        const a = new Person(), start = now(), n = 600, content = 'x'.repeat(100_000);
        await client.acceptAll(Array.from({ length: n }, (_, i) => a.event({ created_at: start - i, content })), 20);
        const slow = await Client.open(stack.url());
        const before = { front: stack.rssKib('front', 0), handler: stack.rssKib('handler', 0) };
        slow.ws.pause();
        slow.send(['REQ', 'big', { authors: [a.pubkey], limit: 5000 }]);
        await sleep(1500);
        const grown = { front: stack.rssKib('front', 0) - before.front, handler: stack.rssKib('handler', 0) - before.handler };
        assert.ok(grown.front < 16 * 1024, `front end grew by ${grown.front} KiB`);
        assert.ok(grown.handler < 32 * 1024, `event handler grew by ${grown.handler} KiB`);
        const quick = await Client.open(stack.url());
        assert.equal((await quick.ids({ authors: [a.pubkey], limit: 3 })).length, 3, 'others are served meanwhile');
        const live = await client.accept(a.note('published meanwhile'));
        slow.ws.resume();
        await slow.find((m) => m[0] === 'EOSE' && m[1] === 'big', { ms: 30000 });
        await slow.live('big', live.id);
        assert.equal(slow.received('big').length, n + 1);
        slow.close();
        quick.close();
    });

    it('a live subscriber that does not read is cut; the others miss nothing', async () => {
        const a = new Person(), [slow, good] = [await Client.open(stack.url()), await Client.open(stack.url())];
        for (const c of [slow, good]) await c.req('live', { authors: [a.pubkey], limit: 0 });
        slow.ws.pause();
        const start = now(), n = 200, content = 'y'.repeat(100_000);
        await client.acceptAll(Array.from({ length: n }, (_, i) => a.event({ created_at: start - i, content })), 4);
        await until(() => good.received('live').length === n, { ms: 30000, what: 'all live events' });
        slow.ws.resume();
        await slow.waitClosed();
        assert.ok(slow.received('live').length < n);
        const metrics = await (await fetch(`http://127.0.0.1:${stack.metricsPort()}/metrics`)).text();
        assert.match(metrics, /slow"?\} [1-9]/);
        good.close();
    });
});
