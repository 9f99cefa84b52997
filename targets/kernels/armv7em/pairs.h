// Products of four inputs and four weights that stay bytes in flash: only half of the weights is
// widened before use.
//
// A word of weights has two halfwords r = 256 * w0 + w1 and the same of w2, w3. Four inputs b0..b3
// are made two words, X with the halfwords 256 * b1 + 127 - b0 and 256 * b3 + 127 - b2, and Y with
// b0 and b2. Then
//     SMLAD(X, SXTB16(r)) + SMLAD(Y, r) = 256 * (b0 * w0 + .. + b3 * w3) + 127 * (w1 + w3)
// The last term is known beforehand, and goes into the bias (tinyiree.kernels.pairs).
#ifndef TINYIREE_ARMV7EM_PAIRS_H
#define TINYIREE_ARMV7EM_PAIRS_H

#include "requantize.h"

// x: the inputs, becomes X; y becomes Y.
#define TINYIREE_PREPARE(x, y)                                                                     \
    "sxtb16 " y ", " x "\n"                                                                        \
    "eor " x ", " x ", #0x007f007f\n"

// Spoils the weights w.
#define TINYIREE_PAIRS(acc, w, x, y)                                                               \
    "smlad " acc ", " y ", " w ", " acc "\n"                                                       \
    "sxtb16 " w ", " w "\n"                                                                        \
    "smlad " acc ", " x ", " w ", " acc "\n"

#endif
