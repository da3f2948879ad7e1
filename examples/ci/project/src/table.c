#include <stdlib.h>
#include <string.h>
#include <words.h>

struct words_entry {
    char *word;
    size_t seen;
};

size_t words_seen(struct words_table *table, const char *word, size_t length) {
    for (size_t i = 0; i < table->used; i++) {
        struct words_entry *entry = &table->entries[i];
        if (strlen(entry->word) == length && !memcmp(entry->word, word, length)) return ++entry->seen;
    }
    if (table->used == table->size) {
        size_t size = table->size ? 2 * table->size : 8;
        struct words_entry *entries = realloc(table->entries, size * sizeof *entries);
        if (!entries) return 0;
        table->entries = entries;
        table->size = size;
    }
    char *copy = calloc(1, length + 1);
    if (!copy) return 0;
    memcpy(copy, word, length);
    table->entries[table->used++] = (struct words_entry){copy, 1};
    return 1;
}

void words_free(struct words_table *table) {
    for (size_t i = 0; i < table->used; i++) free(table->entries[i].word);
    free(table->entries);
    *table = (struct words_table){0};
}
