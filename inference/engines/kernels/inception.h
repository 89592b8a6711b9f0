/* The Inception branch of one galaxy. Channels of a pixel lie next to each other. */
#ifndef INCEPTION_H
#define INCEPTION_H

#include "product.h"

/* Room for one galaxy: two images of the most channels, and one with a margin around it. */
struct plates {
    float *image, *next, *framed;
};

/* The means of 2x2 pixels of an image [side, side, channels]. */
static void average_pool(const float *from, long side, long channels, float *to)
{
    for (long y = 0; y < side; y += 2)
        for (long x = 0; x < side; x += 2, to += channels)
            for (long c = 0; c < channels; c++) {
                const float *at = from + (y * side + x) * channels + c, *below = at + side * channels;
                to[c] = (at[0] + at[channels] + below[0] + below[channels]) * 0.25f;
            }
}

/* The greatest of the 3x3 pixels around each, as far as they are in the image [side, side, channels], whose channels
 * are a multiple of 8. */
static void max_pool(const float *from, long side, long channels, float *to)
{
    for (long y = 0; y < side; y++)
        for (long x = 0; x < side; x++, to += channels)
            for (long c = 0; c < channels; c += LANES) {
                vec most = load(from + (y * side + x) * channels + c);
                for (long v = y ? y - 1 : 0; v <= y + 1 && v < side; v++)
                    for (long u = x ? x - 1 : 0; u <= x + 1 && u < side; u++)
                        most = at_least(most, load(from + (v * side + u) * channels + c));
                store(to + c, most);
            }
}

/* A 1x1 convolution of `image` and then a larger one, into `channels` of the pixels of `out`. */
static void narrow_then_wide(const float *image, long side, long inputs, long channels, long kernel,
                             const float **weights, float *framed, float *out, long out_stride)
{
    const struct layer narrow = take_layer(weights, inputs, channels);
    const struct layer wide = take_layer(weights, kernel * kernel * channels, channels);
    const long edge = kernel / 2, line = (side + 2 * edge) * channels;
    memset(framed, 0, (side + 2 * edge) * line * sizeof(float));
    for (long y = 0; y < side; y++)
        linear(matrix(image + y * side * inputs, inputs), side, narrow, channels,
               framed + (y + edge) * line + edge * channels, channels, RELU);
    for (long y = 0; y < side; y++) {
        const struct left under = {framed + y * line, channels, kernel, line, kernel * channels};
        linear(under, side, wide, channels, out + y * side * out_stride, out_stride, RELU);
    }
}

/* One Inception block: branches of `channels` each, next to each other in the pixels of plates->next, which
 * changes places with plates->image. */
static long inception_block(struct plates *plates, long side, long inputs, long channels, int five,
                            const float **weights)
{
    const long outputs = (five ? 4 : 3) * channels, pixels = side * side;
    float *out = plates->next;
    linear(matrix(plates->image, inputs), pixels, take_layer(weights, inputs, channels), channels, out, outputs,
           RELU);
    out += channels;
    narrow_then_wide(plates->image, side, inputs, channels, 3, weights, plates->framed, out, outputs);
    out += channels;
    if (five) {
        narrow_then_wide(plates->image, side, inputs, channels, 5, weights, plates->framed, out, outputs);
        out += channels;
    }
    max_pool(plates->image, side, inputs, plates->framed);
    linear(matrix(plates->framed, inputs), pixels, take_layer(weights, inputs, channels), channels, out, outputs,
           RELU);
    out = plates->image;
    plates->image = plates->next;
    plates->next = out;
    return outputs;
}

/* The 2x2 means of an image [bands, side, side], as half as large an image with its bands together. */
static void halve(const float *image, long bands, long side, float *to)
{
    for (long y = 0; y < side; y += 2)
        for (long x = 0; x < side; x += 2, to += bands)
            for (long band = 0; band < bands; band++) {
                const float *at = image + (band * side + y) * side + x;
                to[band] = (at[0] + at[1] + at[side] + at[side + 1]) * 0.25f;
            }
}

/* All blocks, on an image [bands, side, side]. Leaves the last one's output in plates->image. */
static void inception(const float *image, long bands, long side, long stem, const float **weights,
                      struct plates *plates)
{
    /* The first convolution is 1x1, so it changes places with the pooling after it. */
    halve(image, bands, side, plates->next);
    side /= 2;
    linear(matrix(plates->next, bands), side * side, take_layer(weights, bands, stem), stem, plates->image, stem,
           REPLACE);
    long channels = inception_block(plates, side, stem, stem / 2, 1, weights);
    channels = inception_block(plates, side, channels, stem / 2, 1, weights);
    for (int stage = 0; stage < 2; stage++) {
        average_pool(plates->image, side, channels, plates->next);
        float *const pooled = plates->next;
        plates->next = plates->image;
        plates->image = pooled;
        side /= 2;
        if (stage == 0) {
            channels = inception_block(plates, side, channels, stem / 4, 1, weights);
            channels = inception_block(plates, side, channels, stem / 4, 1, weights);
        }
    }
    inception_block(plates, side, channels, stem / 8, 0, weights);
}

#endif
