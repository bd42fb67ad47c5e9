// Counts the items that have run and adds up their numbers, as pool_count.h does for the peers in C: counters of each
// thread's own, and a waiter that looks every 100 us.

using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Apm.Bench;

internal static class Count
{
    private const uint LookIntervalUs = 100;
    private static readonly TimeSpan waitLimit = TimeSpan.FromSeconds(60);

    // On cache lines of its own; written by its thread only.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private sealed class Own
    {
        [FieldOffset(128)] public ulong Items;
        [FieldOffset(136)] public ulong Sum;
    }

    [ThreadStatic] private static Own? own;
    private static readonly Own?[] all = new Own?[4096];
    private static int taken;
    private static (ulong Items, ulong Sum) expected; // the main thread's

    // An item with this number has run.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(ulong number)
    {
        Own mine = own ?? Take();
        mine.Sum += number;
        Volatile.Write(ref mine.Items, mine.Items + 1);
    }

    private static Own Take()
    {
        own = new Own();
        Volatile.Write(ref all[Interlocked.Increment(ref taken) - 1], own);
        return own;
    }

    private static (ulong Items, ulong Sum) Read()
    {
        ulong items = 0, sum = 0;
        for (int i = 0; i < Volatile.Read(ref taken); i++)
        {
            if (Volatile.Read(ref all[i]) is not { } other)
                continue;
            items += Volatile.Read(ref other.Items);
            sum += Volatile.Read(ref other.Sum);
        }
        return (items, sum);
    }

    // Waits until so many items more have run than it has waited for before, and ends the process with status 1 if
    // their number or sum is wrong. The main thread only.
    public static void Wait(ulong items, ulong sum)
    {
        long start = Stopwatch.GetTimestamp();
        (ulong Items, ulong Sum) now = Read();
        expected = (expected.Items + items, expected.Sum + sum);
        while (now.Items < expected.Items && Stopwatch.GetElapsedTime(start) < waitLimit)
        {
            Native.Sleep(LookIntervalUs);
            now = Read();
        }
        if (now == expected)
            return;
        Console.Error.WriteLine($"pool_dotnet: {now.Items} items with sum {now.Sum} have run, not {expected.Items} " +
                                $"with {expected.Sum}");
        Environment.Exit(1);
    }
}
