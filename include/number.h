/* Numbers as decimal text, for what is written many thousand times: printf takes ten times as long.
 */
#ifndef UDPWATCH_NUMBER_H
#define UDPWATCH_NUMBER_H

#include <stdint.h>

/* Room for any number that is written here. */
enum { NUMBER_SIZE = 32 };

/* Write a number at a place with room for NUMBER_SIZE bytes. Returns the end; no NUL is put there.
 */
char *number_write(char *at, uint64_t number);

/* Write a finite number as printf's %.15g does, so with the 15 digits that a double holds for sure.
 * As number_write else. */
char *number_write_real(char *at, double number);

#endif
