/* "Did you mean": the nearest of the words that are right. */
#include <ctype.h>
#include <string.h>

#include "config/keys.h"

enum { WORD_MAX = 24, DISTANCE_MAX = 2 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static int is_different(char a, char b)
{
    return tolower((unsigned char)a) != tolower((unsigned char)b);
}

/* The number of letters to insert, remove or replace (Levenshtein), capitals aside. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (size_t)is_different(a[i - 1], b[j - 1]);
            diagonal = row[j];
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[b_length];
}

void config_suggest(struct text *text, const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t least = DISTANCE_MAX + 1;
    for (size_t i = 0; i < count; i++) {
        size_t steps = distance(word, words[i]);
        /* a word of which nothing is left is no near miss */
        if (steps < least && steps < strlen(words[i]) / 2) {
            least = steps;
            nearest = words[i];
        }
    }
    if (nearest)
        text_print(text, "; did you mean %s?", nearest);
}
