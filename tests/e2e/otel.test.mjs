// OpenTelemetry: traces that cross both services and metrics, in OTLP/HTTP with JSON, at a strict receiver.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { Client, until } from './lib/client.mjs';
import { Person } from './lib/events.mjs';
import { startStack } from './lib/stack.mjs';

const received = { traces: [], metrics: [], problems: [], posts: [] };
let collector, stack, refuse = null; // refuse(response): instead of taking what came

// What opentelemetry-proto's JSON mapping demands of a span; anything else is a problem.
function checkSpan(span) {
    const wrong = [];
    if (!/^[0-9a-f]{32}$/.test(span.traceId)) wrong.push('traceId');
    if (!/^[0-9a-f]{16}$/.test(span.spanId)) wrong.push('spanId');
    if ('parentSpanId' in span && !/^[0-9a-f]{16}$/.test(span.parentSpanId)) wrong.push('parentSpanId');
    for (const name of ['startTimeUnixNano', 'endTimeUnixNano']) {
        const away = Math.abs(Number(BigInt(span[name]) / 1000000n) - Date.now());
        if (typeof span[name] !== 'string' || away > 60000) wrong.push(name);
    }
    if (BigInt(span.endTimeUnixNano) < BigInt(span.startTimeUnixNano)) wrong.push('ends before it starts');
    if (![1, 2, 3].includes(span.kind) || typeof span.name !== 'string') wrong.push('kind or name');
    for (const a of span.attributes) if (typeof a.value.intValue !== 'string') wrong.push('attribute');
    return wrong.map((w) => `${w}: ${JSON.stringify(span)}`);
}

function take(path, headers, text) {
    if (headers['content-type'] !== 'application/json') received.problems.push(`content type of ${path}`);
    if (headers['x-api-key'] !== 'k1') received.problems.push(`header of ${path}`);
    const body = JSON.parse(text);
    const [resource] = body.resourceSpans ?? body.resourceMetrics;
    const about = (key) => resource.resource.attributes.find((a) => a.key === key).value.stringValue;
    const service = about('service.name');
    // Replicas of a service must be told apart, or their counters look like one that jumps.
    if (!/^.+:[1-9][0-9]*$/.test(about('service.instance.id'))) received.problems.push(`instance of ${service}`);
    if (path === '/v1/traces') {
        for (const span of resource.scopeSpans[0].spans) {
            received.problems.push(...checkSpan(span));
            received.traces.push({ service, ...span });
        }
    } else if (path === '/v1/metrics') {
        received.metrics.push({ service, at: Date.now(), metrics: resource.scopeMetrics[0].metrics });
    } else {
        received.problems.push(`path ${path}`);
    }
}

before(async () => {
    collector = createServer((req, res) => {
        let text = '';
        req.on('data', (d) => { text += d; }).on('end', () => {
            received.posts.push(req.url);
            if (refuse) return refuse(res);
            try { take(req.url, req.headers, text); } catch (e) { received.problems.push(String(e)); }
            res.end('{}');
        });
    });
    await new Promise((ok) => collector.listen(0, '127.0.0.1', ok));
    stack = await startStack({ env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}`,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=k1', OTEL_TRACES_SAMPLER_ARG: '1', OTEL_METRIC_EXPORT_INTERVAL: '1000' } });
});
after(async () => { await stack?.stop(); collector?.close(); });

const eventually = async (what, check, ms = 15000) => {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) if (check()) return;
    assert.fail(`${what}; problems: ${received.problems.join(', ')}`);
};

test('one trace holds the front end\'s and the event handler\'s part of an EVENT and of a REQ', async () => {
    const client = await Client.open(stack.url());
    const person = new Person();
    await client.accept(person.note('traced'));
    assert.equal((await client.ids({ authors: [person.pubkey] })).length, 1);
    await client.close();
    const both = (outer, inner) => received.traces.some((a) => a.service === 'websocket-handler' && a.name === outer &&
        received.traces.some((b) => b.service === 'event-handler' && b.name === inner && b.traceId === a.traceId && b.parentSpanId === a.spanId));
    await eventually('no trace of an EVENT across both', () => both('send events', '/v1/events'));
    await eventually('no trace of a REQ across both', () => both('REQ', '/v1/query'));
});

test('metrics of both services arrive under the names of /metrics', async () => {
    const has = (service, name) => received.metrics.some((m) => m.service === service && m.metrics.some((x) => x.name === name));
    await eventually('metrics', () => has('websocket-handler', 'tandem_ws_connections') && has('event-handler', 'tandem_eh_events_total'));
    // As often as the setting says, which is more often than spans are sent.
    const times = () => received.metrics.filter((m) => m.service === 'event-handler').map((m) => m.at);
    await eventually('four metric exports', () => times().length >= 4);
    const last = times().slice(-4);
    assert.ok(last[3] - last[0] < 4500, `three intervals of a second took ${last[3] - last[0]} ms`);
    assert.deepEqual(received.problems, []);
});

test('the event handler\'s part says how it was answered, and that it failed when it did', async () => {
    const trace = (n) => `${n}bf92f3577b34da6a3ce929d0e0e473`;
    const ask = (n, query) => fetch(`http://127.0.0.1:${stack.handlerPort()}/v1/feed?${query}`,
        { headers: { traceparent: `00-${trace(n)}-00f067aa0ba902b7-01` } }).then((r) => r.status);
    assert.equal(await ask(10, 'after=x'), 400);
    await stack.postgres.stop();
    assert.equal(await ask(20, 'after=0'), 503);
    await stack.postgres.start();
    await until(async () => await ask(30, 'after=0') === 200 && (await fetch(`http://127.0.0.1:${stack.port()}/readyz`)).status === 200,
        { ms: 20000, what: 'the database to be back' });
    const told = (n, code, status) => received.traces.some((s) => s.traceId === trace(n) && s.status?.code === status &&
        s.attributes.some((a) => a.key === 'http.response.status_code' && a.value.intValue === String(code)));
    await eventually('a refused request', () => told(10, 400, undefined));
    await eventually('a failed request', () => told(20, 503, 2));
});

test('a collector that has too much to do is left alone for as long as it asks, and gets the spans afterwards', async () => {
    refuse = (res) => { res.writeHead(503, { 'Retry-After': '8', 'Content-Type': 'application/json' }).end('{"code":14,"message":"too much to do"}'); };
    const client = await Client.open(stack.url());
    const person = new Person(), before = received.traces.length, from = received.posts.length;
    await eventually('a refusal', () => received.posts.length >= from + 2);
    for (let i = 0; i < 20; i++) await client.accept(person.note(`while it is busy ${i}`));
    await client.close();
    await new Promise((r) => setTimeout(r, 5500));
    assert.ok(received.posts.length - from <= 4, `${received.posts.length - from} requests while it wanted none`);
    assert.equal(received.traces.length, before);
    refuse = null;
    await eventually('the spans', () => received.traces.slice(before).filter((s) => s.name === 'send events').length >= 20, 20000);
    assert.match(stack.fronts[0].log(), /the collector took nothing.*status=503.*too much to do/);
});

test('a collector that goes away holds nobody up', async () => {
    collector.close();
    collector.closeAllConnections?.();
    const client = await Client.open(stack.url());
    const person = new Person();
    for (let i = 0; i < 20; i++) await client.accept(person.note(`without a collector ${i}`));
    await client.close();
});
