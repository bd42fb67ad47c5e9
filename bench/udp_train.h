/*
 * What asks Linux to cut what one call sends into datagrams, and to join what one call receives: for the load generator
 * of datagrams and the server that is written by hand.
 */
#ifndef BENCH_UDP_TRAIN_H
#define BENCH_UDP_TRAIN_H

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define UDP_TRAIN_SIZE 65535 /* the largest that is received */
#define UDP_TRAIN_MOST 65507 /* the largest that can be sent */

union udp_train_control {
    size_t alignment;
    char room[CMSG_SPACE(sizeof(int))];
};

/* The message is to be cut into datagrams of that size. */
static inline void udp_train_cut(struct msghdr *message, union udp_train_control *control, uint16_t size)
{
    *control = (union udp_train_control){.room = {0}};
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(sizeof size);
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    part->cmsg_level = IPPROTO_UDP;
    part->cmsg_type = UDP_SEGMENT;
    part->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(part), &size, sizeof size);
}

/* Gives a message that is received room for the size of its datagrams. */
static inline void udp_train_ask(struct msghdr *message, union udp_train_control *control)
{
    message->msg_control = control;
    message->msg_controllen = sizeof *control;
}

/* That size, after a message of `received` bytes has come. */
static inline size_t udp_train_each(struct msghdr *message, size_t received)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    int each;
    if (!part || part->cmsg_level != IPPROTO_UDP || part->cmsg_type != UDP_GRO)
        return received;
    memcpy(&each, CMSG_DATA(part), sizeof each);
    return (size_t)each;
}

static inline bool udp_train_join(int descriptor)
{
    const int yes = 1;
    return setsockopt(descriptor, IPPROTO_UDP, UDP_GRO, &yes, sizeof yes) == 0;
}

#endif
