// The Dokploy template: the gallery's rules, its processing of template.toml, and the stack that comes of it. The rules are
// written down here from its documents; its own validators are not needed.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, until } from '../e2e/lib/client.mjs';
import { Person } from '../e2e/lib/events.mjs';
import { Stack, docker, must, root } from './lib/compose.mjs';

const gallery = mkdtempSync(join(tmpdir(), 'tandem-blueprint-'));
const folder = join(gallery, 'tandem');
let compose, template, meta;

// As much of TOML as the template uses.
function parseToml(text) {
    const result = { variables: {}, config: { env: [], domains: [] } };
    let section = null, list = null;
    for (const line of text.split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#'))) {
        const header = /^\[+([a-z.]+)\]+$/.exec(line), pair = /^(\w+) = (.*)$/.exec(line), item = /^"(.*)",?$/.exec(line);
        if (list) {
            if (line === ']') list = null;
            else list.push(item[1]);
        } else if (header) {
            section = header[1];
            if (section === 'config.domains') result.config.domains.push({});
        } else if (pair[2] === '[') {
            assert.equal(section, 'config', 'a list below [[config.domains]] would belong to the domain');
            list = result.config[pair[1]] = [];
        } else {
            const into = section === 'config.domains' ? result.config.domains.at(-1) : result[section];
            into[pair[1]] = /^"/.test(pair[2]) ? pair[2].slice(1, -1) : Number(pair[2]);
        }
    }
    return result;
}

// What Dokploy makes of the variables; a helper may stand only alone, since what follows it would be dropped.
function fill(text, variables) {
    return text.replace(/\$\{([^}]+)\}/g, (whole, name) => {
        if (name === 'domain') return 'tandem-0a1b2c-192-0-2-1.sslip.io';
        if (/^password:\d+$/.test(name)) return randomBytes(64).toString('hex').slice(0, Number(name.slice(9)));
        assert.ok(name in variables, `${name} is neither a helper nor a variable`);
        return variables[name];
    });
}

before(async () => {
    await must(['deploy/dokploy/blueprint.sh', gallery]);
    compose = readFileSync(join(folder, 'docker-compose.yml'), 'utf8');
    template = parseToml(readFileSync(join(folder, 'template.toml'), 'utf8'));
    meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
});
after(() => rmSync(gallery, { recursive: true, force: true }));

describe('the gallery takes it', () => {
    it('four files, and what meta.json must say', () => {
        assert.deepEqual(readdirSync(folder).sort(), ['docker-compose.yml', 'meta.json', 'tandem.svg', 'template.toml']);
        assert.equal(meta.id, 'tandem');
        for (const field of ['id', 'name', 'version', 'description', 'logo']) assert.ok(meta[field], field);
        for (const link of ['github', 'website', 'docs']) assert.equal(typeof meta.links[link], 'string');
        assert.ok(meta.tags.length > 0 && meta.tags.every((t) => /^[a-z0-9-]+$/.test(t)));
        assert.ok(statSync(join(folder, meta.logo)).size < 100000);
        assert.match(readFileSync(join(folder, meta.logo), 'utf8'), /^<svg /);
    });

    it('no networks, no names, no published ports; pinned images of the version that meta.json names', () => {
        assert.match(compose, /^version: "3\.8"\n/);
        for (const word of ['networks:', 'container_name:', 'ports:', 'build:', '<<', '&', ':latest']) assert.ok(!compose.includes(word), word);
        // Dokploy writes the file anew, without quotes around these, and older Composes then read them as true or false.
        assert.doesNotMatch(compose, /["'](yes|no|on|off)["']/i);
        const images = [...compose.matchAll(/image: (\S+)/g)].map((m) => m[1]);
        assert.equal(images.length, 4);
        for (const image of images) assert.match(image, /:[0-9]/);
        for (const image of images.filter((i) => i.includes('tandem'))) assert.ok(image.endsWith(`:${meta.version}`));
        assert.equal(meta.version, /^VERSION := (.*)$/m.exec(readFileSync(join(root, 'Makefile'), 'utf8'))[1]);
        assert.equal([...compose.matchAll(/^    restart: unless-stopped$/gm)].length, 4);
        assert.equal([...compose.matchAll(/^    healthcheck:$/gm)].length, 4);
    });

    it('a domain for the front end, and only variables that exist', () => {
        assert.deepEqual(template.config.domains, [{ serviceName: 'websocket-handler', port: 8008, host: '${main_domain}' }]);
        for (const value of Object.values(template.variables)) assert.match(value, /^\$\{[^}]+\}$/);
        for (const line of template.config.env) {
            const name = line.slice(0, line.indexOf('='));
            assert.ok(compose.includes(`\${${name}:`), `${name} is used`);
        }
    });
});

describe('deployed', () => {
    let stack;
    after(() => stack?.end());

    it('the processed template answers on the domain port, and stores', async () => {
        const variables = {};
        for (const [name, value] of Object.entries(template.variables)) variables[name] = fill(value, {});
        const env = Object.fromEntries(template.config.env.map((line) => fill(line, variables)).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
        // What Dokploy adds to the service that has the domain: its proxy's network, and labels.
        const network = `tandemtest-proxy-${process.pid}`, added = join(gallery, 'added.yml');
        writeFileSync(added, `version: "3.8"
services:
  websocket-handler:
    networks: [dokploy-network, default]
    labels: [traefik.enable=true, traefik.docker.network=dokploy-network]
networks:
  dokploy-network:
    external: true
    name: ${network}
`);
        await docker('network', 'create', network);
        try {
            stack = new Stack([join(folder, 'docker-compose.yml'), added], env, { cwd: folder });
            await stack.up();
            const [id] = await stack.containers('websocket-handler');
            const address = (await stack.inspect(id)).NetworkSettings.Networks[network].IPAddress;
            await until(async () => (await fetch(`http://${address}:8008/`).catch(() => ({}))).status === 200, { ms: 30000, what: 'GET / on the domain port' });
            const client = await Client.open(`ws://${address}:8008/`, { headers: { host: env.NOSTPY_DOMAIN, 'x-forwarded-for': '192.0.2.77' } });
            await client.accept(new Person().note('through Dokploy'));
            client.close();
        } finally {
            await stack?.end();
            stack = null;
            await docker('network', 'rm', network);
        }
    });
});
