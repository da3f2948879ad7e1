#include <ctype.h>
#include <words.h>

size_t words_split(const char *text, void (*each)(const char *word, size_t length, void *data),
                   void *data) {
    size_t count = 0;
    while (*text) {
        while (*text && !isalnum((unsigned char)*text)) text++;
        const char *begin = text;
        while (isalnum((unsigned char)*text)) text++;
        if (text > begin) {
            each(begin, (size_t)(text - begin), data);
            count++;
        }
    }
    return count;
}
