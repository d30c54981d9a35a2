//@ snapshot --allow-wasi

// What an init function has left in memory, in globals and in the table is there when the program starts.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END 100000

static int *primes;
static int count;
static char *text;
static int (*chosen)(int);

static int square(int number) { return number * number; }

__attribute__((export_name("wizer.initialize"))) void initialize(void) {
    char *is_composite = calloc(END, 1);
    primes = malloc(END * sizeof *primes);
    for (int number = 2; number < END; number++) {
        if (is_composite[number]) continue;
        primes[count++] = number;
        for (int multiple = 2 * number; multiple < END; multiple += number) is_composite[multiple] = 1;
    }
    free(is_composite);
    text = strdup("made beforehand");
    chosen = square;
}

int main(void) {
    if (!primes) {
        puts("nothing is initialised");
        return 1;
    }
    printf("%d primes, the last is %d\n", count, primes[count - 1]);
    // The heap goes on where it was.
    text = realloc(text, 1000);
    strcat(text, ", and added to");
    printf("%s: %d\n", text, chosen(12));
    free(text);
    free(primes);
    return 0;
}
