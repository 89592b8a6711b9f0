/* Matrix products: tiles of 6 rows by 16 columns, which stay in 12 of the 16 registers of AVX2.
 *
 * The left matrix is read where it lies, row by row. The right one comes in panels of 16 columns, packed one
 * after the other, so that a panel is read in order and stays in the first-level cache while rows pass by.
 */
#ifndef PRODUCT_H
#define PRODUCT_H

#include "vector.h"

#define ROWS 6
#define COLUMNS 16

/* Rows of a matrix, `stride` apart. A row is `segments` pieces of `length` numbers, `jump` apart: one for a
 * plain matrix; for a convolution, one for each line of the image under the kernel. */
struct left {
    const float *at;
    long stride, segments, jump, length;
};

/* What is done with a product: it replaces what was there, is added to it, or replaces it after the function. */
enum after { REPLACE, ADD, RELU, GELU };

INLINE struct left matrix(const float *at, long columns) { return (struct left){at, columns, 1, 0, columns}; }

INLINE long rounded(long count, long step) { return (count + step - 1) / step * step; }

/* The next `count` weights; everything in the buffer of weights begins on a multiple of 16 numbers. */
INLINE const float *take(const float **weights, long count)
{
    const float *found = *weights;
    *weights += rounded(count, COLUMNS);
    return found;
}

INLINE void tile(const int rows, struct left a, const float *b, long b_stride, const float *bias, float *c,
                 long c_stride, long columns, enum after after)
{
    vec sum[ROWS][2];
    for (int r = 0; r < rows; r++) {
        sum[r][0] = bias ? load(bias) : all(0);
        sum[r][1] = bias ? load(bias + LANES) : all(0);
    }
    for (long segment = 0; segment < a.segments; segment++) {
        const float *from = a.at + segment * a.jump;
#pragma GCC unroll 2
        for (long i = 0; i < a.length; i++, b += b_stride) {
            const vec left = load(b), right = load(b + LANES);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                const vec factor = all(from[r * a.stride + i]);
                sum[r][0] += factor * left;
                sum[r][1] += factor * right;
            }
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++, c += c_stride) {
        if (after == RELU) {
            sum[r][0] = relu(sum[r][0]);
            sum[r][1] = relu(sum[r][1]);
        }
        if (columns < COLUMNS) {
            float line[COLUMNS];
            store(line, sum[r][0]);
            store(line + LANES, sum[r][1]);
            for (long column = 0; column < columns; column++)
                c[column] = after == ADD ? c[column] + line[column] : line[column];
        } else {
            store(c, after == ADD ? load(c) + sum[r][0] : sum[r][0]);
            store(c + LANES, after == ADD ? load(c + LANES) + sum[r][1] : sum[r][1]);
        }
    }
}

INLINE void gelu_of_panel(float *c, long c_stride, long rows, long columns)
{
    for (long r = 0; r < rows; r++, c += c_stride)
        for (long column = 0; column < columns; column += LANES)
            store_first(c + column, gelu(load(c + column)), columns - column);
}

/* `rows` rows of a times at most 16 columns b, whose rows are b_stride apart; `bias` may be NULL. */
static __attribute__((noinline)) void panel(struct left a, long rows, const float *b, long b_stride, const float *bias, float *c,
                  long c_stride, long columns, enum after after)
{
    float *const first = c;
    long r = 0;
    for (; r + ROWS <= rows; r += ROWS, a.at += ROWS * a.stride, c += ROWS * c_stride)
        tile(ROWS, a, b, b_stride, bias, c, c_stride, columns, after);
    switch (rows - r) {
    case 1: tile(1, a, b, b_stride, bias, c, c_stride, columns, after); break;
    case 2: tile(2, a, b, b_stride, bias, c, c_stride, columns, after); break;
    case 3: tile(3, a, b, b_stride, bias, c, c_stride, columns, after); break;
    case 4: tile(4, a, b, b_stride, bias, c, c_stride, columns, after); break;
    case 5: tile(5, a, b, b_stride, bias, c, c_stride, columns, after); break;
    }
    if (after == GELU)
        gelu_of_panel(first, c_stride, rows, columns);
}

/* A linear layer's weights: a bias, and panels of 16 columns. */
struct layer {
    const float *bias, *panels;
};

INLINE struct layer take_layer(const float **weights, long inputs, long outputs)
{
    struct layer found;
    found.bias = take(weights, outputs);
    found.panels = take(weights, inputs * rounded(outputs, COLUMNS));
    return found;
}

/* `rows` rows of a through a linear layer with `outputs` outputs. */
static void linear(struct left a, long rows, struct layer layer, long outputs, float *c, long c_stride,
                   enum after after)
{
    const long inputs = a.segments * a.length;
    for (long at = 0; at < outputs; at += COLUMNS) {
        const long columns = outputs - at < COLUMNS ? outputs - at : COLUMNS;
        panel(a, rows, layer.panels + at * inputs, COLUMNS, layer.bias + at, c + at, c_stride, columns, after);
    }
}

#endif
