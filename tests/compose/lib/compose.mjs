// A composed stack of its own: project, settings and ports that meet nobody else's.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../e2e/lib/client.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const images = ['websocket-handler', 'event-handler'];

// Nothing of the caller's settings reaches the stack: what it gets is in its .env.
const env = Object.fromEntries(['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'DOCKER_BUILDKIT'].filter((k) => process.env[k]).map((k) => [k, process.env[k]]));

const works = (command) => {
    try {
        execFileSync(command[0], [...command.slice(1), 'version'], { env, stdio: 'ignore' });
        return true;
    } catch {
        return false;
    }
};
// Every Compose that this machine has; the tests run with the first.
export const composes = [['docker', 'compose'], ['docker-compose']].filter(works);

// Resolves to {code, out, err}; rejects only without the program.
export function run(command, { cwd = root, input, output, ms = 300000 } = {}) {
    return new Promise((done, reject) => {
        const child = spawn(command[0], command.slice(1), { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
        const timer = setTimeout(() => child.kill('SIGKILL'), ms);
        let out = '', err = '';
        child.on('error', reject);
        child.stdin.on('error', () => {}); // it ended before it had read everything
        if (input) createReadStream(input).pipe(child.stdin);
        else child.stdin.end();
        if (output) child.stdout.pipe(createWriteStream(output));
        else child.stdout.on('data', (d) => (out += d));
        child.stderr.on('data', (d) => (err += d));
        child.on('close', (code) => (clearTimeout(timer), done({ code, out, err })));
    });
}

// The same, and insists on success; resolves to what it printed.
export async function must(command, options) {
    const { code, out, err } = await run(command, options);
    if (code !== 0) throw new Error(`${command.join(' ')}: status ${code}\n${out}${err}`);
    return out;
}

export const docker = (...args) => must(['docker', ...args]);

let stacks = 0;

export class Stack {
    // files: as for -f. settings: of .env.
    constructor(files, settings, { cwd = root, compose = composes[0] } = {}) {
        this.folder = mkdtempSync(join(tmpdir(), 'tandem-compose-'));
        this.project = `tandemtest${process.pid}x${++stacks}`;
        this.cwd = cwd;
        this.scale = {};
        const envFile = join(this.folder, 'env');
        writeFileSync(envFile, Object.entries(settings).map(([k, v]) => `${k}=${v}\n`).join(''));
        this.command = [...compose, '-p', this.project, '--env-file', envFile, ...files.flatMap((f) => ['-f', f])];
    }

    run(...args) {
        return run([...this.command, ...args], { cwd: this.cwd });
    }

    must(...args) {
        return must([...this.command, ...args], { cwd: this.cwd });
    }

    up(...services) {
        const scale = services.length ? [] : Object.entries(this.scale).flatMap(([s, n]) => ['--scale', `${s}=${n}`]);
        return this.must('up', '-d', '--no-build', ...scale, ...services);
    }

    // Containers and data go.
    async down() {
        await this.must('down', '-v', '-t', '5', '--remove-orphans');
    }

    async end() {
        await this.run('down', '-v', '-t', '5', '--remove-orphans');
        rmSync(this.folder, { recursive: true, force: true });
    }

    exec(service, ...command) {
        return this.must('exec', '-T', service, ...command);
    }

    psql(sql) {
        return this.exec('postgres', 'psql', '-U', 'nostr', '-Atc', sql).then((out) => out.trim());
    }

    async logs(service) {
        const { out, err } = await this.run('logs', '--no-color', service);
        return out + err;
    }

    // Ids of a service's containers, in the order of their numbers.
    async containers(service, ...filter) {
        const out = await docker('ps', '-a', '--no-trunc', '--filter', `label=com.docker.compose.project=${this.project}`, '--filter', `label=com.docker.compose.service=${service}`,
            ...filter, '--format', '{{.Names}} {{.ID}}');
        return out.trim().split('\n').filter(Boolean).sort().map((line) => line.split(' ')[1]);
    }

    async inspect(id) {
        return JSON.parse(await docker('inspect', id))[0];
    }

    // A container's address on the stack's default network: reachable from this machine.
    async address(id) {
        return (await this.inspect(id)).NetworkSettings.Networks[`${this.project}_default`].IPAddress;
    }

    async port(service, port) {
        return Number((await this.must('port', service, String(port))).trim().split(':').pop());
    }

    async healthy(...services) {
        for (const service of services)
            await until(async () => {
                const all = await Promise.all((await this.containers(service)).map((id) => this.inspect(id)));
                return all.length > 0 && all.every((c) => c.State.Running && (!c.State.Health || c.State.Health.Status === 'healthy'));
            }, { ms: 90000, what: `${service} is healthy` });
    }
}

// Is there an engine that answers?
export function engine() {
    return new Promise((done) => execFile('docker', ['info', '--format', '{{.ServerVersion}}'], { env }, (error, out) => done(error ? null : out.trim())));
}
