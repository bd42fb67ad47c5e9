// .NET's ThreadPool in the pool benchmark: command line, warm-up, measuring and output as in pool_main.c.
// usage: pool_dotnet workers [CELL | mix | blocking] [--seconds S] [--warmup S] [--batch N]

using System;
using System.Globalization;
using System.Threading;

namespace Apm.Bench;

internal static class PoolMain
{
    private const ulong WarmupItems = 100;

    private static int workers;
    private static string? what;
    private static double seconds;

    // The methods of the pool are compiled for the last time after some tenths of a second of work.
    private static double warmupSeconds = 1;

    public static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (!Parse(arguments))
        {
            Console.Error.WriteLine("usage: pool_dotnet workers [CELL | mix | blocking] [--seconds S] [--warmup S] " +
                                    "[--batch N]");
            return 2;
        }
        ThreadPool.SetMinThreads(workers, workers);
        if (what == "blocking")
            return Blocking.RunAll(workers, seconds > 0 ? seconds : 40);
        foreach ((string name, Action<int, TimeSpan> run) in Blocking.Parts)
        {
            if (name != what)
                continue;
            run(workers, TimeSpan.FromSeconds(seconds));
            return 0;
        }
        if (what == "mix")
        {
            WarmUp(Cells.All[0].Run);
            Mix.Run(workers, seconds > 0 ? seconds : 5);
            return 0;
        }
        if (!ThreadPool.SetMaxThreads(workers, workers))
        {
            Console.Error.WriteLine($"pool_dotnet: this machine takes no maximum of {workers} threads");
            return 1;
        }
        return RunCells();
    }

    private static bool Parse(string[] arguments)
    {
        if (arguments.Length == 0 || !int.TryParse(arguments[0], out workers) || workers < 1)
            return false;
        int next = 1;
        if (next < arguments.Length && !arguments[next].StartsWith('-'))
            what = arguments[next++];
        for (; next < arguments.Length; next += 2)
        {
            if (next + 1 == arguments.Length || !double.TryParse(arguments[next + 1], out double value) || value <= 0)
                return false;
            if (arguments[next] == "--seconds")
                seconds = value;
            else if (arguments[next] == "--warmup")
                warmupSeconds = value;
            else if (arguments[next] == "--batch")
                Producers.BatchItems = (ulong)value;
            else
                return false;
        }
        return true;
    }

    private static int RunCells()
    {
        bool found = false;
        foreach ((string name, Func<ulong, ulong> run) in Cells.All)
        {
            if (what is not null && what != name)
                continue;
            found = true;
            double itemNs = WarmUp(run);
            long start = Native.NowNs();
            long cpuStart = Native.CpuNs();
            ulong items = run((ulong)((seconds > 0 ? seconds : 0.5) * 1e9 / itemNs) + 1);
            double wall = Native.NowNs() - start;
            double cpu = Native.CpuNs() - cpuStart;
            Console.WriteLine($"{name} {wall / items:F1} {cpu / items:F1}");
        }
        Count.Wait(0, 0);
        if (!found)
            Console.Error.WriteLine($"pool_dotnet: there is no cell {what}");
        return found ? 0 : 2;
    }

    // Returns how long an item took in the last run.
    private static double WarmUp(Func<ulong, ulong> run)
    {
        long start = Native.NowNs();
        for (ulong items = WarmupItems;; items *= 2)
        {
            long before = Native.NowNs();
            ulong count = run(items);
            long now = Native.NowNs();
            if (items > WarmupItems && now - start >= warmupSeconds * 1e9)
                return (now - before) / (double)count;
        }
    }
}
