/*
 * Fibers on x86-64. See fiber.h.
 */
#include "fiber.h"

#include <asm/prctl.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __x86_64__
#error "there are no fibers for this processor"
#endif

/* Where all stacks lie, so that addresses are the same in each process; nothing else is placed here. */
static const uintptr_t STACKS = UINT64_C(0x300000000000);

enum { DONOR_STACK_SIZE = 64 * 1024, HWCAP2_FSGSBASE = 2 };

static bool has_fsgsbase;
static sem_t donor_is_ready;

/* Saves what a function must not change on the stack, and goes on where the other stack says. */
void fiber_swap_stacks(void **save, void *load);
__asm__(".text\n"
        ".globl fiber_swap_stacks\n"
        ".type fiber_swap_stacks, @function\n"
        "fiber_swap_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fiber_swap_stacks, . - fiber_swap_stacks\n");

static void *thread_pointer(void)
{
    void *pointer = NULL;
    if (syscall(SYS_arch_prctl, ARCH_GET_FS, &pointer) != 0)
        abort();
    return pointer;
}

static inline void set_thread_pointer(void *pointer)
{
    if (has_fsgsbase)
        __asm__ volatile("wrfsbase %0" ::"r"(pointer) : "memory");
    else
        syscall(SYS_arch_prctl, ARCH_SET_FS, pointer);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    set_thread_pointer(to->thread_pointer);
    fiber_swap_stacks(&from->stack_pointer, to->stack_pointer);
}

/* -- Thread-local variables ---------------------------------------------------------------------------------------- */

struct image {
    unsigned char *locals; /* the calling thread's */
    const unsigned char *initial;
    size_t initial_size;
    size_t size;
};

/* The first object is the program itself. */
static int find_image(struct dl_phdr_info *info, size_t size, void *found)
{
    struct image *image = found;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_TLS)
            continue;
        *image = (struct image){.locals = info->dlpi_tls_data,
                                .initial = (const unsigned char *)(info->dlpi_addr + header->p_vaddr),
                                .initial_size = header->p_filesz,
                                .size = header->p_memsz};
    }
    return 1;
}

static struct image image_of_caller(void)
{
    struct image image = {0};
    dl_iterate_phdr(find_image, &image);
    if (!image.locals)
        abort();
    return image;
}

static struct image program_image;

static void *donate(void *argument)
{
    struct fiber *fiber = argument;
    fiber->thread_pointer = thread_pointer();
    fiber->thread_locals = image_of_caller().locals;
    sem_post(&donor_is_ready);
    for (;;)
        pause();
    return NULL;
}

/* -- Life ---------------------------------------------------------------------------------------------------------- */

void fiber_create_all(struct fiber *carrier, struct fiber *fibers, size_t count)
{
    const size_t each = FIBER_STACK_SIZE + DONOR_STACK_SIZE;
    unsigned char *memory = mmap((void *)STACKS, each * count, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    pthread_attr_t attributes;
    has_fsgsbase = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
    if (memory != (unsigned char *)STACKS || sem_init(&donor_is_ready, 0, 0) != 0 ||
        pthread_attr_init(&attributes) != 0)
        abort();
    carrier->thread_pointer = thread_pointer();
    program_image = image_of_caller();
    for (size_t i = 0; i < count; i++) {
        pthread_t donor;
        unsigned char *place = memory + i * each;
        fibers[i].stack = place + DONOR_STACK_SIZE;
        if (pthread_attr_setstack(&attributes, place, DONOR_STACK_SIZE) != 0 ||
            pthread_create(&donor, &attributes, donate, &fibers[i]) != 0)
            abort();
        while (sem_wait(&donor_is_ready) != 0)
            continue;
    }
    pthread_attr_destroy(&attributes);
}

void fiber_prepare(struct fiber *fiber, void (*body)(void))
{
    memcpy(fiber->thread_locals, program_image.initial, program_image.initial_size);
    memset(fiber->thread_locals + program_image.initial_size, 0, program_image.size - program_image.initial_size);
    /* What the switch takes off: six registers, and where to go on; `body` finds the stack as after a call. */
    uintptr_t *top = (uintptr_t *)(void *)(fiber->stack + FIBER_STACK_SIZE);
    *--top = 0;
    *--top = (uintptr_t)body;
    for (int i = 0; i < 6; i++)
        *--top = 0;
    fiber->stack_pointer = top;
}
