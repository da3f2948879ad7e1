#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

/** Calls `each` with every word of a text; returns how many there were. */
size_t words_split(const char *text, void (*each)(const char *word, size_t length, void *data),
                   void *data);

/** A table of words and how often each was seen. */
struct words_table {
    struct words_entry *entries;
    size_t used, size;
};

/** Counts a word once more; returns how often it was seen, 0 without memory. */
size_t words_seen(struct words_table *table, const char *word, size_t length);

/** Gives the memory of a table back. */
void words_free(struct words_table *table);

/** Counts the words of a text; returns how many different ones there are. */
size_t words_count(struct words_table *table, const char *text);

#endif
