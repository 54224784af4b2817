// The real thing, privately: PostgreSQL and Redis of their own (tests/support/services.sh), any number of event handlers and front ends on free
// loopback ports, each of which a test may signal, kill and start again.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './client.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const services = join(root, 'tests/support/services.sh');

export const binary = (name) => join(process.env.TANDEM_BIN ?? join(root, 'build'), name);

// Below the range from which the system numbers outgoing connections, of which one could take the port before the service does.
const freePort = () => new Promise((resolve) => {
    const port = 20000 + Math.floor(Math.random() * 12000), server = net.createServer();
    server.once('error', () => resolve(freePort()));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
});

// What a service needs of our own environment: where programs are, and where sanitizers report.
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PATH|HOME|TMPDIR|(A|UB|T|L)SAN_OPTIONS)$/.test(name)));

class Service {
    constructor(name, env, port) {
        Object.assign(this, { name, env, port, output: '', exitCode: null });
    }

    async start({ ready = true } = {}) {
        this.exitCode = null;
        this.child = spawn(binary(this.name), [], { env: { ...inherited, ...this.env }, stdio: ['ignore', 'ignore', 'pipe'] });
        this.child.stderr.on('data', (d) => (this.output += d));
        this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve((this.exitCode = code ?? signal))));
        if (!ready) return this;
        await until(async () => {
            if (this.exitCode !== null) throw new Error(`${this.name} ended with ${this.exitCode}:\n${this.output.slice(-2000)}`);
            return (await fetch(`http://127.0.0.1:${this.port}/readyz`).then((r) => r.status, () => 0)) === 200;
        }, { ms: 20000, what: `${this.name} to be ready; its log:\n${this.output.slice(-2000)}` });
        return this;
    }

    signal(signal) {
        this.child.kill(signal);
    }

    async kill(signal = 'SIGKILL') {
        this.child.kill(signal);
        await this.exited;
    }

    // SIGTERM; resolves to the exit code.
    terminate() {
        this.child.kill('SIGTERM');
        return this.exited;
    }

    log() {
        return this.output;
    }
}

function dependency(dir, name) {
    const run = (...args) => execFileSync(services, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    return {
        async start() { run('start', dir, name); },
        async stop() { run('stop', dir, name); },
        async kill() { run('stop', dir, '--now', name); },
        async restart() { run('stop', dir, name); run('start', dir, name); },
    };
}

function readEnv(dir) {
    return Object.fromEntries(readFileSync(join(dir, 'env'), 'utf8').trim().split('\n').map((line) => {
        const [, name, value] = line.match(/^export (\w+)=(.*)$/);
        return [name, value];
    }));
}

export async function startStack({ frontEnds = 1, eventHandlers = 1, env = {} } = {}) {
    const dir = mkdtempSync(join(tmpdir(), 'tandem-e2e-'));
    const stack = { dir, handlers: [], fronts: [], extras: [] };
    execFileSync(services, ['start', dir], { stdio: ['ignore', 'ignore', 'inherit'] });
    const { TANDEM_PG_BIN: pgBin, ...own } = readEnv(dir);
    for (const name of Object.keys(own)) if (name.startsWith('TANDEM_')) delete own[name];
    stack.env = { ...own, LOG_LEVEL: 'info', WS_UNREADY_SECONDS: '0', WS_SHUTDOWN_SECONDS: '1', WOT_ENABLED: 'False', RATE_LIMITS: 'False', ...env };
    const handlerService = async (extra = {}) => {
        const port = await freePort();
        return new Service('event-handler', { ...stack.env, EVENT_HANDLER_HOST: '127.0.0.1', EVENT_HANDLER_PORT: String(port), ...extra }, port);
    };
    for (let i = 0; i < eventHandlers; i++) stack.handlers.push(await handlerService());
    const frontService = async (extra = {}) => {
        const port = await freePort(), metrics = await freePort();
        const front = new Service('websocket-handler', { ...stack.env, WS_HOST: '127.0.0.1', WS_PORT: String(port), METRICS_PORT: String(metrics),
            EVENT_HANDLER_SVC: stack.handlers.map((h) => `127.0.0.1:${h.port}`).join(','), EVENT_HANDLER_PORT: String(stack.handlers[0].port), ...extra }, port);
        return Object.assign(front, { metricsPort: metrics, url: `ws://127.0.0.1:${port}/` });
    };
    for (let i = 0; i < frontEnds; i++) stack.fronts.push(await frontService());

    stack.postgres = dependency(dir, 'postgres');
    stack.redis = dependency(dir, 'redis');
    stack.redis.cli = async (...args) => execFileSync('redis-cli', ['-h', '127.0.0.1', '-p', own.REDIS_PORT, ...args], { env: { ...process.env, REDISCLI_AUTH: own.REDIS_PASSWORD }, encoding: 'utf8' });
    stack.port = (i = 0) => stack.fronts[i].port;
    stack.url = (i = 0) => `ws://127.0.0.1:${stack.fronts[i].port}/`;
    stack.http = (i = 0) => `http://127.0.0.1:${stack.fronts[i].port}/`;
    stack.metricsPort = (i = 0) => stack.fronts[i].metricsPort;
    stack.handlerPort = (i = 0) => stack.handlers[i].port;
    const pgEnv = { ...process.env, PGPASSWORD: own.PGPASSWORD_WRITE, PGHOST: own.PGHOST_WRITE, PGPORT: own.PGPORT_WRITE, PGUSER: own.PGUSER_WRITE };
    stack.sql = async (text, database = own.PGDATABASE_WRITE) =>
        execFileSync(join(pgBin, 'psql'), ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', text], { env: pgEnv, encoding: 'utf8' }).trim();
    stack.dump = (database, ...options) => execFileSync(join(pgBin, 'pg_dump'), [...options, database], { env: pgEnv, maxBuffer: 1 << 28, encoding: 'utf8' });
    stack.load = (database, sql) => execFileSync(join(pgBin, 'psql'), ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', database], { env: pgEnv, input: sql, stdio: ['pipe', 'ignore', 'inherit'] });
    stack.dumpInto = (database) => stack.load(database, stack.dump(own.PGDATABASE_WRITE));
    stack.rssKib = (which, i) => Number(readFileSync(`/proc/${(which === 'front' ? stack.fronts : stack.handlers)[i].child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
    stack.extraHandler = async (extra, options) => {
        const service = await handlerService(extra);
        stack.extras.push(service);
        return service.start(options);
    };
    stack.extraFront = async (extra, options) => {
        const service = await frontService(extra);
        stack.extras.push(service);
        return service.start(options);
    };
    stack.stop = async () => {
        const all = [...stack.fronts, ...stack.handlers, ...stack.extras].filter((s) => s.child && s.exitCode === null);
        for (const s of all) {
            s.signal('SIGCONT');
            s.signal('SIGTERM');
        }
        await Promise.all(all.map(async (s) => {
            const late = setTimeout(() => s.kill('SIGKILL'), 12000);
            await s.exited;
            clearTimeout(late); // it would keep the test's process alive
        }));
        execFileSync(services, ['stop', dir, '--now'], { stdio: 'ignore' });
        if (process.env.TANDEM_SHOW_LOGS) for (const s of [...stack.fronts, ...stack.handlers]) console.error(`--- ${s.name} ${s.port}\n${s.output}`);
        rmSync(dir, { recursive: true, force: true });
    };

    try {
        await Promise.all(stack.handlers.map((h) => h.start()));
        await Promise.all(stack.fronts.map((f) => f.start()));
    } catch (error) {
        await stack.stop();
        throw error;
    }
    return stack;
}
