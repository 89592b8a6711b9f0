/* AstroMAE on one processor core: the folded network of inference/network/folding.py, in single precision.
 *
 * A few galaxies at a time go through the transformer, as many as fit into the second-level cache with all
 * that is made of them; what follows a matrix product (bias, GELU, residual) is done while its result is there.
 * The dense layers, whose weights are large, wait for all galaxies of a call.
 *
 * Weights come as one buffer, in the order in which they are read: inference/engines/_native_weights.py writes it.
 */
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#include <stdlib.h>

#include "inception.h"
#include "transformer.h"

#define EXPORT __attribute__((visibility("default")))
#define ALIGNMENT 64
#define ROWS_AT_ONCE 204 /* tokens that pass the transformer together: 12 galaxies of 17, 34 tiles of 6 rows */

enum outcome { DONE, NO_MEMORY, OTHER_WEIGHTS };

/* The sizes of inference.core.config.ModelConfig. */
struct shape {
    int image_size, bands, patch, width, depth, heads, hidden, groups, inception_width, features, magnitude_width, fusion_width;
};

/* Room to work in, for galaxies that pass the transformer together. */
struct room {
    float *tokens, *normed, *wide, *patches, *turned, *scores;
    vec *lanes;
    struct plates plates;
};

/* What is known of every galaxy of a call before the dense layers. */
struct found {
    float *pooled, *hidden, *looked, *fused, *first, *second;
};

static long token_count(const struct shape *s)
{
    const long grid = s->image_size / s->patch;
    return 1 + grid * grid;
}

static long looked_count(const struct shape *s)
{
    const long side = s->image_size / 8;
    return 3 * (s->inception_width / 8) * side * side;
}

static long fused_count(const struct shape *s) { return 2L * s->features + s->magnitude_width; }

/* An array inside `block`, or with block NULL only the count of what it would take. A margin behind each lets
 * whole vectors be read at its end. */
static float *part(float *block, long *used, long count)
{
    float *const at = block ? block + *used : NULL;
    *used += rounded(count + COLUMNS, ALIGNMENT / sizeof(float));
    return at;
}

static long lay_out_room(const struct shape *s, long galaxies, float *block, struct room *room)
{
    const long tokens = token_count(s), rows = galaxies * tokens, half = s->image_size / 2;
    const long stride = rounded(tokens, COLUMNS), widest = 3 * s->width > s->hidden ? 3 * s->width : s->hidden;
    const long plate = half * half * (s->bands > 2 * s->inception_width ? s->bands : 2 * s->inception_width);
    const long margin = (half + 4) * (half + 4) * (s->inception_width / 2);
    long used = 0;
    room->tokens = part(block, &used, rows * s->width);
    room->normed = part(block, &used, rows * s->width);
    room->wide = part(block, &used, rows * widest);
    room->patches = part(block, &used, (tokens - 1) * s->bands * s->patch * s->patch);
    room->turned = part(block, &used, s->width / s->heads * stride);
    room->scores = part(block, &used, tokens * stride);
    room->lanes = (vec *)part(block, &used, 2L * s->width / s->groups * LANES);
    room->plates.image = part(block, &used, plate);
    room->plates.next = part(block, &used, plate);
    room->plates.framed = part(block, &used, plate > margin ? plate : margin);
    return used;
}

static long lay_out_found(const struct shape *s, long count, float *block, struct found *found)
{
    long widest = s->magnitude_width > s->fusion_width ? s->magnitude_width : s->fusion_width, used = 0;
    widest = widest > s->width ? widest : s->width;
    found->pooled = part(block, &used, count * s->width);
    found->hidden = part(block, &used, count * s->hidden);
    found->looked = part(block, &used, count * looked_count(s));
    found->fused = part(block, &used, count * fused_count(s));
    found->first = part(block, &used, count * widest);
    found->second = part(block, &used, count * widest);
    return used;
}

