// The cell mix, see pool_mix.c: the same items at the same times, and the same arithmetic in them.

using System;
using System.Threading;

namespace Apm.Bench;

internal static class Mix
{
    private const double Load = 0.6;
    private const double LongItemsPercent = 1;
    private const double LongNs = 10000000;
    private const double ShortNs = 10000;
    private const ulong Seed = 1;
    private const long LeadNs = 1000000;
    private const ulong CalibrationRounds = 2000000;

    private struct Record
    {
        public long DueNs;
        public long QueuedNs;
        public long StartedNs;
        public bool IsLong;
    }

    private static Record[] records = [];
    private static double roundsPerNs;
    [ThreadStatic] private static ulong sink;

    private static ulong Compute(ulong rounds, ulong number)
    {
        for (ulong i = 0; i < rounds; i++)
        {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
        }
        return number;
    }

    private static void Calibrate()
    {
        // The best of several, after the compiler has done its best, too.
        for (int i = 0; i < 60; i++)
        {
            long start = Native.NowNs();
            sink = Compute(CalibrationRounds, 1);
            roundsPerNs = Math.Max(roundsPerNs, CalibrationRounds / (double)(Native.NowNs() - start));
        }
    }

    private static double Draw(ref ulong state)
    {
        ulong bits = state += 0x9e3779b97f4a7c15;
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
        return ((bits ^ bits >> 31) >> 11) * Math.ScaleB(1, -53);
    }

    private static void Prepare(int workers, double seconds)
    {
        double capacity = Math.Min(workers, Environment.ProcessorCount);
        double meanNs = (LongItemsPercent * LongNs + (100 - LongItemsPercent) * ShortNs) / 100;
        double intervalNs = meanNs / (Load * capacity);
        ulong state = Seed;
        double dueNs = LeadNs;
        records = new Record[(int)(seconds * 1e9 / intervalNs) + 1];
        for (int i = 0; i < records.Length; i++)
        {
            dueNs -= Math.Log(1 - Draw(ref state)) * intervalNs;
            records[i].DueNs = (long)dueNs;
            records[i].IsLong = Draw(ref state) * 100 < LongItemsPercent;
        }
    }

    private static void Execute(int number)
    {
        ref Record record = ref records[number];
        record.StartedNs = Native.NowNs();
        sink = Compute((ulong)(roundsPerNs * (record.IsLong ? LongNs : ShortNs)), (ulong)record.DueNs | 1);
        Count.Add((ulong)number);
    }

    private static void QueueAll()
    {
        long start = Native.NowNs();
        for (int i = 0; i < records.Length; i++)
        {
            long due = start + records[i].DueNs;
            if (Native.NowNs() < due)
                Native.SleepUntil(due);
            records[i].QueuedNs = Native.NowNs();
            ThreadPool.UnsafeQueueUserWorkItem(static number => Execute(number), i, preferLocal: false);
        }
    }

    public static void Run(int workers, double seconds)
    {
        Calibrate();
        Prepare(workers, seconds);
        Native.SleepPrecisely();
        QueueAll();
        Count.Wait((ulong)records.Length, (ulong)records.Length * ((ulong)records.Length - 1) / 2);

        Record[] brief = Array.FindAll(records, static record => !record.IsLong);
        double[] waits = Array.ConvertAll(brief, static record => (record.StartedNs - record.QueuedNs) / 1e3);
        Array.Sort(waits);
        Console.WriteLine($"mix short_items {waits.Length}");
        Console.WriteLine($"mix long_items {records.Length - waits.Length}");
        Console.WriteLine($"mix p50_us {waits[waits.Length / 2]:F1}");
        Console.WriteLine($"mix p99_us {waits[waits.Length * 99L / 100]:F1}");
        Console.WriteLine($"mix max_us {waits[^1]:F1}");
    }
}
