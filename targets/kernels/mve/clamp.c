// Activations that are clamped to less than the range of int8.
#include "requantize.h"

#include <arm_mve.h>

void tinyiree_mve_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output) {
    if (output->clamp_min == -128 && output->clamp_max == 127)
        return;
    const int8x16_t low = vdupq_n_s8(output->clamp_min), high = vdupq_n_s8(output->clamp_max);
    for (int32_t left = (int32_t)count; left > 0; left -= 16, bytes += 16) {
        const mve_pred16_t inside = vctp8q((uint32_t)left);
        const int8x16_t x = vldrbq_z_s8(bytes, inside);
        vstrbq_p_s8(bytes, vminq_s8(vmaxq_s8(x, low), high), inside);
    }
}
