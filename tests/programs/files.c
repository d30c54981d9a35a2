//@ arg alpha
//@ arg beta gamma
//@ env GREETING=good morning
//@ dir /files
// stdio on a folder of the host: binary and text files, seeking, listing, errno for what goes wrong.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) printf("arg %d: %s\n", i, argv[i]);
    printf("env: %s, %s\n", getenv("GREETING"), getenv("ABSENT") ? "set" : "unset");

    FILE *file = fopen("/files/numbers.txt", "w+");
    if (!file) return 1;
    for (int i = 0; i < 2000; i++) fprintf(file, "%d %f\n", i, i / 8.0);
    printf("position %ld\n", ftell(file));
    rewind(file);
    long sum = 0;
    double total = 0, value;
    int number;
    while (fscanf(file, "%d %lf", &number, &value) == 2) sum += number, total += value;
    printf("sum %ld total %.3f eof %d\n", sum, total, feof(file) != 0);
    fclose(file);

    int fd = open("/files/holes.bin", O_CREAT | O_RDWR | O_EXCL, 0644);
    printf("seek %lld\n", (long long)lseek(fd, 5000, SEEK_SET));
    printf("wrote %zd\n", write(fd, "end", 3));
    struct stat status;
    fstat(fd, &status);
    char buffer[16] = "xxxxxxxxxxxxxxx";
    printf("size %lld, at 4999: %zd bytes", (long long)status.st_size, pread(fd, buffer, 8, 4999));
    printf(" %d '%c%c%c' '%c'\n", buffer[0], buffer[1], buffer[2], buffer[3], buffer[4]);
    close(fd);

    printf("exclusive: %s\n", open("/files/holes.bin", O_CREAT | O_EXCL | O_RDWR, 0644) < 0 ? strerror(errno) : "opened");
    printf("missing: %s\n", fopen("/files/none", "r") ? "opened" : strerror(errno));
    printf("directory: %s\n", open("/files", O_WRONLY) < 0 ? strerror(errno) : "opened");
    printf("closed: %s\n", write(fd, "x", 1) < 0 ? strerror(errno) : "written");
    printf("mkdir %d rename %d\n", mkdir("/files/sub", 0755), rename("/files/holes.bin", "/files/sub/renamed"));
    printf("link %d %s\n", symlink("sub/renamed", "/files/link"), stat("/files/link", &status) ? "broken" : "resolves");

    char *names[16];
    int count = 0;
    DIR *folder = opendir("/files");
    for (struct dirent *entry; (entry = readdir(folder)) && count < 16;)
        if (entry->d_name[0] != '.') names[count++] = strdup(entry->d_name);
    closedir(folder);
    qsort(names, count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) printf("entry %s\n", names[i]);

    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    usleep(2000);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long long elapsed = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
    printf("slept at least 2 ms: %d; this century: %d\n", elapsed >= 2000000, time(NULL) > 946684800);
    unlink("/files/link");
    unlink("/files/sub/renamed");
    printf("rmdir %d, again: %s\n", rmdir("/files/sub"), rmdir("/files/sub") ? strerror(errno) : "removed");
    return 0;
}
