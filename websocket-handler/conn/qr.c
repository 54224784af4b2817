/*
 * The steps of the standard, in its order: codewords of the text, their error correction, the
 * modules whose place is fixed, the codewords in zigzag, and the mask that reads best.
 */
#include "conn/qr.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CODEWORDS = 172, MAX_BLOCK_ECC = 26, MASKS = 8, QUIET_ZONE = 4, FORMAT_LEVEL_M = 0 };

/* Level M of the standard's table 9. In these versions all blocks of a code are equally long. */
static const struct version {
    int data;      /* codewords of data in all blocks together */
    int blocks;    /* error correction blocks */
    int ecc;       /* correction codewords of each */
    int alignment; /* centre of the alignment pattern, row and column; 0: none */
} versions[QR_MAX_VERSION + 1] = {
    [1] = {16, 1, 10, 0},  [2] = {28, 1, 16, 18}, [3] = {44, 1, 26, 22},
    [4] = {64, 2, 18, 26}, [5] = {86, 2, 24, 30}, [6] = {108, 4, 16, 34},
};

/* Work in progress: the code, and which of its modules are not the text's. */
struct drawing {
    struct qr *qr;
    bool fixed[QR_MAX_SIZE][QR_MAX_SIZE];
};

/* ---- codewords ---- */

struct bits {
    uint8_t byte[MAX_CODEWORDS];
    int n; /* bits */
};

static void add_bits(struct bits *b, unsigned value, int count)
{
    for (int i = count - 1; i >= 0; i--, b->n++) {
        if (value >> i & 1)
            b->byte[b->n / 8] |= (uint8_t)(0x80 >> b->n % 8);
    }
}

/* Byte mode: indicator, length, bytes, terminator, padding. The text fits. */
static void add_text(struct bits *b, struct slice text, const struct version *v)
{
    add_bits(b, 4, 4);
    add_bits(b, (unsigned)text.len, 8);
    for (size_t i = 0; i < text.len; i++)
        add_bits(b, (uint8_t)text.ptr[i], 8);
    add_bits(b, 0, 4);
    for (int pad = 0; b->n < 8 * v->data; pad ^= 1)
        add_bits(b, pad ? 0x11 : 0xec, 8);
}

/* ---- error correction: Reed-Solomon over GF(256), polynomial 0x11d ---- */

static uint8_t multiply(uint8_t x, uint8_t y)
{
    unsigned product = 0;

    for (int i = 7; i >= 0; i--) {
        product = product << 1 ^ (product >> 7) * 0x11d;
        product ^= ((unsigned)y >> i & 1u) * x;
    }
    return (uint8_t)product;
}

/* The coefficients of (x - 2^0)(x - 2^1)...(x - 2^(degree-1)) behind the leading 1. */
static void make_generator(int degree, uint8_t out[MAX_BLOCK_ECC])
{
    uint8_t root = 1;

    memset(out, 0, MAX_BLOCK_ECC);
    out[degree - 1] = 1;
    for (int i = 0; i < degree; i++) {
        for (int j = 0; j < degree; j++)
            out[j] = multiply(out[j], root) ^ (j + 1 < degree ? out[j + 1] : 0);
        root = multiply(root, 2);
    }
}

static void correct(const uint8_t *data, int n, int degree, uint8_t out[MAX_BLOCK_ECC])
{
    uint8_t generator[MAX_BLOCK_ECC];

    make_generator(degree, generator);
    memset(out, 0, MAX_BLOCK_ECC);
    for (int i = 0; i < n; i++) {
        uint8_t factor = data[i] ^ out[0];

        memmove(out, out + 1, (size_t)degree - 1);
        out[degree - 1] = 0;
        for (int j = 0; j < degree; j++)
            out[j] ^= multiply(generator[j], factor);
    }
}

/* All codewords in the order in which they are drawn: the blocks' first, their second, ... */
static int interleave(const struct bits *data, const struct version *v, uint8_t out[MAX_CODEWORDS])
{
    int length = v->data / v->blocks;

    for (int block = 0; block < v->blocks; block++) {
        const uint8_t *own = data->byte + block * length;
        uint8_t ecc[MAX_BLOCK_ECC];

        correct(own, length, v->ecc, ecc);
        for (int i = 0; i < length; i++)
            out[i * v->blocks + block] = own[i];
        for (int i = 0; i < v->ecc; i++)
            out[v->data + i * v->blocks + block] = ecc[i];
    }
    return v->data + v->blocks * v->ecc;
}

/* ---- what is in every code ---- */

