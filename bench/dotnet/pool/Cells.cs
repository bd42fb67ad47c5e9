// The cells of pool_cells.c and pool_intrusive.c, on .NET's ThreadPool in its fastest forms: the Unsafe ones, which
// carry no execution context, a generic state, which is not boxed, and items that are objects of the program's.

using System;
using System.Collections.Generic;
using System.Threading;

namespace Apm.Bench;

// The state of an item of a fork-join, packed as in pool_cells.h.
internal readonly record struct Fork(uint Depth, bool IsLeft, uint TreesAfter)
{
    public const int TreeDepth = 16;
    public const ulong TreeItems = (2ul << TreeDepth) - 1;

    public Fork(ulong bits) : this((uint)(bits & 0xff), (bits >> 8 & 1) != 0, (uint)(bits >> 9))
    {
    }

    public ulong Bits => (ulong)TreesAfter << 9 | (IsLeft ? 1ul << 8 : 0) | Depth;
    public Fork Left => new(Depth - 1, IsLeft, TreesAfter);
    public Fork Right => new(Depth - 1, false, 0);
    public bool StartsNext => IsLeft && TreesAfter > 0;
    public Fork Next => new(TreeDepth, true, TreesAfter - 1);
}

internal static class Cells
{
    // Each runs about so many items, at least one, and returns how many they were.
    public static readonly List<(string Name, Func<ulong, ulong> Run)> All =
    [
        ("one_producer", items => Producers.ByOne(Produce, items)),
        ("four_producers", items => Producers.ByFour(Produce, items)),
        ("fork_join", ForkJoin),
        ("ping_pong", PingPong),
        ("ping_pong_slim", PingPongSlim),
        ("one_producer_intrusive", items => Producers.ByOne(ProduceNodes, items)),
        ("four_producers_intrusive", items => Producers.ByFour(ProduceNodes, items)),
        ("fork_join_intrusive", ForkJoinOfNodes),
    ];

    private static readonly AutoResetEvent answered = new(false);
    private static readonly ManualResetEventSlim answeredSlim = new(false);
    private static readonly CountNode[] nodes = new CountNode[Producers.BatchItems]; // after the options

    private static void Produce(ulong first, ulong items)
    {
        for (ulong i = first; i < first + items; i++)
            ThreadPool.UnsafeQueueUserWorkItem(static number => Count.Add(number), i, preferLocal: false);
    }

    private static void Branch(ulong bits)
    {
        Fork fork = new(bits);
        if (fork.Depth > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static bits => Branch(bits), fork.Left.Bits, preferLocal: true);
            ThreadPool.UnsafeQueueUserWorkItem(static bits => Branch(bits), fork.Right.Bits, preferLocal: true);
        }
        else if (fork.StartsNext)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static bits => Branch(bits), fork.Next.Bits, preferLocal: true);
        }
        Count.Add(fork.Depth == 0 ? 1u : 0u);
    }

    private static ulong ForkJoin(ulong items)
    {
        ulong trees = items / Fork.TreeItems + 1;
        Fork root = new(Fork.TreeDepth, true, (uint)(trees - 1));
        ThreadPool.UnsafeQueueUserWorkItem(static bits => Branch(bits), root.Bits, preferLocal: false);
        Count.Wait(trees * Fork.TreeItems, trees << Fork.TreeDepth);
        return trees * Fork.TreeItems;
    }

    private static ulong PingPong(ulong items)
    {
        for (ulong i = 0; i < items; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static number =>
            {
                Count.Add(number);
                answered.Set();
            }, i, preferLocal: false);
            answered.WaitOne();
        }
        Count.Wait(items, items * (items - 1) / 2);
        return items;
    }

    private static ulong PingPongSlim(ulong items)
    {
        for (ulong i = 0; i < items; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static number =>
            {
                Count.Add(number);
                answeredSlim.Set();
            }, i, preferLocal: false);
            answeredSlim.Wait();
            answeredSlim.Reset();
        }
        Count.Wait(items, items * (items - 1) / 2);
        return items;
    }

    private sealed class CountNode(ulong number) : IThreadPoolWorkItem
    {
        public void Execute() => Count.Add(number);
    }

    private static void ProduceNodes(ulong first, ulong items)
    {
        // Made by the first batch, in the warm-up, and queued again by each batch.
        for (ulong i = first; i < first + items; i++)
            ThreadPool.UnsafeQueueUserWorkItem(nodes[i] ??= new CountNode(i), preferLocal: false);
    }

    // Nodes are new objects: that is less work than a list of free ones.
    private sealed class ForkNode(Fork fork) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            if (fork.Depth > 0)
            {
                ThreadPool.UnsafeQueueUserWorkItem(new ForkNode(fork.Left), preferLocal: true);
                ThreadPool.UnsafeQueueUserWorkItem(new ForkNode(fork.Right), preferLocal: true);
            }
            else if (fork.StartsNext)
            {
                ThreadPool.UnsafeQueueUserWorkItem(new ForkNode(fork.Next), preferLocal: true);
            }
            Count.Add(fork.Depth == 0 ? 1u : 0u);
        }
    }

    private static ulong ForkJoinOfNodes(ulong items)
    {
        ulong trees = items / Fork.TreeItems + 1;
        Fork root = new(Fork.TreeDepth, true, (uint)(trees - 1));
        ThreadPool.UnsafeQueueUserWorkItem(new ForkNode(root), preferLocal: false);
        Count.Wait(trees * Fork.TreeItems, trees << Fork.TreeDepth);
        return trees * Fork.TreeItems;
    }
}
