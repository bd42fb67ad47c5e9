// Producers outside the pool: the main thread, or four threads that live as long as the process; see pool_produce.c.

using System;
using System.Threading;

namespace Apm.Bench;

internal static class Producers
{
    public static ulong BatchItems = 500000;

    private const int Threads = 4;

    private static readonly Barrier barrier = new(Threads + 1);
    private static bool areStarted;
    private static Action<ulong, ulong>? produce;
    private static ulong items;

    public static ulong ByOne(Action<ulong, ulong> produceItems, ulong count)
    {
        for (ulong left = count; left > 0; left -= Math.Min(left, BatchItems))
        {
            ulong batch = Math.Min(left, BatchItems);
            produceItems(0, batch);
            Count.Wait(batch, batch * (batch - 1) / 2);
        }
        return count;
    }

    public static ulong ByFour(Action<ulong, ulong> produceItems, ulong count)
    {
        if (!areStarted)
            Start();
        for (ulong left = count; left > 0; left -= Math.Min(left, BatchItems))
        {
            ulong batch = Math.Min(left, BatchItems);
            (produce, items) = (produceItems, batch);
            barrier.SignalAndWait();
            barrier.SignalAndWait();
            Count.Wait(batch, batch * (batch - 1) / 2);
        }
        return count;
    }

    private static void Start()
    {
        areStarted = true;
        for (ulong i = 0; i < Threads; i++)
        {
            ulong number = i;
            new Thread(() => Run(number)) { IsBackground = true }.Start();
        }
    }

    private static void Run(ulong number)
    {
        while (true)
        {
            barrier.SignalAndWait();
            ulong first = items * number / Threads;
            produce!(first, items * (number + 1) / Threads - first);
            barrier.SignalAndWait();
        }
    }
}
