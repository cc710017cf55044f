#include "number.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { REAL_DIGITS = 15 };

/* The powers of ten that a double holds, as many as are needed. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};

static size_t count_digits(uint64_t number)
{
    size_t digits = 1;

    for (; number >= 100; number /= 100)
        digits += 2;
    return digits + (number >= 10);
}

/* From the end on, two digits at a time. */
char *number_write(char *at, uint64_t number)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char *end, *begin;

    if (number < 10) { /* most are */
        *at = (char)('0' + number);
        return at + 1;
    }
    end = begin = at + count_digits(number);
    for (; number >= 100; number /= 100)
        memcpy(begin -= 2, &pairs[2 * (number % 100)], 2);
    if (number >= 10)
        memcpy(begin - 2, &pairs[2 * number], 2);
    else
        begin[-1] = (char)('0' + number);
    return end;
}

static char *print_real(char *at, double number)
{
    return at + snprintf(at, NUMBER_SIZE, "%.15g", number);
}

/* How many decimals 15 digits leave for a number from 1e-4 to below 1e15. */
static int count_decimals(double number)
{
    int decimals = REAL_DIGITS;

    for (int digits = 0; number >= powers[digits]; digits++)
        decimals--;
    if (number < 1e-1)
        decimals += number < 1e-2 ? number < 1e-3 ? 3 : 2 : 1;
    return decimals;
}

/* Write so many decimals, without the zeros at the end. */
static char *write_decimals(char *at, uint64_t value, int decimals)
{
    for (; value % 10 == 0; value /= 10)
        decimals--;
    *at = '.';
    for (int i = decimals; i > 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + decimals + 1;
}

/* From here on a number can be rounded to 1e15, which has an exponent. */
static const double least_large = 999999999999999;

/* The part before the point, the difference to it, and the power are exact; their product is
 * rounded, which never takes it past a half, but perhaps to one: then printf has to tell. */
char *number_write_real(char *at, double number)
{
    uint64_t whole, fraction;
    double scaled, rest;
    int decimals;

    if (signbit(number) || !(number < least_large))
        return print_real(at, number);
    whole = (uint64_t)number;
    if (number == (double)whole)
        return number_write(at, whole);
    if (number < 1e-4)
        return print_real(at, number);
    decimals = count_decimals(number);
    scaled = (number - (double)whole) * powers[decimals];
    fraction = (uint64_t)scaled;
    rest = scaled - (double)fraction;
    if (rest == 0.5)
        return print_real(at, number);
    fraction += rest > 0.5;
    if ((double)fraction == powers[decimals])
        return number_write(at, whole + 1);
    at = number_write(at, whole);
    return fraction > 0 ? write_decimals(at, fraction, decimals) : at;
}
