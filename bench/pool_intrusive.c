/*
 * The cells whose items are memory of the benchmark's. Those of a producer are an array that each batch uses again;
 * those of a fork-join come from free lists, one a thread, as a program would have that avoids malloc.
 *
 * An item belongs to the pool from pool_queue_item until it is executed, and to whoever executes it from then on.
 */
#include "pool_cells.h"
#include "pool_count.h"
#include "pool_item.h"
#include "pool_peer.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES_AT_ONCE 1024u

struct node {
    pool_item item;
    uint64_t number; /* or a packed struct pool_fork */
    struct node *next_free;
};

static struct node *producer_nodes; /* one for each number of a batch; written once, before the first batch */
static _Thread_local struct node *free_nodes;

bool pool_intrusive_is_there(void)
{
    return pool_peer.has_items;
}

static struct node *to_node(pool_item *item)
{
    return (struct node *)((char *)item - offsetof(struct node, item));
}

static struct node *create_nodes(size_t count)
{
    struct node *nodes = calloc(count, sizeof *nodes);

    if (nodes == NULL) {
        fprintf(stderr, "%s: no memory\n", pool_peer.program);
        exit(1);
    }
    return nodes;
}

static void count(pool_item *item)
{
    pool_count_add(to_node(item)->number);
}

static void produce(uint64_t first, uint64_t items)
{
    for (uint64_t i = first; i < first + items; i++)
        pool_queue_item(&producer_nodes[i].item, false);
}

static void prepare_producer_nodes(void)
{
    if (producer_nodes != NULL)
        return;
    producer_nodes = create_nodes(pool_batch_items);
    for (uint64_t i = 0; i < pool_batch_items; i++) {
        producer_nodes[i].item.execute = count;
        producer_nodes[i].number = i;
    }
}

uint64_t pool_intrusive_one_producer(uint64_t items)
{
    prepare_producer_nodes();
    return pool_produce_by_one(produce, items);
}

uint64_t pool_intrusive_four_producers(uint64_t items)
{
    prepare_producer_nodes();
    return pool_produce_by_four(produce, items);
}

static void branch(pool_item *item);

static void queue_fork(struct pool_fork fork, bool local)
{
    if (free_nodes == NULL) {
        struct node *nodes = create_nodes(NODES_AT_ONCE);
        for (size_t i = 0; i < NODES_AT_ONCE; i++)
            nodes[i].next_free = i + 1 < NODES_AT_ONCE ? &nodes[i + 1] : NULL;
        free_nodes = nodes;
    }
    struct node *node = free_nodes;
    free_nodes = node->next_free;
    node->item.execute = branch;
    node->number = pool_fork_pack(fork);
    pool_queue_item(&node->item, local);
}

static void branch(pool_item *item)
{
    struct node *node = to_node(item);
    struct pool_fork fork = pool_fork_unpack(node->number);

    /* It is free before its children are made, so the first of them takes its place. */
    node->next_free = free_nodes;
    free_nodes = node;
    if (fork.depth > 0) {
        queue_fork(pool_fork_left(fork), true);
        queue_fork(pool_fork_right(fork), true);
    } else if (fork.is_left && fork.trees_after > 0) {
        queue_fork((struct pool_fork){POOL_FORK_DEPTH, true, fork.trees_after - 1}, true);
    }
    pool_count_add(fork.depth == 0);
}

uint64_t pool_intrusive_fork_join(uint64_t items)
{
    uint64_t trees;
    struct pool_fork root = pool_fork_root(items, &trees);

    queue_fork(root, false);
    pool_drain();
    pool_count_wait(trees * POOL_FORK_ITEMS, trees << POOL_FORK_DEPTH);
    return trees * POOL_FORK_ITEMS;
}
