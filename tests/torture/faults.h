/*
 * Faults: what stands between the library and the system in a torture test, and has a chosen call fail.
 *
 * Every function of pool/os/os.h that can fail, and every function of the system by which the port can fail, is linked
 * as a wrapper (tools/torture_calls.py, calls.txt). A wrapper of the first kind notes where the thread is; one of the
 * second kind counts the call for the function that makes it, and fails instead of calling if a fault is armed for this
 * one. Calls of the test itself, which are made in no function of the port, are let through and not counted.
 *
 * Threads: any. What is armed is written before the library runs, or while it has nothing to do, and read by all.
 */
#ifndef APM_TESTS_FAULTS_H
#define APM_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "torture_numbers.h"

/* -- The list, in the order of calls.txt --------------------------------------------------------------------------- */

/* A function of the port, and a call that it makes. */
struct faults_use {
    short function;
    short call;
    const int *codes; /* what it can give */
    size_t code_count;
    bool borne; /* the library may go on without telling anybody */
};

struct faults_error {
    const char *name;
    int code;
};

extern const char *const faults_functions[];
extern const char *const faults_calls[];
extern const struct faults_use faults_uses[];
extern const size_t faults_use_count;
extern const struct faults_error faults_errors[];
extern const size_t faults_error_count;

const char *faults_error_name(int code);

/* -- Faults -------------------------------------------------------------------------------------------------------- */

enum { FAULTS_LIMIT = 3 };

/* The nth time that the use comes by, while it is counted, it gives the code; every time, if n is 0. */
struct faults_fault {
    size_t use;
    unsigned nth;
    int code;
};

/* What a process and its parent both see. Atomic: any thread of the process counts. */
struct faults_report {
    _Atomic unsigned counts[FAULTS_USE_LIMIT];
    _Atomic bool fired[FAULTS_LIMIT];
};

/* Counts into `report` from now on, and has the faults come. NULL: neither. */
void faults_arm(struct faults_report *report, const struct faults_fault *faults, size_t count);

/* Whether any of those that come once has come. */
bool faults_fired(void);

/*
 * The error that the port gave the library because of the fault that fired last: an apm_error, and 0 where the failure
 * is the port's to deal with, as an interruption is.
 */
int faults_outcome(size_t fault);

/* The size of the memory that the last allocation to fail was to have. */
size_t faults_refused_size(void);

/* -- For the wrappers ---------------------------------------------------------------------------------------------- */

/* In which function of the port a thread is, -1 for none, and the fault that has come there, -1 for none. */
struct faults_place {
    int function;
    int fired;
};

struct faults_place faults_enter(int function);
void faults_leave(struct faults_place before, int outcome);

/* -- Memory that the library has ----------------------------------------------------------------------------------- */

/* A place in the library that allocates, as an address behind the call. */
enum { FAULTS_SITE_LIMIT = 64 };

struct faults_sites {
    size_t count;
    uintptr_t sites[FAULTS_SITE_LIMIT];
};

/* The places whose memory has not been given back. */
void faults_allocated(struct faults_sites *sites);

#endif
