// All that a sample app needs of a board: where its input comes from and where its words go.
//
// On a simulated core these are semihosting (app.c); in a product, a driver and a UART.

#ifndef TINYIREE_APP_H_
#define TINYIREE_APP_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The application, called once after start-up: returns 0 for success.
int app_main(void);

// Reads the next bytes of the input. Returns how many there were: fewer only at its end.
uint32_t app_read(void *target, uint32_t bytes);

// To the console.
void app_print(const char *text);
void app_print_int(int32_t value);

// Prints value / 10^decimals, with that many digits (0 to 9) after the point: (-25, 2) is -0.25.
void app_print_fixed(int32_t value, unsigned decimals);

#ifdef __cplusplus
}
#endif

#endif // TINYIREE_APP_H_
