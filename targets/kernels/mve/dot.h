// Sums of products of three columns with all filters, and their requantization.
#ifndef TINYIREE_MVE_DOT_H
#define TINYIREE_MVE_DOT_H

#include "requantize.h"

enum { TINYIREE_MVE_COLUMNS = 3 };

// The first three and the next seven are read by one LDM each. Columns are cut into steps of 16
// bytes, and those of the three columns follow each other.
typedef struct {
    const void *weights; // for each pair of channels and each step, 16 bytes of both
    const int8_t *columns;
    uint32_t more_steps; // after the first
    int8_t *out;
    uint32_t out_1; // from out; and from there on, 0 where there is no such column
    uint32_t out_2;
    const void *channels;
    uint32_t left;
    int32_t zero_point;
    uint32_t outputs;
} tinyiree_mve_dot_t;

typedef void tinyiree_mve_dot(tinyiree_mve_dot_t *call);

#endif
