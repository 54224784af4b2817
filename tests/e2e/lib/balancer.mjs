// A TCP balancer as it stands in front of several front ends: it asks each for /readyz, gives new connections in turn to those that are ready,
// and tries the next one when a port refuses. Connections that exist stay where they are.
import net from 'node:net';

const PROBE_MS = 100, PROBE_TIMEOUT_MS = 5000;

const probe = (port) => fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS), headers: { connection: 'close' } })
    .then(async (r) => ({ said: await r.text(), answer: r.status }), (error) => ({ answer: 'refused', said: `${error.cause ?? error}` }));

export class Balancer {
    constructor(ports) {
        this.backends = ports.map((port) => ({ port, ready: false, said: '', seen: [] })); // seen: the status of /readyz, each time that it changed
        this.turn = 0;
        this.refusals = []; // {port, at}: a backend that was ready by its last probe and refused a connection
        this.accepted = []; // when connections came
        this.sockets = new Set();
        this.server = net.createServer({ noDelay: true }, (socket) => this.take(socket));
    }

    static async start(ports) {
        const balancer = new Balancer(ports);
        await Promise.all(balancer.backends.map((b) => balancer.look(b)));
        await new Promise((resolve) => balancer.server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
        balancer.url = `ws://127.0.0.1:${balancer.server.address().port}/`;
        balancer.watches = balancer.backends.map((b) => balancer.watch(b));
        return balancer;
    }

    async look(backend) {
        const { answer, said } = await probe(backend.port);
        backend.said = said;
        backend.ready = answer === 200;
        if (backend.seen.at(-1)?.answer !== answer) backend.seen.push({ answer, at: Date.now() });
    }

    async watch(backend) {
        while (!this.stopped) {
            await this.look(backend);
            await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
        }
    }

    next() {
        for (let i = 0; i < this.backends.length; i++) {
            const backend = this.backends[(this.turn + i) % this.backends.length];
            if (!backend.ready) continue;
            this.turn = this.backends.indexOf(backend) + 1;
            return backend;
        }
        return null;
    }

    take(client) {
        this.accepted.push(Date.now());
        this.sockets.add(client);
        client.on('error', () => {});
        client.on('close', () => this.sockets.delete(client));
        this.give(client, this.backends.length);
    }

    give(client, tries) {
        const backend = tries > 0 && !client.destroyed && this.next();
        if (!backend) return client.destroy();
        const server = net.connect({ port: backend.port, host: '127.0.0.1', noDelay: true });
        const refused = () => {
            this.refusals.push({ port: backend.port, at: Date.now() });
            this.give(client, tries - 1);
        };
        server.once('error', refused);
        server.once('connect', () => {
            server.off('error', refused);
            server.on('error', () => {});
            // What has been written still goes out when the other side closes.
            server.on('close', () => client.destroySoon());
            client.on('close', () => server.destroySoon());
            if (client.destroyed) return server.destroy();
            client.pipe(server);
            server.pipe(client);
        });
    }

    async stop() {
        this.stopped = true;
        await Promise.all(this.watches);
        for (const socket of this.sockets) socket.destroy();
        await new Promise((resolve) => this.server.close(resolve));
    }
}
