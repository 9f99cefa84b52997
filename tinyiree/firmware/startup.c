#include "startup.h"

#include "semihosting.h"

void tinyiree_start(void) {
    const uint32_t *source = tinyiree_data_load;
    for (uint32_t *target = tinyiree_data_start; target < tinyiree_data_end;)
        *target++ = *source++;
    for (uint32_t *target = tinyiree_bss_start; target < tinyiree_bss_end;)
        *target++ = 0;
    semihosting_exit(tinyiree_selftest());
}

void tinyiree_fault(uint32_t cause, uint32_t address) {
    semihosting_print("tinyiree: fault, cause ");
    semihosting_print_unsigned(cause);
    semihosting_print(" at ");
    semihosting_print_hex(address);
    semihosting_print("\n");
    semihosting_exit(0);
}
