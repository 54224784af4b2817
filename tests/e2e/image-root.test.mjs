// The roots of the images (deploy/docker/rootfs.sh): whole, or none at all.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = join(dirname(fileURLToPath(import.meta.url)), '../../deploy/docker/rootfs.sh');
const program = execFileSync('sh', ['-c', 'command -v env'], { encoding: 'utf8' }).trim();
const dir = mkdtempSync(join(tmpdir(), 'tandem-root-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const make = (name, PATH = process.env.PATH) => spawnSync(script, [join(dir, name), program], { env: { PATH }, encoding: 'utf8' });

// The script with another ldd.
function makeWith(name, ldd) {
    const bin = mkdtempSync(join(dir, 'bin-'));
    writeFileSync(join(bin, 'ldd'), `#!/bin/sh\n${ldd}\n`, { mode: 0o755 });
    return make(name, `${bin}:${process.env.PATH}`);
}

describe('root of an image', () => {
    it('holds the program, all that it is linked with and its loader, at their places', () => {
        const result = make('whole');
        assert.equal(result.status, 0, result.stderr);
        const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/(?<=\s)\/\S+/g);
        assert.ok(libraries.length >= 2 && libraries.some((path) => path.includes('/ld-')));
        for (const path of [...libraries, '/usr/local/bin/env', '/etc/passwd', '/etc/ssl/certs/ca-certificates.crt'])
            assert.ok(existsSync(join(dir, 'whole', path)), path);
        assert.equal(statSync(join(dir, 'whole/etc/passwd')).mtimeMs, 0);
    });

    it('is refused when the libraries of a program cannot be told, as may be under an emulator', () => {
        const result = makeWith('untold', 'echo "	not a dynamic executable"; exit 1');
        assert.notEqual(result.status, 0);
        assert.match(result.stderr, /linked with/);
    });

    it('is refused when a library is missing', () => {
        const ldd = execFileSync('sh', ['-c', 'command -v ldd'], { encoding: 'utf8' }).trim();
        const result = makeWith('missing', `echo "	libgone.so.1 => not found"; exec ${ldd} "$@"`);
        assert.notEqual(result.status, 0);
        assert.match(result.stderr, /libgone\.so\.1/);
    });
});
