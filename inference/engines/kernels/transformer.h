/* What a block of the transformer does between its matrix products: layer norm, attention, PCM. */
#ifndef TRANSFORMER_H
#define TRANSFORMER_H

#include <math.h>

#include "product.h"

#define NORM_EPSILON 1e-6f /* that of inference/core/config.py */

/* Layer norm of every row, with neither scale nor shift. */
static void layer_norm(const float *x, long rows, long width, float *out)
{
    const long whole = width / LANES * LANES;
    for (long r = 0; r < rows; r++, x += width, out += width) {
        vec sums = all(0), squares = all(0);
        float sum = 0, square = 0;
        for (long i = 0; i < whole; i += LANES)
            sums += load(x + i);
        for (long i = whole; i < width; i++)
            sum += x[i];
        const float mean = (sum_of(sums) + sum) / width;
        for (long i = 0; i < whole; i += LANES) {
            const vec apart = load(x + i) - all(mean);
            squares += apart * apart;
        }
        for (long i = whole; i < width; i++)
            square += (x[i] - mean) * (x[i] - mean);
        const float scale = 1 / sqrtf((sum_of(squares) + square) / width + NORM_EPSILON);
        for (long i = 0; i < whole; i += LANES)
            store(out + i, (load(x + i) - all(mean)) * all(scale));
        for (long i = whole; i < width; i++)
            out[i] = (x[i] - mean) * scale;
    }
}

/* Each of `rows` rows of scores becomes weights that add up to one. Rows are a multiple of 16 apart. */
static void softmax(float *scores, long rows, long count, long stride)
{
    for (long r = 0; r < rows; r++, scores += stride) {
        for (long i = count; i < stride; i++)
            scores[i] = -INFINITY;
        vec most = load(scores), total = all(0);
        for (long i = LANES; i < stride; i += LANES)
            most = at_least(most, load(scores + i));
        most = all(largest_of(most));
        for (long i = 0; i < stride; i += LANES) {
            const vec weight = exponential(load(scores + i) - most);
            store(scores + i, weight);
            total += weight;
        }
        const vec share = all(1 / sum_of(total));
        for (long i = 0; i < stride; i += LANES)
            store(scores + i, load(scores + i) * share);
    }
}

/* Multi-head attention among the tokens of one galaxy. `qkv` [tokens, 3 width] holds queries (already divided
 * by the square root of a head's width), keys and values; `turned` and `scores` are room to work in, of
 * [width / heads, stride] and [tokens, stride] numbers, where stride is tokens rounded up to 16. */
static void attention(const float *qkv, long tokens, long width, long heads, float *turned, float *scores,
                      float *out)
{
    const long size = width / heads, stride = rounded(tokens, COLUMNS);
    for (long head = 0; head < heads; head++, qkv += size, out += size) {
        const float *key = qkv + width, *value = qkv + 2 * width;
        for (long t = 0; t < tokens; t++)
            for (long i = 0; i < size; i++)
                turned[i * stride + t] = key[t * 3 * width + i];
        const struct left query = {qkv, 3 * width, 1, 0, size};
        for (long at = 0; at < stride; at += COLUMNS)
            panel(query, tokens, turned + at, stride, NULL, scores + at, stride, COLUMNS, REPLACE);
        softmax(scores, tokens, tokens, stride);
        const struct left shares = {scores, stride, 1, 0, tokens};
        for (long at = 0; at < size; at += COLUMNS) {
            const long columns = size - at < COLUMNS ? size - at : COLUMNS;
            panel(shares, tokens, value + at, 3 * width, NULL, out + at, width, columns, REPLACE);
        }
    }
}

/* The weights of PCM with kernel 1: eight groups side by side, [.., groups rounded up to 8]. */
struct pcm {
    long groups, outer, inner, padded; /* channels of a group outside and inside */
    const float *expand, *expand_bias, *contract, *contract_bias;
};

INLINE struct pcm take_pcm(const float **weights, long width, long hidden, long groups)
{
    const long padded = rounded(groups, LANES);
    struct pcm found = {groups, width / groups, hidden / groups, padded, 0, 0, 0, 0};
    found.expand = take(weights, found.inner * found.outer * padded);
    found.expand_bias = take(weights, found.inner * padded);
    found.contract = take(weights, found.inner * found.outer * padded);
    found.contract_bias = take(weights, found.outer * padded);
    return found;
}

/* Eight groups of one token: x gets what the convolutions, with SiLU between them, make of it. */
INLINE void add_pcm_of_groups(const struct pcm *pcm, const long outer, float *x, long group, vec *in, vec *out)
{
    for (long o = 0; o < outer; o++) {
        in[o] = load(x + o * pcm->groups + group);
        out[o] = load(pcm->contract_bias + o * pcm->padded + group);
    }
    for (long i = 0; i < pcm->inner; i++) {
        const float *expand = pcm->expand + i * outer * pcm->padded + group;
        const float *contract = pcm->contract + i * outer * pcm->padded + group;
        vec hidden = load(pcm->expand_bias + i * pcm->padded + group);
        for (long o = 0; o < outer; o++)
            hidden += in[o] * load(expand + o * pcm->padded);
        hidden = silu(hidden);
        for (long o = 0; o < outer; o++)
            out[o] += hidden * load(contract + o * pcm->padded);
    }
    for (long o = 0; o < outer; o++)
        store_first(x + o * pcm->groups + group, in[o] + out[o], pcm->groups - group);
}

/* The parallel convolution branch, added to `tokens` tokens in place. Channel i of group g is at i * groups + g,
 * so that the same channel of eight groups is one vector. `room` is 2 outer vectors. */
static void add_pcm(const struct pcm *pcm, float *x, long tokens, vec *room)
{
    for (long t = 0; t < tokens; t++, x += pcm->groups * pcm->outer)
        for (long group = 0; group < pcm->groups; group += LANES)
            if (pcm->outer == 4) { /* the published network's: everything stays in registers */
                vec in[4], out[4];
                add_pcm_of_groups(pcm, 4, x, group, in, out);
            } else
                add_pcm_of_groups(pcm, pcm->outer, x, group, room, room + pcm->outer);
}

#endif
