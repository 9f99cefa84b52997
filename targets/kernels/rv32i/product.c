// What all kernels here share: the table of quarter squares, products of words, the end of a sum.
#include "product.h"

#define Q1(n)  (uint16_t)((n) * (n) / 4)
#define Q4(n)  Q1(n), Q1((n) + 1), Q1((n) + 2), Q1((n) + 3)
#define Q16(n) Q4(n), Q4((n) + 4), Q4((n) + 8), Q4((n) + 12)
#define Q64(n) Q16(n), Q16((n) + 16), Q16((n) + 32), Q16((n) + 48)

// q(n) of n from -256 to 255.
static const uint16_t quarter_squares[512] = {
    Q64(-256), Q64(-192), Q64(-128), Q64(-64), Q64(0), Q64(64), Q64(128), Q64(192),
};

int32_t tinyiree_rv32i_dot(int32_t sum, const int8_t *in, uint32_t step, const int8_t *weights,
                           uint32_t count) {
    const uint16_t *zero = quarter_squares + 256;
    const int8_t *end = weights + count;
    // The compiler must not know: it would add the 256 in every turn, and count turns besides.
    __asm__("" : "+r"(zero), "+r"(end));
    do {
        const uint16_t *const q = zero + *in;
        const int32_t weight = *weights;
        sum += q[weight];
        sum -= q[-weight];
        in += step;
        ++weights;
    } while (weights != end);
    return sum;
}

uint32_t tinyiree_rv32i_multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (; b != 0; b >>= 1, a <<= 1)
        if (b & 1)
            product += a;
    return product;
}

// floor(a * b / 2^32). The bits of b from the lowest on; what a shift drops is below the floor.
static int32_t high_word(int32_t a, int32_t b) {
    int32_t high = 0;
    uint32_t bits = (uint32_t)b;
    for (uint32_t left = 31; left > 0; --left, bits >>= 1) {
        if (bits & 1)
            high += a;
        high >>= 1;
    }
    // The last bit of a negative number counts -2^31.
    return (high - (bits & 1 ? a : 0)) >> 1;
}

int8_t tinyiree_rv32i_finish(int32_t sum, const tinyiree_channel_t *channel,
                             const tinyiree_mulh_t *rescale, const tinyiree_output_t *output) {
    const uint32_t e = channel->bias_and_shift & 31;
    int32_t y = high_word((int32_t)((uint32_t)sum << rescale->shift), channel->multiplier);
    y += (int32_t)((uint32_t)(2 * output->zero_point + 1) << e) + rescale->add;
    if (sum < 0)
        y += rescale->add_if_negative;
    y >>= e + 1;
    if (y < output->clamp_min)
        return output->clamp_min;
    return (int8_t)(y > output->clamp_max ? output->clamp_max : y);
}
