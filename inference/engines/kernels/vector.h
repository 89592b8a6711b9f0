/* Eight numbers of single precision at a time, and the functions of them that the network needs.
 *
 * Vectors are the compiler's own (GCC and Clang), so the same source serves x86 and Arm. Comparisons are
 * written so that what is not a number stays none: a galaxy with such a pixel must not get a redshift.
 */
#ifndef VECTOR_H
#define VECTOR_H

#include <string.h>

#define LANES 8
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(32)));
typedef int ivec __attribute__((vector_size(32)));
typedef float unaligned __attribute__((vector_size(32), aligned(4), may_alias));

INLINE vec load(const float *from) { return *(const unaligned *)from; }

INLINE void store(float *to, vec value) { *(unaligned *)to = value; }

/* The first `count` lanes only. */
INLINE void store_first(float *to, vec value, long count)
{
    if (count >= LANES)
        store(to, value);
    else
        memcpy(to, &value, count * sizeof(float));
}

INLINE vec all(float value) { return (vec){value, value, value, value, value, value, value, value}; }

#ifdef __x86_64__
/* One instruction, which returns its second operand when either is not a number. */
INLINE vec at_least(vec value, vec bound) { return __builtin_ia32_maxps256(bound, value); }

INLINE vec at_most(vec value, vec bound) { return __builtin_ia32_minps256(bound, value); }
#else
INLINE vec choose(ivec mask, vec yes, vec no) { return (vec)((mask & (ivec)yes) | (~mask & (ivec)no)); }

INLINE vec at_least(vec value, vec bound) { return choose(value < bound, bound, value); }

INLINE vec at_most(vec value, vec bound) { return choose(value > bound, bound, value); }
#endif

INLINE vec relu(vec x) { return at_least(x, all(0)); }

INLINE float sum_of(vec x)
{
    return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

INLINE float largest_of(vec x)
{
    float found = x[0];
    for (int lane = 1; lane < LANES; lane++)
        found = x[lane] > found ? x[lane] : found;
    return found;
}

/* e to the power of x. Below -87 it is e^-87, which single precision still holds, above 88 it is e^88.
 * Source: expf of the Cephes library (S. L. Moshier), with its polynomial; relative error about 1e-7. */
INLINE vec exponential(vec x)
{
    const vec round = all(12582912.0f); /* 1.5 * 2^23: what is added to it loses its fraction */
    x = at_most(at_least(x, all(-87)), all(88));
    vec whole = x * all(1.44269504088896341f) + round;
    ivec power = (ivec)whole << 23; /* the integer is in the lowest bits, and these become the exponent */
    whole -= round;
    vec rest = x - whole * all(0.693359375f);
    rest = rest + whole * all(2.12194440e-4f);
    vec y = all(1.9875691500e-4f);
    y = y * rest + all(1.3981999507e-3f);
    y = y * rest + all(8.3334519073e-3f);
    y = y * rest + all(4.1665795894e-2f);
    y = y * rest + all(1.6666665459e-1f);
    y = y * rest + all(5.0000001201e-1f);
    y = y * (rest * rest) + rest + all(1);
    return (vec)((ivec)y + power);
}

/* x times the logistic function of x. */
INLINE vec silu(vec x) { return x / (all(1) + exponential(-x)); }

/* x times the normal distribution's cumulative function, exactly (not its approximation by tanh).
 * Source of the error function: the rational approximation of the Eigen library (generic_fast_erf_float);
 * beyond +-4 it is +-1 in single precision. */
INLINE vec gelu(vec x)
{
    vec z = at_most(at_least(x * all(0.70710678118654752f), all(-4)), all(4));
    vec s = z * z;
    vec p = all(-2.72614225801306e-10f);
    p = p * s + all(2.77068142495902e-08f);
    p = p * s + all(-2.10102402082508e-06f);
    p = p * s + all(-5.69250639462346e-05f);
    p = p * s + all(-7.34990630326855e-04f);
    p = p * s + all(-2.95459980854025e-03f);
    p = p * s + all(-1.60960333262415e-02f);
    vec q = all(-1.45660718464996e-05f);
    q = q * s + all(-2.13374055278905e-04f);
    q = q * s + all(-1.68282697438203e-03f);
    q = q * s + all(-7.37332916720468e-03f);
    q = q * s + all(-1.42647390514189e-02f);
    vec half = all(0.5f) * x;
    return half + half * (z * p / q);
}

#endif