/* Patch tokens of one image, projected, behind the class token; all with their positions. */
static void embed(const struct shape *s, const float *image, const float *positions, struct layer project,
                  float *patches, float *tokens)
{
    const long grid = s->image_size / s->patch, length = (long)s->bands * s->patch * s->patch;
    float *to = patches;
    for (long row = 0; row < grid; row++)
        for (long column = 0; column < grid; column++)
            for (long band = 0; band < s->bands; band++)
                for (long y = 0; y < s->patch; y++, to += s->patch) {
                    const long line = (band * s->image_size + row * s->patch + y) * s->image_size;
                    memcpy(to, image + line + column * s->patch, s->patch * sizeof(float));
                }
    memcpy(tokens, positions, (1 + grid * grid) * s->width * sizeof(float));
    linear(matrix(patches, length), grid * grid, project, s->width, tokens + s->width, s->width, ADD);
}

/* Attention and PCM side by side, added to the tokens. */
static void mix(const struct shape *s, long galaxies, const float **weights, struct room *room)
{
    const long tokens = token_count(s), width = s->width, rows = galaxies * tokens;
    const struct layer qkv = take_layer(weights, width, 3 * width);
    const struct pcm pcm = take_pcm(weights, width, s->hidden, s->groups);
    const struct layer project = take_layer(weights, width, width);
    layer_norm(room->tokens, rows, width, room->normed);
    linear(matrix(room->normed, width), rows, qkv, 3 * width, room->wide, 3 * width, REPLACE);
    for (long g = 0; g < galaxies; g++) {
        add_pcm(&pcm, room->tokens + (g * tokens + 1) * width, tokens - 1, room->lanes);
        attention(room->wide + g * tokens * 3 * width, tokens, width, s->heads, room->turned, room->scores,
                  room->normed + g * tokens * width);
    }
    linear(matrix(room->normed, width), rows, project, width, room->tokens, width, ADD);
}

/* The mean over the patch tokens of each galaxy. */
static void mean_of_patches(const float *rows, long galaxies, long tokens, long width, float *out)
{
    for (long g = 0; g < galaxies; g++, rows += tokens * width, out += width) {
        memset(out, 0, width * sizeof(float));
        for (long t = 1; t < tokens; t++)
            for (long i = 0; i < width; i++)
                out[i] += rows[t * width + i];
        for (long i = 0; i < width; i++)
            out[i] /= tokens - 1;
    }
}

/* The transformer up to the means over tokens: of the tokens, and of what is inside the last MLP. */
static void encode(const struct shape *s, const float *images, long galaxies, const float **weights,
                   struct room *room, float *pooled, float *hidden)
{
    const long tokens = token_count(s), width = s->width, rows = galaxies * tokens;
    const float *positions = take(weights, tokens * width);
    const struct layer project = take_layer(weights, (long)s->bands * s->patch * s->patch, width);
    const long pixels = (long)s->bands * s->image_size * s->image_size;
    for (long g = 0; g < galaxies; g++)
        embed(s, images + g * pixels, positions, project, room->patches, room->tokens + g * tokens * width);
    for (long number = 1; number <= s->depth; number++) {
        mix(s, galaxies, weights, room);
        layer_norm(room->tokens, rows, width, room->normed);
        linear(matrix(room->normed, width), rows, take_layer(weights, width, s->hidden), s->hidden, room->wide,
               s->hidden, GELU);
        if (number < s->depth)
            linear(matrix(room->wide, s->hidden), rows, take_layer(weights, s->hidden, width), width,
                   room->tokens, width, ADD);
    }
    mean_of_patches(room->tokens, galaxies, tokens, width, pooled);
    mean_of_patches(room->wide, galaxies, tokens, s->hidden, hidden);
}

/* The dense layers, for all galaxies of a call. */
static void fuse(const struct shape *s, const float *magnitude, long count, const float **weights,
                 struct found *found, float *redshift)
{
    const long width = s->width, features = s->features, fused = fused_count(s), side = s->magnitude_width;
    /* The mean over tokens changes places with the last linear layer of the transformer. */
    linear(matrix(found->hidden, s->hidden), count, take_layer(weights, s->hidden, width), width, found->pooled,
           width, ADD);
    layer_norm(found->pooled, count, width, found->first);
    linear(matrix(found->first, width), count, take_layer(weights, width, features), features, found->fused, fused,
           RELU);
    linear(matrix(found->looked, looked_count(s)), count, take_layer(weights, looked_count(s), features), features,
           found->fused + features, fused, RELU);
    linear(matrix(magnitude, s->bands), count, take_layer(weights, s->bands, side), side, found->first, side, RELU);
    linear(matrix(found->first, side), count, take_layer(weights, side, side), side, found->second, side, RELU);
    linear(matrix(found->second, side), count, take_layer(weights, side, side), side, found->first, side, RELU);
    linear(matrix(found->first, side), count, take_layer(weights, side, side), side, found->fused + 2 * features,
           fused, RELU);
    linear(matrix(found->fused, fused), count, take_layer(weights, fused, s->fusion_width), s->fusion_width,
           found->first, s->fusion_width, RELU);
    linear(matrix(found->first, s->fusion_width), count, take_layer(weights, s->fusion_width, 1), 1, redshift, 1,
           REPLACE);
}