static void fix(struct drawing *d, int row, int column, bool dark)
{
    d->qr->dark[row][column] = dark;
    d->fixed[row][column] = true;
}

static int largest(int a, int b)
{
    return abs(a) > abs(b) ? abs(a) : abs(b);
}

/* A finder pattern with its separator, as far as that lies on the code. */
static void draw_finder(struct drawing *d, int row, int column)
{
    for (int y = -4; y <= 4; y++) {
        for (int x = -4; x <= 4; x++) {
            int ring = largest(x, y), r = row + y, c = column + x;

            if (r >= 0 && r < d->qr->size && c >= 0 && c < d->qr->size)
                fix(d, r, c, ring != 2 && ring != 4);
        }
    }
}

static void draw_alignment(struct drawing *d, int centre)
{
    for (int y = -2; y <= 2; y++) {
        for (int x = -2; x <= 2; x++)
            fix(d, centre + y, centre + x, largest(x, y) != 1);
    }
}

/* Level and mask, protected by a BCH code, twice (ISO/IEC 18004, 7.9). */
static void draw_format(struct drawing *d, int mask)
{
    unsigned data = (unsigned)(FORMAT_LEVEL_M << 3 | mask), rest = data, bits;
    int size = d->qr->size;

    for (int i = 0; i < 10; i++)
        rest = rest << 1 ^ (rest >> 9) * 0x537;
    bits = (data << 10 | rest) ^ 0x5412;
    for (int i = 0; i < 15; i++) {
        bool dark = bits >> i & 1;

        /* Around the top left finder, stepping over the timing patterns. */
        if (i < 8)
            fix(d, i < 6 ? i : i + 1, 8, dark);
        else
            fix(d, 8, i == 8 ? 7 : 14 - i, dark);
        /* Beside the other two. */
        if (i < 8)
            fix(d, 8, size - 1 - i, dark);
        else
            fix(d, size - 15 + i, 8, dark);
    }
    fix(d, size - 8, 8, true);
}

static void draw_fixed(struct drawing *d, const struct version *v)
{
    int size = d->qr->size;

    for (int i = 0; i < size; i++) {
        fix(d, 6, i, i % 2 == 0);
        fix(d, i, 6, i % 2 == 0);
    }
    draw_finder(d, 3, 3);
    draw_finder(d, 3, size - 4);
    draw_finder(d, size - 4, 3);
    if (v->alignment)
        draw_alignment(d, v->alignment);
    draw_format(d, 0); /* takes the room; the mask is not known yet */
}

/* ---- the text's modules ---- */

/* In columns of two from the right, upwards and downwards in turn. */
static void draw_codewords(struct drawing *d, const uint8_t *codeword, int n)
{
    int size = d->qr->size, bit = 0;

    for (int right = size - 1; right >= 1; right -= 2) {
        bool upwards;

        if (right == 6) /* the timing pattern has this column */
            right = 5;
        upwards = ((right + 1) & 2) == 0;
        for (int i = 0; i < size; i++) {
            int row = upwards ? size - 1 - i : i;

            for (int column = right; column >= right - 1; column--) {
                if (d->fixed[row][column] || bit >= 8 * n)
                    continue;
                d->qr->dark[row][column] = codeword[bit / 8] >> (7 - bit % 8) & 1;
                bit++;
            }
        }
    }
}

static bool mask_inverts(int mask, int y, int x)
{
    switch (mask) {
    case 0:
        return (x + y) % 2 == 0;
    case 1:
        return y % 2 == 0;
    case 2:
        return x % 3 == 0;
    case 3:
        return (x + y) % 3 == 0;
    case 4:
        return (x / 3 + y / 2) % 2 == 0;
    case 5:
        return x * y % 2 + x * y % 3 == 0;
    case 6:
        return (x * y % 2 + x * y % 3) % 2 == 0;
    default:
        return ((x + y) % 2 + x * y % 3) % 2 == 0;
    }
}

/* Applied twice it takes itself back. */
static void apply_mask(struct drawing *d, int mask)
{
    for (int y = 0; y < d->qr->size; y++) {
        for (int x = 0; x < d->qr->size; x++)
            d->qr->dark[y][x] ^= !d->fixed[y][x] && mask_inverts(mask, y, x);
    }
}

/* ---- how well it reads (7.8.3) ---- */

/* Module i of a row, or of a column. */
static bool module_at(const struct qr *qr, bool column, int line, int i)
{
    return column ? qr->dark[i][line] : qr->dark[line][i];
}

