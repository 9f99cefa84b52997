// Addition of two tensors: two 32-bit multiplies an element, the first of which also adds the
// offset. Eight elements are read before they are written. The shift is at least 16.
#include "requantize.h"

#include <arm_mve.h>

// Four elements, shifted by 16.
static int32x4_t four(const tinyiree_add_t *p, int32x4_t a, int32x4_t b) {
    const int32x4_t sum = vmlasq_n_s32(a, vdupq_n_s32(p->a_multiplier), p->offset);
    return vshrq_n_s32(vmlaq_n_s32(sum, b, p->b_multiplier), 16);
}

tinyiree_kernel_t tinyiree_mve_add;

void tinyiree_mve_add(const void *params, void *const *pointers, uint32_t first_row,
                      uint32_t last_row) {
    const tinyiree_add_t *p = params;
    const uint32_t start = first_row * p->row_elements;
    const uint32_t count = last_row * p->row_elements - start;
    const int8_t *a = (const int8_t *)pointers[0] + start, *b = (const int8_t *)pointers[1] + start;
    int8_t *const out = (int8_t *)pointers[2] + start;
    int8_t *to = out;
    const int32_t shift = 16 - p->shift;
    // Narrowing puts the second four between the first.
    const uint16x8_t order =
        vreinterpretq_u16_u32(vaddq_n_u32(vmulq_n_u32(vidupq_n_u32(0, 1), 0x10001), 0x40000));
    if (count >= 8)
        __asm__ volatile("vdup.32 q3, %[a_multiplier]\n"
                         "dls lr, %[eights]\n"
                         "1:\n"
                         "vldrb.s32 q0, [%[a]], #4\n"
                         "vmlas.s32 q0, q3, %[offset]\n"
                         "vldrb.s32 q1, [%[b]], #4\n"
                         "vmla.s32 q0, q1, %[b_multiplier]\n"
                         "vldrb.s32 q2, [%[a]], #4\n"
                         "vmlas.s32 q2, q3, %[offset]\n"
                         "vldrb.s32 q1, [%[b]], #4\n"
                         "vmla.s32 q2, q1, %[b_multiplier]\n"
                         "vshrnb.i32 q0, q0, #16\n"
                         "vshrnt.i32 q0, q2, #16\n"
                         "vshl.s16 q0, %[shift]\n"
                         "vqmovnb.s16 q0, q0\n"
                         "vstrb.16 q0, [%[to], %q[order]]\n"
                         "add %[to], %[to], #8\n"
                         "le lr, 1b\n"
                         : [a] "+r"(a), [b] "+r"(b), [to] "+r"(to)
                         : [a_multiplier] "r"(p->a_multiplier), [b_multiplier] "r"(p->b_multiplier),
                           [offset] "r"(p->offset), [shift] "r"(shift), [eights] "r"(count / 8),
                           [order] "w"(order)
                         : "lr", "q0", "q1", "q2", "q3", "memory");
    for (int32_t left = count % 8; left > 0; left -= 4, a += 4, b += 4, to += 4) {
        const mve_pred16_t inside = vctp32q((uint32_t)left);
        int32x4_t y = four(p, vldrbq_z_s32(a, inside), vldrbq_z_s32(b, inside));
        y = vshlq_r_s32(y, shift);
        y = vminq_s32(vmaxq_s32(y, vdupq_n_s32(-128)), vdupq_n_s32(127));
        vstrbq_p_s32(to, y, inside);
    }
    tinyiree_mve_clamp(out, count, &p->output);
}