static long predict(const struct shape *s, const float *weights, const float *images, const float *magnitude,
                    long count, struct room *room, struct found *found, long together, float *redshift)
{
    const long pixels = (long)s->bands * s->image_size * s->image_size, looked = looked_count(s);
    const float *after_encoder = weights, *after_inception = weights;
    for (long at = 0; at < count; at += together) {
        const long galaxies = count - at < together ? count - at : together;
        after_encoder = weights;
        encode(s, images + at * pixels, galaxies, &after_encoder, room, found->pooled + at * s->width,
               found->hidden + at * s->hidden);
    }
    for (long g = 0; g < count; g++) {
        after_inception = after_encoder;
        inception(images + g * pixels, s->bands, s->image_size, s->inception_width, &after_inception, &room->plates);
        memcpy(found->looked + g * looked, room->plates.image, looked * sizeof(float));
    }
    const float *end = after_inception;
    fuse(s, magnitude, count, &end, found, redshift);
    return end - weights;
}

/* Redshifts [count] of images [count, bands, size, size] and magnitudes [count, bands]; `size` numbers of
 * weights. Returns an outcome; OTHER_WEIGHTS if the weights are not as many as the network of this shape has. */
EXPORT int astromae_predict(const struct shape *s, const float *weights, long size, const float *images,
                            const float *magnitude, long count, float *redshift)
{
    struct room room;
    struct found found;
    long together = ROWS_AT_ONCE / token_count(s);
    together = together < 1 ? 1 : together < count ? together : count;
    const long first = lay_out_room(s, together, NULL, &room);
    const long numbers = first + lay_out_found(s, count, NULL, &found);
    float *block = aligned_alloc(ALIGNMENT, numbers * sizeof(float));
    if (!block)
        return NO_MEMORY;
    memset(block, 0, first * sizeof(float));
    lay_out_room(s, together, block, &room);
    lay_out_found(s, count, block + first, &found);
    const long used = predict(s, weights, images, magnitude, count, &room, &found, together, redshift);
    free(block);
    return used == size ? DONE : OTHER_WEIGHTS;
}

#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#elif defined(__x86_64__)
#pragma GCC pop_options
#endif

enum processor { TOO_OLD, MEASURED, NOT_MEASURED };

#ifndef SOURCES
#define SOURCES "" /* compiled by hand: whoever did knows of what */
#endif

/* Which sources this was compiled from: setup.py's checksum of them. */
EXPORT const char *astromae_sources(void) { return SOURCES; }

#ifdef __x86_64__
#include <cpuid.h>

/* Which registers the operating system keeps for a program: bits of XCR0 (Intel's manual, volume 1, 13.3). */
static unsigned kept_registers(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

/* Whether this processor runs the code above, and whether that is known to be faster there than libraries that
 * choose their instructions at run time: with vectors of 256 bits it is, wider ones and Arm were not at hand.
 * Not by __builtin_cpu_supports, which says no to everything where Zig's compiler links it. */
EXPORT int astromae_processor(void)
{
#ifdef __x86_64__
    const unsigned vectors = 0x06, wide_vectors = 0xe6, needed = bit_OSXSAVE | bit_AVX | bit_FMA;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & needed) != needed || (kept_registers() & vectors) != vectors)
        return TOO_OLD;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return TOO_OLD;
    return b & bit_AVX512F && (kept_registers() & wide_vectors) == wide_vectors ? NOT_MEASURED : MEASURED;
#else
    return NOT_MEASURED;
#endif
}