/* Runs of five or more of a colour. */
static int penalty_of_runs(const struct qr *qr, bool column, int line)
{
    int penalty = 0, run = 0;

    for (int i = 0; i < qr->size; i++) {
        bool same = i > 0 && module_at(qr, column, line, i) == module_at(qr, column, line, i - 1);

        run = same ? run + 1 : 1;
        if (run == 5)
            penalty += 3;
        else if (run > 5)
            penalty++;
    }
    return penalty;
}

/* What could be taken for a finder: 1011101 with four light modules before or behind it. */
static int penalty_of_finders(const struct qr *qr, bool column, int line)
{
    unsigned last = 0; /* the last eleven modules */
    int penalty = 0;

    for (int i = 0; i < qr->size; i++) {
        last = (last << 1 | module_at(qr, column, line, i)) & 0x7ff;
        if (i >= 10 && (last == 0x5d0 || last == 0x05d))
            penalty += 40;
    }
    return penalty;
}

static int penalty_of_squares(const struct qr *qr)
{
    int penalty = 0;

    for (int y = 0; y + 1 < qr->size; y++) {
        for (int x = 0; x + 1 < qr->size; x++) {
            bool dark = qr->dark[y][x];

            if (dark == qr->dark[y][x + 1] && dark == qr->dark[y + 1][x] &&
                dark == qr->dark[y + 1][x + 1])
                penalty += 3;
        }
    }
    return penalty;
}

/* Ten for each five per cent that the dark ones are away from half. */
static int penalty_of_balance(const struct qr *qr)
{
    int dark = 0, all = qr->size * qr->size;

    for (int y = 0; y < qr->size; y++) {
        for (int x = 0; x < qr->size; x++)
            dark += qr->dark[y][x];
    }
    return abs(20 * dark - 10 * all) / all * 10;
}

static int penalty_of(const struct qr *qr)
{
    int penalty = penalty_of_squares(qr) + penalty_of_balance(qr);

    for (int line = 0; line < qr->size; line++) {
        for (int column = 0; column < 2; column++)
            penalty += penalty_of_runs(qr, column, line) + penalty_of_finders(qr, column, line);
    }
    return penalty;
}

static void choose_mask(struct drawing *d)
{
    int best = 0, least = 0;

    for (int mask = 0; mask < MASKS; mask++) {
        int penalty;

        apply_mask(d, mask);
        draw_format(d, mask);
        penalty = penalty_of(d->qr);
        if (mask == 0 || penalty < least) {
            best = mask;
            least = penalty;
        }
        apply_mask(d, mask);
    }
    apply_mask(d, best);
    draw_format(d, best);
}

/* ---- all together ---- */

bool qr_encode(struct slice text, struct qr *out)
{
    uint8_t codewords[MAX_CODEWORDS] = {0};
    struct drawing d = {.qr = out};
    struct bits bits = {.n = 0};
    int version = 1, n;

    while (version <= QR_MAX_VERSION && text.len + 2 > (size_t)versions[version].data)
        version++; /* indicator, length and terminator take two codewords */
    if (version > QR_MAX_VERSION)
        return false;
    *out = (struct qr){.size = 17 + 4 * version};
    add_text(&bits, text, &versions[version]);
    n = interleave(&bits, &versions[version], codewords);
    draw_fixed(&d, &versions[version]);
    draw_codewords(&d, codewords, n);
    choose_mask(&d);
    return true;
}

/* One path of horizontal runs: "M<column> <row>h<length>v1h-<length>z". */
static void write_row(const struct qr *qr, int row, struct buf *out)
{
    for (int x = 0; x < qr->size;) {
        int run = 0;

        while (x + run < qr->size && qr->dark[row][x + run])
            run++;
        if (run > 0)
            buf_printf(out, "M%d %dh%dv1h-%dz", x, row, run, run);
        x += run + 1;
    }
}

void qr_write_svg(const struct qr *qr, struct slice label, struct buf *out)
{
    int side = qr->size + 2 * QUIET_ZONE;

    buf_printf(out,
               "<svg class=\"qr\" role=\"img\" aria-label=\"" SLICE_FMT
               "\" viewBox=\"%d %d %d %d\" shape-rendering=\"crispEdges\">"
               "<path fill=\"#fff\" d=\"M%d %dh%dv%dh-%dz\"/><path fill=\"#000\" d=\"",
               SLICE_ARG(label), -QUIET_ZONE, -QUIET_ZONE, side, side, -QUIET_ZONE, -QUIET_ZONE,
               side, side, side);
    for (int row = 0; row < qr->size; row++)
        write_row(qr, row, out);
    buf_add_str(out, "\"/></svg>");
}
