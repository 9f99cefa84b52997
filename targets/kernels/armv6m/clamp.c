// Clamps narrower than int8: the kernels themselves only saturate.
#include "requantize.h"

void tinyiree_armv6m_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output) {
    const int32_t low = output->clamp_min, high = output->clamp_max;
    if (low == -128 && high == 127)
        return;
    for (int8_t *const end = bytes + count; bytes != end; ++bytes) {
        if (*bytes < low)
            *bytes = (int8_t)low;
        else if (*bytes > high)
            *bytes = (int8_t)high;
    }
}
