/*
 * Owns nothing; reads /proc and the CPU-time clock of a process. Single threaded.
 *
 * The CPU-time clock counts what the scheduler charged, in nanoseconds; /proc/PID/stat has the same in ticks of 10
 * ms. A thread that runs on another core while its clock is read is charged up to the last scheduler tick only, so a
 * window of a second is right to a fraction of a percent.
 */
#define _GNU_SOURCE 1
#include "process.h"

#include "clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROC_PATH_BYTES 64

bool process_cpu_ns(pid_t pid, uint64_t *cpu_ns)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return false;
    *cpu_ns = clock_nanoseconds(&used);
    return true;
}

/*
 * Clean private pages are left out: they are program code, which turns from private to shared and back when another
 * process of the same program starts or ends, and which the kernel drops as it likes.
 */
bool process_memory(pid_t pid, struct process_memory *memory)
{
    char path[PROC_PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    struct process_memory found = {0};
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        char name[32];
        uint64_t kibibytes;
        if (sscanf(line, "%31[A-Za-z_]: %" SCNu64 " kB", name, &kibibytes) != 2)
            continue;
        if (strcmp(name, "Rss") == 0)
            found.resident_bytes = kibibytes * 1024;
        if (strcmp(name, "Private_Dirty") == 0)
            found.written_bytes = kibibytes * 1024;
    }
    fclose(file);
    if (found.resident_bytes == 0)
        return false;
    *memory = found;
    return true;
}

bool process_descriptor_count(pid_t pid, uint32_t *count)
{
    char path[PROC_PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    uint32_t found = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        found += entry->d_name[0] != '.';
    closedir(directory);
    *count = found;
    return true;
}
